"""Instant issue: what a client asks for, what it gets, and that the key is the record of it for ever."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import DatabaseError, connection, transaction
from django.test.utils import CaptureQueriesContext

from giftcodes import directory, queries
from giftcodes import services as giftcodes
from giftcodes.errors import (
    BudgetExhausted,
    CodeNotUsable,
    GiftKeyReused,
    GiftRefused,
    NotIssuing,
)
from giftcodes.gift_models import Gift, GiftRequest, GiftReveal, GiftState, GiftStrand
from giftcodes.models import Batch, BatchState, Delivery
from giftcodes.services import GiftWanted
from ledger import pipeline
from ledger import queries as ledger_queries
from parties.errors import NotReachable
from tests import make
from tests.make import NOON

pytestmark = pytest.mark.django_db


def issue(
    batch: Batch, key: str, *wanted: GiftWanted, client: Any = None, **changes: Any
) -> giftcodes.Issued:
    fields: dict[str, Any] = {"group": batch.limit_group, "gifts": wanted or [GiftWanted()], "at": NOON}
    return giftcodes.issue_gifts(client=client or make.api_client(batch.brand), key=key, **fields | changes)


def left(batch: Batch) -> tuple[int, int]:
    strands = GiftStrand.objects.filter(batch=batch)
    return (
        sum(strand.end_serial - strand.next_serial for strand in strands),
        sum(strand.points_left for strand in strands),
    )


def test_an_api_batch_is_active_at_once_without_a_file_and_its_points_are_reserved() -> None:
    brand = make.brand(funds=10_000)
    batch = make.gift_batch(size=10, face_points=500, brand=brand)
    assert batch.state == BatchState.ACTIVE
    assert not Delivery.objects.filter(batch=batch).exists()
    assert ledger_queries.funds_of(brand) == 5_000
    assert left(batch) == (10, 5_000)
    assert queries.unminted_batch_ids(limit=10) == []


def test_a_gift_has_a_code_that_can_be_claimed_for_its_points() -> None:
    batch, member = make.gift_batch(size=10, face_points=500), make.member()
    [gift] = issue(batch, "order-1").gifts
    claimed = giftcodes.claim_code(text=gift.code, member=member, at=NOON)
    assert gift.url == f"{batch.claim_url_base}#c={gift.code}"
    assert (claimed.points, claimed.balance, claimed.serial_number) == (500, 500, gift.serial_number)
    row = Gift.objects.get(public_id=gift.public_id)
    assert (row.state, row.ended_at) == (GiftState.CLAIMED, NOON)
    assert giftcodes.claim_code(text=gift.code, member=member, at=NOON).is_repeat


def test_a_gift_has_the_points_end_recipient_and_metadata_that_were_asked_for() -> None:
    batch = make.gift_batch(size=10, face_points=500)
    until = NOON + timedelta(days=3)
    wanted = GiftWanted(points=1_200, recipient_ref="user-7", claim_until=until, metadata={"order": "A 1"})
    [gift] = issue(batch, "order-1", wanted).gifts
    assert (gift.points, gift.claim_until, gift.recipient_ref, gift.metadata) == (
        1_200,
        until,
        "user-7",
        {"order": "A 1"},
    )
    row = Gift.objects.get(pk=gift.serial_number)
    assert (row.metadata, row.issued_at, row.claim_until) == ({"order": "A 1"}, NOON, until)
    assert left(batch) == (9, 3_800)


def test_the_same_key_and_body_give_the_same_gifts_with_the_same_codes() -> None:
    batch = make.gift_batch(size=10)
    client = make.api_client(batch.brand)
    wanted = [GiftWanted(recipient_ref=f"user-{number}") for number in range(3)]
    first = issue(batch, "order-1", *wanted, client=client)
    directory.forget()
    second = issue(batch, "order-1", *wanted, client=client, at=batch.claim_until + timedelta(days=400))
    assert (first.is_replay, second.is_replay) == (False, True)
    assert first.gifts == second.gifts
    assert len({gift.code for gift in first.gifts}) == 3
    assert Gift.objects.count() == 3


@pytest.mark.parametrize(
    "other",
    [
        GiftWanted(points=501),
        GiftWanted(recipient_ref="somebody"),
        GiftWanted(claim_until=NOON + timedelta(days=1)),
        GiftWanted(metadata={"a": "b"}),
    ],
)
def test_the_same_key_with_another_body_is_refused_and_leaves_nothing(other: GiftWanted) -> None:
    batch = make.gift_batch(size=10)
    client = make.api_client(batch.brand)
    issue(batch, "order-1", client=client)
    with pytest.raises(GiftKeyReused):
        issue(batch, "order-1", other, client=client)
    assert (Gift.objects.count(), GiftRequest.objects.count()) == (1, 1)


def test_two_clients_may_use_the_same_key() -> None:
    batch = make.gift_batch(size=10)
    first, second = issue(batch, "order-1"), issue(batch, "order-1")
    assert first.gifts[0].code != second.gifts[0].code


def test_the_key_of_a_refusal_is_as_good_as_new() -> None:
    brand = make.brand(funds=100_000)
    batch = make.gift_batch(size=2, brand=brand)
    client = make.api_client(brand)
    with pytest.raises(BudgetExhausted):
        issue(batch, "order-1", *[GiftWanted()] * 3, client=client)
    assert GiftRequest.objects.count() == 0
    assert len(issue(batch, "order-1", *[GiftWanted()] * 2, client=client).gifts) == 2


def test_points_bound_the_gifts_as_serials_do() -> None:
    batch = make.gift_batch(size=10, face_points=500)
    make.gifts(batch, GiftWanted(points=2_000), GiftWanted(points=2_000))
    with pytest.raises(BudgetExhausted):
        make.gifts(batch, GiftWanted(points=1_001))
    make.gifts(batch, GiftWanted(points=1_000))
    with pytest.raises(BudgetExhausted):
        make.gifts(batch, GiftWanted(points=1))
    assert left(batch) == (7, 0)


def test_a_request_larger_than_any_strand_is_drawn_from_all_together() -> None:
    batch = make.gift_batch(size=100, face_points=500)
    assert GiftStrand.objects.filter(batch=batch).count() == 6
    issued = make.gifts(batch, *[GiftWanted(points=400)] * 90)
    assert len({gift.serial_number for gift in issued}) == 90
    assert left(batch) == (10, 100 * 500 - 90 * 400)
    issued += make.gifts(batch, *[GiftWanted(points=1_400)] * 10)
    assert {gift.serial_number for gift in issued} == set(
        range(batch.first_claim_id, batch.first_claim_id + 100)
    )
    assert left(batch) == (0, 0)


def test_a_thousand_gifts_are_one_request() -> None:
    batch = make.gift_batch(size=2_000)
    issued = make.gifts(batch, *[GiftWanted(recipient_ref=str(number)) for number in range(1_000)])
    assert [gift.recipient_ref for gift in issued] == [str(number) for number in range(1_000)]
    assert GiftRequest.objects.get().gifts == 1_000
    assert left(batch)[0] == 1_000


def test_when_one_order_is_used_up_the_next_one_is_drawn_from() -> None:
    brand = make.brand(funds=100_000)
    older = make.gift_batch(size=1, brand=brand, limit_group="campaign:1")
    newer = make.gift_batch(size=1, brand=brand, limit_group="campaign:1", approved_at=NOON)
    first, second = make.gifts(newer)[0], make.gifts(newer)[0]
    assert (first.serial_number, second.serial_number) == (newer.first_claim_id, older.first_claim_id)
    with pytest.raises(BudgetExhausted):
        make.gifts(newer)


def test_nothing_is_issued_outside_the_window_by_files_or_for_other_brands() -> None:
    batch, file = make.gift_batch(size=10), make.live_batch(size=10)
    with pytest.raises(NotIssuing):
        make.gifts(batch, at=batch.claim_from - timedelta(seconds=1))
    with pytest.raises(NotIssuing):
        make.gifts(batch, at=batch.claim_until)
    with pytest.raises(NotIssuing):
        make.gifts(file)
    with pytest.raises(NotIssuing):
        make.gifts(batch, client=make.api_client(make.brand()))
    assert make.gifts(batch, at=batch.claim_from)


@pytest.mark.parametrize(
    ("rule", "wanted"),
    [
        ("points", GiftWanted(points=0)),
        ("points", GiftWanted(points=2_001)),
        ("points", GiftWanted(points=True)),
        ("claim_until", GiftWanted(claim_until=NOON)),
        ("claim_until", GiftWanted(claim_until=NOON + timedelta(days=31))),
        ("claim_until", GiftWanted(claim_until=(NOON + timedelta(days=1)).replace(tzinfo=None))),
        ("recipient_ref", GiftWanted(recipient_ref="x" * 65)),
        ("recipient_ref", GiftWanted(recipient_ref="a\0b")),
        ("metadata", GiftWanted(metadata={"a": "\ud800"})),
        ("metadata", GiftWanted(metadata={"": "b"})),
        ("metadata", GiftWanted(metadata={"a": "b" * 501})),
        ("metadata", GiftWanted(metadata={str(number): "" for number in range(21)})),
    ],
)
def test_what_can_not_be_a_gift_is_named_with_its_place(rule: str, wanted: GiftWanted) -> None:
    batch = make.gift_batch(size=10)
    with pytest.raises(GiftRefused) as refusal:
        make.gifts(batch, GiftWanted(), wanted)
    assert (refusal.value.rule, refusal.value.position) == (rule, 1)
    assert Gift.objects.count() == 0


@pytest.mark.parametrize(
    ("rule", "changes"),
    [("gifts", {"gifts": []}), ("gifts", {"gifts": [GiftWanted()] * 1_001}), ("key", {"key": "x" * 256})],
)
def test_a_request_has_gifts_and_a_key_of_bounded_length(rule: str, changes: dict[str, Any]) -> None:
    batch = make.gift_batch(size=10)
    with pytest.raises(GiftRefused) as refusal:
        giftcodes.issue_gifts(
            client=make.api_client(batch.brand),
            group=batch.limit_group,
            at=NOON,
            **{"key": "order-1", "gifts": [GiftWanted()]} | changes,
        )
    assert (refusal.value.rule, refusal.value.position) == (rule, None)


def test_a_code_that_was_not_issued_can_not_be_claimed() -> None:
    batch = make.gift_batch(size=10)
    make.gifts(batch)
    with pytest.raises(CodeNotUsable):
        giftcodes.claim_code(text=make.code_of(batch, 9), member=make.member(), at=NOON)


def test_a_gift_can_be_claimed_until_its_own_end() -> None:
    batch, member = make.gift_batch(size=10), make.member()
    until = NOON + timedelta(days=3)
    first, second = make.gifts(batch, *[GiftWanted(claim_until=until)] * 2)
    with pytest.raises(CodeNotUsable):
        giftcodes.claim_code(text=first.code, member=member, at=until)
    giftcodes.claim_code(text=second.code, member=member, at=until - timedelta(seconds=1))


def test_members_have_their_limit_over_gifts_too() -> None:
    batch, member = make.gift_batch(size=10, limit_per_member=1), make.member()
    first, second = make.gifts(batch, GiftWanted(), GiftWanted())
    giftcodes.claim_code(text=first.code, member=member, at=NOON)
    with pytest.raises(CodeNotUsable):
        giftcodes.claim_code(text=second.code, member=member, at=NOON)
    assert Gift.objects.get(pk=second.serial_number).state == GiftState.ISSUED


def test_a_code_is_shown_again_to_its_brand_and_that_leaves_a_row() -> None:
    batch = make.gift_batch(size=10)
    client = make.api_client(batch.brand)
    [gift] = make.gifts(batch, client=client)
    row = Gift.objects.get(pk=gift.serial_number)
    assert giftcodes.reveal_gift(gift=row, client=client, at=NOON).code == gift.code
    assert GiftReveal.objects.get().client == client
    with pytest.raises(NotReachable):
        giftcodes.reveal_gift(gift=row, client=make.api_client(make.brand()), at=NOON)
    assert GiftReveal.objects.count() == 1


def test_no_code_shows_where_a_gift_is_printed() -> None:
    batch = make.gift_batch(size=10)
    issued = issue(batch, "order-1")
    assert issued.gifts[0].code not in repr(issued)


@pytest.mark.postgresql
@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE giftcodes_gift SET points = points + 1",
        "UPDATE giftcodes_gift SET state = 'issued', ended_at = NULL WHERE state = 'claimed'",
        "DELETE FROM giftcodes_gift",
        "UPDATE giftcodes_giftrequest SET gifts = 2",
        "DELETE FROM giftcodes_giftrequest",
        "UPDATE giftcodes_giftreveal SET revealed_at = revealed_at",
        "DELETE FROM giftcodes_giftvoid",
        "UPDATE giftcodes_giftstrand SET next_serial = next_serial - 1",
        "UPDATE giftcodes_giftstrand SET end_serial = end_serial + 1",
        "DELETE FROM giftcodes_giftstrand",
        "UPDATE giftcodes_batch SET most_points = NULL",
    ],
)
def test_the_database_keeps_what_was_issued(statement: str) -> None:
    batch = make.gift_batch(size=10)
    client = make.api_client(batch.brand)
    claimed, voided = make.gifts(batch, GiftWanted(), GiftWanted(), client=client)
    giftcodes.claim_code(text=claimed.code, member=make.member(), at=NOON)
    row = Gift.objects.get(pk=voided.serial_number)
    giftcodes.void_gift(gift=row, client=client, reason="returned", at=NOON)
    giftcodes.reveal_gift(gift=row, client=client, at=NOON)
    with (
        pytest.raises(DatabaseError, match=r"append-only|frozen|never"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(statement)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda strands: strands.update(points_left=-1),
        lambda strands: strands.update(next_serial=10**9 + 5),
    ],
)
def test_no_strand_goes_below_nothing(spoil: Callable[[Any], None]) -> None:
    batch = make.gift_batch(size=10)
    with pytest.raises(DatabaseError), transaction.atomic():
        spoil(GiftStrand.objects.filter(batch=batch))


def sent(call: Callable[[], object], monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """The texts of the statements that the call sends, by round trip."""
    found, exchange = [], pipeline._exchange

    def listen(link: Any, calls: Any) -> Any:
        found.append([one.kind[0] for one in calls])
        return exchange(link, calls)

    with monkeypatch.context() as patch, CaptureQueriesContext(connection) as others:
        patch.setattr(pipeline, "_exchange", listen)
        call()
    rest = [query["sql"] for query in others if not query["sql"].startswith(("SAVEPOINT", "RELEASE"))]
    return [*found, *([text] for text in rest)]


@pytest.mark.postgresql
def test_a_first_issue_is_two_round_trips_and_those_after_it_are_one(monkeypatch: pytest.MonkeyPatch) -> None:
    batch = make.gift_batch(size=100)
    client = make.api_client(batch.brand)
    directory.find(make.code_of(batch))
    trips = sent(lambda: make.gifts(batch, client=client), monkeypatch)
    assert [len(trip) for trip in trips] == [3, 2]  # the last one tells of it
    trips = sent(lambda: make.gifts(batch, client=client), monkeypatch)
    assert [len(trip) for trip in trips] == [1]


@pytest.mark.postgresql
@pytest.mark.parametrize("issues_gifts", [False, True])
def test_a_claim_of_a_gift_sends_one_statement_more_which_tells_of_it(
    issues_gifts: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    batch = make.gift_batch(size=10) if issues_gifts else make.live_batch(size=10)
    member = make.member()
    make.wallet(member, batch.brand.program)
    code = make.gifts(batch)[0].code if issues_gifts else make.code_of(batch)
    directory.find(code)
    trips = sent(lambda: giftcodes.claim_code(text=code, member=member, at=NOON), monkeypatch)
    assert [len(trip) for trip in trips] == ([2, 1, 1] if issues_gifts else [2, 1])
    assert any("giftcodes_gift " in text for trip in trips for text in trip) == issues_gifts
