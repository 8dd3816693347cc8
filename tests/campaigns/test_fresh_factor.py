"""What creates value asks for a second factor of the last five minutes, in the service and at its door."""

import uuid
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from django.urls import reverse

from campaigns import services as campaigns
from campaigns.models import Deposit, Order
from giftcodes.models import Batch, BatchState
from ledger import queries as ledger_queries
from ledger import services as ledger
from ledger.expiry import JAPAN, ExpiryPolicy
from parties.errors import FactorStale
from parties.models import Role
from parties.second_factor import FRESH_FOR
from tests import make
from tests.campaigns import promos
from tests.campaigns.conftest import SetClock
from tests.campaigns.pages import act, signed_in, told
from tests.campaigns.test_deposits import recorded
from tests.factors import code_at, let_in
from tests.make import NOON

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("noon")]

Act = Callable[..., Any]
SECOND = timedelta(seconds=1)


def approving() -> Act:
    team = promos.team()
    order = promos.submitted(team)
    return partial(
        campaigns.approve_order,
        order_id=order.pk,
        approver=team.approver,
        submitted_hash=order.submitted_hash,
        site_url=promos.SITE,
    )


def _minted() -> tuple[promos.Team, Order]:
    team = promos.team()
    order = promos.submitted(team)
    batch = promos.approve(order, team.approver)
    Batch.objects.filter(pk=batch.pk).update(state=BatchState.MINTED, minted_codes=50, minted_at=NOON)
    return team, order


def activating() -> Act:
    team, order = _minted()
    return partial(campaigns.activate_codes, order_id=order.pk, user=team.approver)


def resuming() -> Act:
    team, order = _minted()
    campaigns.activate_codes(order_id=order.pk, user=team.approver, verified_at=NOON, at=NOON)
    campaigns.pause_codes(order_id=order.pk, user=team.marketer, reason="leak", at=NOON)
    return partial(campaigns.resume_codes, order_id=order.pk, user=team.approver, reason="all is well")


def depositing() -> Act:
    team = promos.team(funds=0)
    return partial(campaigns.confirm_deposit, deposit_id=recorded(team).pk, user=team.other_finance)


def adjusting() -> Act:
    team = promos.team()
    wallet = make.wallet(make.member(), team.brand.program)
    asked = ledger.request_adjustment(
        public_id=uuid.uuid4(),
        brand_id=team.brand.pk,
        asked=ledger.GrantAsked(wallet.pk, 100, ExpiryPolicy.after_days(90)),
        reason="the register was down",
        user=team.finance,
        at=NOON,
    )
    return partial(
        ledger.confirm_adjustment,
        adjustment_id=asked.pk,
        user=team.other_finance,
        fingerprint=asked.fingerprint,
    )


def settling() -> Act:
    program = make.brand().program
    midnight = NOON.astimezone(JAPAN).replace(hour=0)
    first, second = make.staff(Role.FINANCE, None), make.staff(Role.FINANCE, None)
    statement = ledger.prepare_settlement(program_id=program.pk, ends_at=midnight, user=first, at=NOON)
    return partial(ledger.close_settlement, settlement_id=statement.pk, user=second, sha256=statement.sha256)


@pytest.mark.parametrize("prepare", [approving, activating, resuming, depositing, adjusting, settling])
def test_an_act_takes_a_factor_of_the_last_five_minutes_and_no_other(prepare: Callable[[], Act]) -> None:
    do = prepare()
    for verified_at in (None, NOON - FRESH_FOR - SECOND, NOON + timedelta(minutes=1)):
        with pytest.raises(FactorStale):
            do(verified_at=verified_at, at=NOON)
    do(verified_at=NOON - FRESH_FOR, at=NOON)


def test_the_door_asks_again_and_leads_back_and_nothing_has_happened(set_database_clock: SetClock) -> None:
    team = promos.team()
    order = promos.submitted(team)
    client = signed_in(team.approver)
    page = reverse("admin:campaigns_order_change", args=(order.pk,))
    later = NOON + FRESH_FOR + SECOND
    set_database_clock(later)
    press = partial(
        client.post,
        reverse("admin:campaigns_order_approve", args=(order.pk,)),
        {"submitted_hash": order.submitted_hash},
        headers={"referer": f"http://testserver{page}"},
    )

    answer = press()

    assert promos.nothing_is_reserved(team)
    asked = client.get(answer["Location"])
    assert "Please confirm that it is you" in asked.content.decode()
    back = client.post(reverse("staff_check"), {"code": code_at(later), "next": asked.context["next_page"]})
    assert back["Location"].endswith(page)
    press()
    assert Batch.objects.exists()


def test_the_deposits_door_asks_too(set_database_clock: SetClock) -> None:
    team = promos.team(funds=0)
    deposit = recorded(team)
    client = let_in(signed_in(team.other_finance), team.other_finance, verified_at=NOON - timedelta(hours=1))
    answer = client.post(reverse("admin:campaigns_deposit_confirm", args=(deposit.pk,)))
    assert answer["Location"].startswith(reverse("staff_check"))
    assert ledger_queries.funds_of(team.brand) == 0
    assert Deposit.objects.get().decided_at is None


def test_stopping_needs_no_fresh_factor_and_going_on_does(set_database_clock: SetClock) -> None:
    team, order = _minted()
    client = signed_in(team.approver)
    act(client, order, "activate")
    set_database_clock(NOON + timedelta(hours=1))
    assert "Paused" in told(act(client, order, "pause", reason="leak"))
    assert act(client, order, "resume", reason="well").resolver_match.url_name == "staff_check"
    assert Batch.objects.get().state == BatchState.PAUSED
