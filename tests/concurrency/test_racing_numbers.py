"""First claims at once for a number that nobody has used: one member, one wallet."""

import threading
from functools import partial

import pytest
from django.db import IntegrityError, connections

from giftcodes import audit as giftcodes_audit
from giftcodes import services as giftcodes
from giftcodes.errors import CodeNotUsable
from giftcodes.models import Batch
from giftcodes.services import Claimed
from ledger import audit, queries
from ledger.models import Account, AccountKind
from parties import services as parties
from parties.models import Member, MembershipNumber
from parties.services import NumberOf
from tests import make
from tests.concurrency.racing import race
from tests.giftcodes.guarded import stranger
from tests.make import NOON

pytestmark = pytest.mark.django_db(transaction=True)
RACERS = 8


def give(batch: Batch, place: int, number: str) -> Claimed:
    """From as many homes as racers: the guard is not what is tried here."""
    asker = stranger(batch, f"browser {place}", address=f"10.0.{place}.1", number=number)
    return giftcodes.try_code_for_number(text=make.code_of(batch, place), asker=asker, at=NOON)


def test_first_claims_at_once_make_one_member_and_one_wallet() -> None:
    batch, number = make.live_batch(size=RACERS), make.membership_number()
    outcomes = race(*(partial(give, batch, place, number) for place in range(RACERS)))
    assert [type(outcome) for outcome in outcomes] == [Claimed] * RACERS
    member = Member.objects.get()
    assert MembershipNumber.objects.get().member == member
    assert Account.objects.filter(kind=AccountKind.WALLET).count() == 1
    assert queries.wallet_balance(member, batch.brand.program_id) == RACERS * batch.face_points
    assert not [*audit.differences(), *giftcodes_audit.differences()]


def test_one_code_pressed_at_once_in_one_browser_is_told_to_each() -> None:
    batch, number = make.live_batch(size=1), make.membership_number()
    outcomes = race(*[partial(give, batch, 0, number)] * 4)
    told = [outcome.is_repeat for outcome in outcomes if isinstance(outcome, Claimed)]
    assert sorted(told) == [False, True, True, True]
    assert Member.objects.count() == 1


def test_one_code_for_many_new_numbers_makes_one_member() -> None:
    batch = make.live_batch(size=1)
    outcomes = race(*(partial(give, batch, 0, make.membership_number()) for _ in range(RACERS)))
    assert [type(outcome) for outcome in outcomes].count(CodeNotUsable) == RACERS - 1
    assert Member.objects.count() == MembershipNumber.objects.count() == 1


def test_control_looking_first_meets_the_unique_key_or_leaves_members_behind() -> None:
    of, gate = NumberOf(make.brand().pk, make.membership_number()), threading.Barrier(RACERS, timeout=30)

    def look_then_make() -> Member:
        found = parties.find_member(of)
        gate.wait()
        try:
            member = found or Member.objects.create()
            MembershipNumber.objects.create(
                brand_id=of.brand_id, digest=parties._digests(of)[0], tail="0000", member=member
            )
            return member
        finally:
            connections.close_all()

    outcomes = race(*[look_then_make] * RACERS)
    assert [type(outcome) for outcome in outcomes].count(IntegrityError) == RACERS - 1
    assert Member.objects.count() == RACERS  # all but one of nobody
