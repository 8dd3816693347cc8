"""Codes = ledger = statements: the proof of each batch, and that it notices whatever is bent."""

from collections.abc import Callable
from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.utils import translation

from giftcodes import reports
from giftcodes import services as giftcodes
from giftcodes.models import Batch, Claim
from ledger import services as ledger
from parties.models import Brand, Member
from tests import make
from tests.make import NOON
from tests.tampering import past_the_guards

pytestmark = pytest.mark.django_db
HOUR = timedelta(hours=1)


@pytest.fixture
def member() -> Member:
    return make.member()


@pytest.fixture
def batch(member: Member) -> Batch:
    """Ten codes of 500 points: three claimed, of which one was taken back, and two withdrawn."""
    row = make.live_batch(brand=make.brand(funds=100_000))
    for place in range(3):
        giftcodes.claim_code(text=make.code_of(row, place), member=member, at=NOON + place * HOUR)
    claim = Claim.objects.get(pk=row.first_claim_id)
    ledger.take_back(key="fraud", original_id=claim.transfer_id, at=NOON + 4 * HOUR)
    first = row.first_serial + 5
    giftcodes.void_codes(
        batch_id=row.pk,
        first_serial=first,
        last_serial=first + 1,
        **make.decided(row) | {"at": NOON + 5 * HOUR},
    )
    row.refresh_from_db()
    return row


def proof_of(batch: Batch, **options: object) -> reports.Proof:
    (proof,) = reports.prove(batch_id=batch.pk, **options)  # type: ignore[arg-type]
    return proof


def printed(*arguments: str, language: str = "en") -> str:
    said = StringIO()
    with translation.override(language):
        call_command("prove_batches", *arguments, stdout=said)
    return said.getvalue()


def test_a_sound_batch_is_the_same_from_three_sides(batch: Batch) -> None:
    proof = proof_of(batch)
    assert (proof.claimed, proof.voided, proof.expired, proof.unclaimed) == (3, 2, 0, 5)
    assert (proof.approved_points, proof.ledger_claimed_points, proof.returned_points) == (
        5_000,
        1_500,
        1_000,
    )
    assert (proof.reversed_points, proof.handed_back_points, proof.balance_points) == (500, 500, 2_500)
    assert (proof.lots, proof.lot_points) == (3, 1_500)
    assert proof.differences == []


def test_a_closed_batch_has_nothing_left(batch: Batch) -> None:
    giftcodes.close_batch(batch_id=batch.pk, at=batch.claim_until)
    proof = proof_of(batch)
    assert (proof.unclaimed, proof.expired, proof.balance_points, proof.differences) == (0, 5, 0, [])


def test_the_proof_of_a_past_instant_never_changes(batch: Batch) -> None:
    moments = [NOON - HOUR, NOON + HOUR, NOON + 4 * HOUR, NOON + 6 * HOUR]
    before = [proof_of(batch, at=at)[1:] for at in moments]
    giftcodes.claim_code(text=make.code_of(batch, 8), member=make.member(), at=NOON + 7 * HOUR)
    giftcodes.close_batch(batch_id=batch.pk, at=batch.claim_until)
    batch.refresh_from_db()
    assert [proof_of(batch, at=at)[1:] for at in moments] == before
    assert [proof_of(batch, at=at).claimed for at in moments] == [0, 2, 3, 3]
    assert all(proof_of(batch, at=at).differences == [] for at in moments)
    assert list(reports.prove(at=NOON - 2 * HOUR)) == []  # not approved yet


def test_every_batch_is_proved_and_the_last_line_says_that_nothing_differs(batch: Batch) -> None:
    other = make.live_batch(brand=batch.brand, size=4, face_points=25)
    said = printed()
    assert f"Batch {batch.pk} (" in said
    assert f"Batch {other.pk} (" in said
    assert said.splitlines()[-1] == "0 differences"
    assert printed(language="ja").splitlines()[-1] == "差異0件"
    assert f"Batch {other.pk} (" not in printed("--batch", str(batch.pk), "--at", "2026-11-30T23:59")


@pytest.mark.parametrize(
    "arguments", [("--at", "yesterday"), ("--at", "2026-13-01T00:00"), ("--batch", "999999")]
)
def test_what_can_not_be_asked_is_refused(batch: Batch, arguments: tuple[str, str]) -> None:
    with pytest.raises(CommandError):
        printed(*arguments)


TAMPERING = {
    "a claim removed": (
        "DELETE FROM giftcodes_claim WHERE id = {claim} + 1",
        {"claims_ledger", "balance", "lots", "lot_points"},
    ),
    "points of a claim": (
        "UPDATE giftcodes_claim SET points = 400 WHERE id = {claim}",
        {"claims_face", "claims_ledger", "lot_points"},
    ),
    "points that came back": (
        "UPDATE ledger_posting SET points = 999 WHERE source_id = {account} AND points = 1000",
        {"returned", "balance"},
    ),
    "what was approved": (
        "UPDATE ledger_posting SET points = 5500 WHERE target_id = {account} AND points = 5000",
        {"approved", "balance"},
    ),
    "what a taken back claim handed on": (
        """UPDATE ledger_posting SET points = 100 WHERE transfer_id IN (
            SELECT id FROM ledger_transfer WHERE reason = 'return')""",
        {"reversed", "balance"},
    ),
    "points of a lot": ("UPDATE ledger_lot SET granted_points = 501", {"lot_points"}),
    "a withdrawn code": ("UPDATE giftcodes_void SET codes = codes - 1", {"returned", "balance"}),
    "codes that there never were": (
        "UPDATE giftcodes_batch SET size = 4, minted_codes = 4 WHERE id = {batch}",
        {"codes_left", "approved", "balance"},
    ),
}


@pytest.mark.parametrize("what", TAMPERING)
def test_every_difference_is_shown(batch: Batch, what: str) -> None:
    sql, expected = TAMPERING[what]
    past_the_guards(sql.format(claim=batch.first_claim_id, account=batch.unclaimed_id, batch=batch.pk))
    assert {difference.rule for difference in proof_of(batch).differences} == expected
    said = StringIO()
    with pytest.raises(SystemExit) as end, translation.override("en"):
        call_command("prove_batches", stdout=said)
    assert end.value.code == 1
    assert said.getvalue().splitlines()[-1] == f"{len(expected)} difference{'s' if len(expected) > 1 else ''}"


def test_every_rule_can_fail() -> None:
    shown = set().union(*(rules for _sql, rules in TAMPERING.values()))
    assert shown == {
        "codes_left",
        "approved",
        "claims_face",
        "claims_ledger",
        "returned",
        "reversed",
        "balance",
        "lots",
        "lot_points",
    }


def test_a_batch_takes_the_same_queries_whatever_its_size(
    batch: Batch, django_assert_num_queries: Callable[..., object]
) -> None:
    small: Brand = make.brand(funds=10)
    make.live_batch(brand=small, size=1, face_points=10)
    with django_assert_num_queries(1 + 2 * 5):  # type: ignore[attr-defined]
        list(reports.prove())
