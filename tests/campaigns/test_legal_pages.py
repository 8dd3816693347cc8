"""The pages of an order: what the law says of it, what it would mean, and the sign-off."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from campaigns import services as campaigns
from campaigns.legal import LegalForm, Tie
from campaigns.legal_models import LegalSignOff
from campaigns.models import Campaign, Order, OrderState
from giftcodes import services as giftcodes
from parties.models import Brand
from tests import make
from tests.campaigns import promos
from tests.campaigns.pages import act, order_data, page, signed_in, told
from tests.make import NOON

pytestmark = pytest.mark.django_db


def to_all(team: promos.Team, price: int = 500) -> Campaign:
    return promos.campaign(team, legal_form=LegalForm.TO_ALL, tie=Tie.PURCHASE, tied_price_yen=price)


def asks_counsel(team: promos.Team) -> Campaign:
    return promos.campaign(team, legal_form=LegalForm.OPEN, tie=Tie.NONE)


def beside(client: Client, data: dict[str, Any], **headers: str) -> str:
    return client.post(reverse("admin:campaigns_order_cost"), data, headers=headers).content.decode()


def test_the_check_follows_the_typing() -> None:
    team = promos.team()
    client, data = signed_in(team.marketer), order_data(to_all(team))
    text = beside(client, data)
    assert "100 ≤ (500 &lt; 1,000) = 200" in text
    assert "FAIL" not in text
    assert "2023-10-01" in text
    text = beside(client, data | {"face_points": "201"})
    assert "201 &gt; (500 &lt; 1,000) = 200" in text
    assert "FAIL" in text
    assert "a rule forbids it" in text
    assert text.index("FAIL") < text.index("PASS")


def test_the_most_that_a_gift_can_have_is_what_counts_while_typing() -> None:
    team = promos.team()
    client, data = signed_in(team.marketer), order_data(to_all(team), issuing="api", most_points="201")
    assert "201 &gt; (500 &lt; 1,000) = 200" in beside(client, data)
    assert "100 ≤ (500 &lt; 1,000) = 200" in beside(client, data | {"issuing": "file"})


@pytest.mark.both
@pytest.mark.parametrize("name", ["claim_until", "lot_life_days", "most_points"])
@pytest.mark.parametrize("typed", ["", "abc", "-1", "9" * 40, "99999", "9999-12-31T23:59", "\x00"])
def test_the_check_survives_whatever_is_typed(name: str, typed: str) -> None:
    team = promos.team()
    text = beside(signed_in(team.marketer), order_data(to_all(team)) | {name: typed, "issuing": "api"})
    assert "Funds now" in text
    assert ("what the law says of them appears here" in text) == (name != "most_points")


def test_without_a_legal_form_the_way_to_it_is_shown() -> None:
    team = promos.team()
    promotion = promos.campaign(team, legal_form="")
    client = signed_in(team.marketer)
    address = reverse("admin:campaigns_campaign_change", args=(promotion.pk,))
    assert address in beside(client, order_data(promotion))
    answer = act(client, promos.draft(team, promotion=promotion), "submit")
    assert "legal form first" in told(answer)


def test_the_worst_case_and_the_density_are_told_with_their_limits() -> None:
    team = promos.team()
    promotion = to_all(team)
    promos.submitted(team, promotion=promotion)
    text = beside(signed_in(team.marketer), order_data(promotion))
    assert "5,000 yen" in text
    assert "at the latest on 29 May 2027" in text  # claimed on 30 November, then 180 days
    assert "10,000 yen" in text  # with the other order
    assert "warned about below 10,000,000, refused below 1,000,000" in text
    assert f"{10**14 // 50:,}" in text
    assert "estimate" not in text  # no basis, no estimate


def closed(brand: Brand, *, claimed: int, voided: int = 0) -> None:
    """A batch of ten codes of the brand that is over."""
    make.deposit(brand, 5_000)
    batch = make.live_batch(brand=brand, size=10)
    for place in range(claimed):
        giftcodes.claim_code(text=make.code_of(batch, place), member=make.member(), at=NOON)
    if voided:
        last = batch.first_serial + 9
        span: dict[str, Any] = {"first_serial": last - voided + 1, "last_serial": last}
        giftcodes.void_codes(batch_id=batch.pk, **span, **make.decided(batch))
    giftcodes.close_batch(batch_id=batch.pk, at=batch.claim_until)


def test_expected_claims_are_an_estimate_with_its_basis() -> None:
    """12 of 28 codes that people got were claimed: of 50, that makes 21."""
    team = promos.team()
    client, data = signed_in(team.marketer), order_data(to_all(team))
    closed(team.brand, claimed=4)
    text = beside(client, data)
    assert "20 codes, 2,000 points" in text
    assert "of 1 closed batch of the brand, 40 % claimed" in text
    closed(team.brand, claimed=1)
    closed(team.brand, claimed=7, voided=2)
    closed(promos.team().brand, claimed=10)
    make.live_batch(brand=team.brand, size=10)
    text = beside(client, data)
    assert "21 codes, 2,100 points" in text
    assert "of 3 closed batches of the brand, 42 % claimed" in text
    assert "(10–87 %)" in text
    for _more in range(6):
        closed(team.brand, claimed=0)
    with CaptureQueriesContext(connection) as few:
        beside(client, data)
    closed(team.brand, claimed=0)
    with CaptureQueriesContext(connection) as more:
        beside(client, data)
    assert len(more) == len(few) < 40
    assert not any("giftcodes_claim" in query["sql"] for query in more)
    assert "estimate" not in beside(client, data | {"issuing": "api"})  # gifts come to people otherwise


def test_the_page_of_a_waiting_order_shows_what_was_found() -> None:
    team = promos.team()
    order = promos.submitted(team, promotion=to_all(team))
    text = page(signed_in(team.approver), order)
    assert "100 ≤ (500 &lt; 1,000) = 200" in text
    assert "Kept as it was found on 2 November 2026, 12:00." in text
    assert "総付制限告示 1" in text
    Campaign.objects.update(tied_price_yen=5_000)
    assert "100 ≤ (500 &lt; 1,000) = 200" in page(signed_in(team.approver), order)


def test_the_page_of_an_order_from_before_the_check_says_so() -> None:
    team = promos.team()
    order = promos.draft(team)
    Order.objects.filter(pk=order.pk).update(
        state=OrderState.SUBMITTED, submitted_at=NOON, submitted_hash="0" * 64
    )
    text = page(signed_in(team.approver), order)
    assert "before there was a legal check" in text


def test_counsel_is_signed_for_on_the_page_and_then_it_can_be_approved() -> None:
    team = promos.team()
    order = promos.submitted(team, promotion=asks_counsel(team))
    marketer, approver = signed_in(team.marketer), signed_in(team.approver)
    assert "sign-off/" in page(approver, order)
    assert "sign-off/" not in page(marketer, order)
    assert "An approver other than the requester has to sign" in page(marketer, order)
    assert "nobody has signed" in told(act(approver, order, "approve", submitted_hash=order.submitted_hash))
    assert "Enter who was asked" in told(act(approver, order, "sign_off", counsel="", note="x"))
    said = {"counsel": "弁護士 甲野花子", "note": "Fine: <b>no tie</b>."}
    assert "can be approved now" in told(act(approver, order, "sign_off", **said))
    text = page(marketer, order)
    assert "弁護士 甲野花子" in text
    assert "Fine: &lt;b&gt;no tie&lt;/b&gt;." in text
    assert str(team.approver) in text
    assert "Approved" in told(act(approver, order, "approve", submitted_hash=order.submitted_hash))
    assert "弁護士 甲野花子" in page(approver, order)


def test_nobody_else_signs() -> None:
    team = promos.team()
    order = promos.submitted(team, promotion=asks_counsel(team))
    said = {"counsel": "A", "note": "B"}
    address = reverse("admin:campaigns_order_sign_off", args=(order.pk,))
    for person in (team.marketer, team.finance, promos.team().approver):
        assert signed_in(person).post(address, said).status_code == 404
    assert signed_in(team.approver).get(address).status_code == 405
    assert not LegalSignOff.objects.exists()


def test_a_draft_of_somebody_elses_shows_what_would_be_found() -> None:
    team = promos.team()
    order = promos.draft(team, promotion=to_all(team), claim_until=NOON + timedelta(days=3))
    text = page(signed_in(team.approver), order)
    assert "100 ≤ (500 &lt; 1,000) = 200" in text
    assert "Kept as it was found" not in text
    campaigns.submit_order(order_id=order.pk, user=team.marketer, at=NOON)
