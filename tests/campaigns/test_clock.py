"""What is decided about periods, and when something happened, is told by the clock of the database."""

from datetime import timedelta

import pytest
from django.urls import reverse

from campaigns.models import Campaign, Deposit, Order, OrderState
from giftcodes import services as giftcodes
from giftcodes.models import Activation, Batch, Delivery
from ledger.statements import database_time
from tests.campaigns import promos
from tests.campaigns.conftest import SetClock
from tests.campaigns.pages import act, bytes_of, order_data, signed_in, told
from tests.factors import let_in
from tests.make import NOON

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("noon")]

HOUR = timedelta(hours=1)


def test_every_step_of_an_order_has_the_moment_of_the_database(set_database_clock: SetClock) -> None:
    team = promos.team()
    order = promos.draft(team, activation=Activation.BY_HAND)
    marketer, approver = signed_in(team.marketer), signed_in(team.approver)
    act(marketer, order, "submit")
    order.refresh_from_db()
    assert order.submitted_at == NOON
    set_database_clock(NOON + HOUR)
    let_in(approver, team.approver)
    act(approver, order, "approve", submitted_hash=order.submitted_hash)
    order.refresh_from_db()
    batch = Batch.objects.get()
    assert (order.decided_at, batch.approved_at) == (NOON + HOUR, NOON + HOUR)
    while giftcodes.mint_next_chunk(batch_id=batch.pk, at=NOON + HOUR):
        pass
    set_database_clock(NOON + 2 * HOUR)
    let_in(approver, team.approver)
    act(approver, order, "activate")
    bytes_of(act(marketer, order, "download"))
    let_in(marketer, team.marketer)
    act(marketer, order, "passphrase")
    batch.refresh_from_db()
    delivery = Delivery.objects.get()
    assert batch.activated_at == NOON + 2 * HOUR
    assert (delivery.downloaded_at, delivery.passphrase_shown_at) == (NOON + 2 * HOUR, NOON + 2 * HOUR)


def test_a_rejection_and_a_return_have_the_moment_of_the_database() -> None:
    team = promos.team()
    order = promos.submitted(team)
    act(signed_in(team.approver), order, "reject", note="too many")
    order.refresh_from_db()
    assert order.decided_at == NOON
    act(signed_in(team.marketer), order, "reopen")
    assert order.history.get(history_change_reason="reopened").history_date == NOON


def test_a_deposit_has_the_moments_of_the_database(set_database_clock: SetClock) -> None:
    team = promos.team(funds=0)
    data = {
        "brand": team.brand.pk,
        "points": "700",
        "reference": "T-1",
        "form_number": "0b9e6d0c-5c0a-4a53-9d0e-2c9a6a3b8f11",
    }
    signed_in(team.finance).post(reverse("admin:campaigns_deposit_add"), data)
    deposit = Deposit.objects.get()
    set_database_clock(NOON + HOUR)
    signed_in(team.other_finance).post(reverse("admin:campaigns_deposit_confirm", args=(deposit.pk,)))
    deposit.refresh_from_db()
    assert (deposit.requested_at, deposit.decided_at) == (NOON, NOON + HOUR)


def test_a_window_has_ended_when_the_database_says_so(set_database_clock: SetClock) -> None:
    team = promos.team()
    order, waiting = promos.draft(team), promos.submitted(team)
    set_database_clock(order.claim_until)
    assert "ended already" in told(act(signed_in(team.marketer), order, "submit"))
    answer = act(signed_in(team.approver), waiting, "approve", submitted_hash=waiting.submitted_hash)
    assert "ended already" in told(answer)
    typed = signed_in(team.marketer).post(
        reverse("admin:campaigns_order_add"), order_data(order.campaign, claim_until="2026-11-20T23:59")
    )
    assert "ended already" in typed.content.decode()
    assert list(Order.objects.order_by("pk").values_list("state", flat=True)) == [
        OrderState.DRAFT,
        OrderState.SUBMITTED,
    ]


def test_a_form_offers_the_campaigns_that_run_by_the_clock_of_the_database(
    set_database_clock: SetClock,
) -> None:
    team = promos.team()
    promotion = promos.campaign(team)
    client = signed_in(team.marketer)

    def offered() -> list[Campaign]:
        form = client.get(reverse("admin:campaigns_order_add")).context["adminform"].form
        return list(form.fields["campaign"].queryset)

    assert offered() == [promotion]
    set_database_clock(promotion.ends_at)
    assert offered() == []


@pytest.mark.parametrize(("days", "words"), [((1, 2), "not begun"), ((-1, 1), "running"), ((-2, -1), "over")])
def test_the_list_of_campaigns_tells_their_stage(
    days: tuple[int, int], words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.undo()  # the list asks the clock in its own query
    team, now = promos.team(), database_time()
    promos.campaign(team, starts_at=now + days[0] * 24 * HOUR, ends_at=now + days[1] * 24 * HOUR)
    page = signed_in(team.marketer).get(reverse("admin:campaigns_campaign_changelist"))
    assert f">{words}</span>" in page.content.decode()
