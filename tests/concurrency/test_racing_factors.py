"""One-time codes, tries and removals of second factors under racers."""

import threading
from functools import partial
from typing import Any

import pytest
from allauth.mfa.models import Authenticator

from parties import factor_services
from parties.errors import FactorRefused, FactorsExhausted, LastFactor
from parties.staff_models import FactorGuard
from tests import factors, make
from tests.concurrency.racing import race
from tests.make import NOON

pytestmark = pytest.mark.django_db(transaction=True)


def test_control_reading_the_newest_step_first_takes_a_code_eight_times() -> None:
    person = make.user(is_staff=True)
    FactorGuard.objects.create(user=person, since=NOON)
    gate = threading.Barrier(8, timeout=30)

    def is_new() -> bool:
        found = FactorGuard.objects.get(pk=person.pk).newest_step == 0
        gate.wait()
        return found

    assert race(*[is_new] * 8) == [True] * 8


def test_of_eight_uses_of_a_code_at_once_one_counts() -> None:
    person = make.user(is_staff=True)
    app = factors.app_of(person)
    use = partial(factor_services.check_code, user=person, code=factors.code_at(NOON), at=NOON)
    outcomes: list[Any] = race(*[use] * 8)
    assert outcomes.count(app) == 1
    assert [type(outcome) for outcome in outcomes].count(FactorRefused) == 7


def test_of_eight_uses_of_a_recovery_code_at_once_one_counts() -> None:
    person = make.user(is_staff=True)
    code = factor_services.renew_recovery_codes(user=person)[0]
    use = partial(factor_services.check_code, user=person, code=code, at=NOON)
    outcomes: list[Any] = race(*[use] * 8)
    assert [type(outcome) for outcome in outcomes].count(Authenticator) == 1
    assert factor_services.recovery_codes_left(person) == 9


def test_a_burst_gets_ten_tries_and_no_more() -> None:
    person = make.user(is_staff=True)
    factors.app_of(person)
    guess = partial(factor_services.check_code, user=person, code="1", at=NOON)
    outcomes: list[Any] = race(*[guess] * 16)
    kinds = [type(outcome) for outcome in outcomes]
    assert (kinds.count(FactorRefused), kinds.count(FactorsExhausted)) == (10, 6)


def test_of_two_removals_at_once_one_factor_stays() -> None:
    person = make.user(is_staff=True)
    app = factors.app_of(person)
    other = Authenticator.objects.create(user=person, type=Authenticator.Type.WEBAUTHN, data={})
    outcomes: list[Any] = race(
        *(partial(factor_services.remove_factor, user=person, factor_id=row.pk) for row in (app, other))
    )
    assert [type(outcome) for outcome in outcomes if outcome] == [LastFactor]
    assert factor_services.factors_of(person).count() == 1
