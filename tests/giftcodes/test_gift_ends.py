"""How gifts end: claimed, withdrawn, expired, closed with their batch; and where their points are then."""

from datetime import timedelta

import pytest

from giftcodes import audit as giftcodes_audit
from giftcodes import gift_queries, queries, reports, tasks
from giftcodes import services as giftcodes
from giftcodes.errors import (
    BatchRefused,
    BudgetExhausted,
    CodeNotUsable,
    GiftClaimed,
    GiftRefused,
    NotIssuing,
)
from giftcodes.gift_models import Gift, GiftState, GiftVoid
from giftcodes.gift_queries import Amount
from giftcodes.models import SANDBOX_SERIES, Batch, Series
from giftcodes.services import GiftWanted, IssuedGift
from ledger import audit as ledger_audit
from ledger import queries as ledger_queries
from ledger.models import Account, Lot
from parties.errors import NotReachable
from tests import make
from tests.make import NOON

pytestmark = pytest.mark.django_db
LATER = NOON + timedelta(days=5)


def row_of(gift: IssuedGift) -> Gift:
    return Gift.objects.get(pk=gift.serial_number)


def no_differences() -> None:
    assert [*ledger_audit.differences(), *giftcodes_audit.differences()] == []
    assert [difference for proof in reports.prove() for difference in proof.differences] == []


def test_a_withdrawn_gift_can_not_be_claimed_and_its_points_are_in_the_funds_again() -> None:
    batch = make.gift_batch(size=10, face_points=500)
    client = make.api_client(batch.brand)
    [gift] = make.gifts(batch, GiftWanted(points=700), client=client)
    voided = giftcodes.void_gift(gift=row_of(gift), client=client, reason=" returned ", at=NOON)
    assert (voided.state, voided.ended_at) == (GiftState.VOIDED, NOON)
    assert (GiftVoid.objects.get().reason, ledger_queries.funds_of(batch.brand)) == ("returned", 700)
    with pytest.raises(CodeNotUsable):
        giftcodes.claim_code(text=gift.code, member=make.member(), at=NOON)
    no_differences()


def test_withdrawing_again_is_harmless_and_without_a_reason_refused() -> None:
    batch = make.gift_batch(size=10, face_points=500)
    client = make.api_client(batch.brand)
    [gift] = make.gifts(batch, client=client)
    for reason in ("", "  ", "x" * 201, "a\0b"):
        with pytest.raises(GiftRefused):
            giftcodes.void_gift(gift=row_of(gift), client=client, reason=reason, at=NOON)
    for _ in range(2):
        giftcodes.void_gift(gift=row_of(gift), client=client, reason="returned", at=NOON)
    assert ledger_queries.funds_of(batch.brand) == 500
    no_differences()


def test_a_code_in_the_reason_is_not_kept() -> None:
    batch = make.gift_batch(size=20, face_points=500)
    client = make.api_client(batch.brand)
    (gift,) = make.gifts(batch, client=client)
    giftcodes.void_gift(gift=row_of(gift), client=client, reason=f"{gift.code}: {'x' * 182}", at=NOON)
    kept = GiftVoid.objects.get().reason
    assert kept.startswith(f"••••-••••-••••-{gift.code[-4:]}: x")
    assert len(kept) == 200


def test_a_claimed_gift_can_not_be_withdrawn_nor_anybody_elses() -> None:
    batch = make.gift_batch(size=10, face_points=500)
    client = make.api_client(batch.brand)
    claimed, other = make.gifts(batch, GiftWanted(), GiftWanted(), client=client)
    giftcodes.claim_code(text=claimed.code, member=make.member(), at=NOON)
    with pytest.raises(GiftClaimed):
        giftcodes.void_gift(gift=row_of(claimed), client=client, reason="returned", at=NOON)
    stranger = make.api_client(make.brand())
    with pytest.raises(NotReachable):
        giftcodes.void_gift(gift=row_of(other), client=stranger, reason="returned", at=NOON)
    assert ledger_queries.funds_of(batch.brand) == 0
    no_differences()


def test_gifts_past_their_time_give_their_points_back_once() -> None:
    batch = make.gift_batch(size=10, face_points=500)
    early = GiftWanted(claim_until=LATER)
    claimed, expired, withdrawn, other = make.gifts(batch, early, early, early, GiftWanted())
    giftcodes.claim_code(text=claimed.code, member=make.member(), at=NOON)
    giftcodes.void_gift(
        gift=row_of(withdrawn), client=make.api_client(batch.brand), reason="returned", at=NOON
    )
    assert giftcodes.expire_gifts(at=LATER - timedelta(seconds=1)) == 0
    assert gift_queries.status_of(row_of(expired), at=LATER) == GiftState.EXPIRED
    assert [giftcodes.expire_gifts(at=LATER), giftcodes.expire_gifts(at=LATER)] == [1, 0]
    assert row_of(expired).state == GiftState.EXPIRED
    assert row_of(other).state == GiftState.ISSUED
    assert ledger_queries.funds_of(batch.brand) == 1_000
    no_differences()


def test_the_task_expires_what_is_due() -> None:
    batch = make.gift_batch(size=10, claim_from=NOON - timedelta(days=400), claim_until=NOON)
    make.gifts(batch, at=NOON - timedelta(days=1))
    Batch.objects.filter(pk=batch.pk).get()
    tasks.expire_gifts()
    assert Gift.objects.get().state == GiftState.EXPIRED


def test_closing_returns_what_was_not_issued_and_what_was_not_claimed() -> None:
    batch = make.gift_batch(size=10, face_points=500)
    claimed, issued, expired = make.gifts(
        batch, GiftWanted(points=100), GiftWanted(points=900), GiftWanted(claim_until=LATER)
    )
    giftcodes.claim_code(text=claimed.code, member=make.member(), at=NOON)
    giftcodes.expire_gifts(at=LATER)
    no_differences()
    assert giftcodes.close_batch(batch_id=batch.pk, at=batch.claim_until) == 9
    assert [row_of(gift).state for gift in (claimed, issued, expired)] == ["claimed", "expired", "expired"]
    batch.refresh_from_db()
    assert ledger_queries.balance_of(batch.unclaimed) == 0
    assert ledger_queries.funds_of(batch.brand) == 4_900
    assert queries.counts_of(batch).unclaimed == 0
    assert Series.objects.get(digit=1).live_codes == 0
    no_differences()
    with pytest.raises(NotIssuing):
        make.gifts(batch)


def test_a_closed_batch_has_nothing_left_to_draw_even_for_a_request_on_its_way(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    batch = make.gift_batch(size=10, face_points=500)
    giftcodes.close_batch(batch_id=batch.pk, at=batch.claim_until)
    Batch.objects.filter(pk=batch.pk).update(state="active", closed_at=None, expired_codes=None)
    with pytest.raises(BudgetExhausted):
        make.gifts(batch)


def test_codes_of_gifts_are_not_withdrawn_by_the_range() -> None:
    batch = make.gift_batch(size=10)
    with pytest.raises(BatchRefused):
        giftcodes.void_codes(
            batch_id=batch.pk,
            first_serial=batch.first_serial,
            last_serial=batch.first_serial,
            **make.decided(batch),
        )


def test_the_budget_says_where_the_points_are() -> None:
    batch = make.gift_batch(size=10, face_points=500)
    client = make.api_client(batch.brand)
    claimed, voided, _open = make.gifts(
        batch, GiftWanted(points=100), GiftWanted(points=200), GiftWanted(points=300), client=client
    )
    giftcodes.claim_code(text=claimed.code, member=make.member(), at=NOON)
    giftcodes.void_gift(gift=row_of(voided), client=client, reason="returned", at=NOON)
    budget = gift_queries.budget_of(batch)
    assert budget == gift_queries.Budget(
        reserved=Amount(10, 5_000),
        issued=Amount(3, 600),
        claimed=Amount(1, 100),
        voided=Amount(1, 200),
        expired=Amount(0, 0),
        left=Amount(7, 4_400),
    )
    other = make.gift_batch(size=2, face_points=50, brand=make.brand(funds=100))
    assert gift_queries.budget_of_group(batch.brand_id, batch.limit_group) == budget
    nothing = gift_queries.budget_of_group(batch.brand_id, other.limit_group)
    assert set(nothing) == {Amount(0, 0)}


def test_the_budget_of_a_campaign_is_that_of_all_its_orders() -> None:
    brand = make.brand(funds=100_000)
    first, second = (
        make.gift_batch(size=size, face_points=500, brand=brand, limit_group="campaign:1") for size in (2, 3)
    )
    make.live_batch(size=5, brand=brand, limit_group="campaign:1")
    make.gifts(first)
    budget = gift_queries.budget_of_group(brand.pk, second.limit_group)
    assert (budget.reserved, budget.issued, budget.left) == (
        Amount(5, 2_500),
        Amount(1, 500),
        Amount(4, 2_000),
    )


def test_gifts_are_paged_through_once_each_whatever_is_issued_meanwhile() -> None:
    batch = make.gift_batch(size=30)
    client = make.api_client(batch.brand)
    wanted = [make.gifts(batch, *[GiftWanted()] * 3, client=client) for _ in range(4)]
    seen, cursor = [], None
    while True:
        page = gift_queries.gifts_of(batch.brand_id, at=NOON, after=cursor, limit=5)
        seen += [gift.pk for gift in page.gifts]
        make.gifts(batch, client=client)
        if (cursor := page.following) is None:
            break
    assert seen == [gift.serial_number for request in reversed(wanted) for gift in request]


def test_gifts_are_found_by_recipient_and_status_and_never_another_brands() -> None:
    batch, other = make.gift_batch(size=10), make.gift_batch(size=10)
    client = make.api_client(batch.brand)
    make.gifts(other, GiftWanted(recipient_ref="user-1"))
    first, second, third = make.gifts(
        batch,
        GiftWanted(recipient_ref="user-1"),
        GiftWanted(recipient_ref="user-1", claim_until=LATER),
        GiftWanted(recipient_ref="user-2"),
        client=client,
    )
    giftcodes.void_gift(gift=row_of(first), client=client, reason="returned", at=NOON)

    def found(**filters: object) -> list[int]:
        page = gift_queries.gifts_of(batch.brand_id, **{"at": NOON} | filters)  # type: ignore[arg-type]
        return [gift.pk for gift in page.gifts]

    assert found(recipient_ref="user-1") == [first.serial_number, second.serial_number]
    assert found(status=GiftState.VOIDED) == [first.serial_number]
    assert found(status=GiftState.ISSUED) == [second.serial_number, third.serial_number]
    assert found(status=GiftState.ISSUED, at=LATER) == [third.serial_number]
    assert found(status=GiftState.EXPIRED, at=LATER) == [second.serial_number]
    assert gift_queries.gift_of(other.brand_id, first.public_id) is None
    assert gift_queries.gift_of(batch.brand_id, first.public_id) == row_of(first)


def test_codes_of_the_sandbox_work_at_its_doors_alone() -> None:
    sandbox = make.brand(program=make.program(is_sandbox=True), funds=100_000)
    batch, live = make.gift_batch(size=10, brand=sandbox), make.live_batch(size=10)
    file = make.live_batch(size=10, brand=sandbox)
    assert (batch.series_id, file.series_id, live.series_id) == (SANDBOX_SERIES, SANDBOX_SERIES, 1)
    member = make.member()
    [gift] = make.gifts(batch)
    for code, is_sandbox in [(gift.code, False), (make.code_of(file), False), (make.code_of(live), True)]:
        with pytest.raises(CodeNotUsable):
            giftcodes.claim_code(text=code, member=member, at=NOON, is_sandbox=is_sandbox)
    assert Lot.objects.count() == 0
    assert not Account.objects.filter(member=member).exists()
    giftcodes.claim_code(text=gift.code, member=member, at=NOON, is_sandbox=True)
    giftcodes.claim_code(text=make.code_of(live), member=member, at=NOON)
    no_differences()
