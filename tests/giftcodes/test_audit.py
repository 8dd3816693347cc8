"""Every line of the audit is shown to find what it is there for, and `manage.py audit` to say it."""

from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import call_command

from giftcodes import audit as giftcodes_audit
from giftcodes import services as giftcodes
from giftcodes.models import Batch, Claim
from ledger import audit as ledger_audit
from ledger import services as ledger
from ledger.models import Account, Transfer
from tests import make
from tests.make import NOON
from tests.tampering import each_past_the_guards, past_the_guards

pytestmark = pytest.mark.django_db

_A_POSTING = (
    "INSERT INTO ledger_posting (transfer_id, source_id, target_id, points, posted_at)"
    " SELECT {transfer}, {source}, {target}, {points}, posted_at FROM ledger_posting WHERE transfer_id ="
    " (SELECT id FROM ledger_transfer WHERE key = 'claim:1000000000')"
)
_OF_CLAIM = "(SELECT id FROM ledger_transfer WHERE key = 'claim:1000000000')"


def a_posting(*, source: str = "source_id", target: str = "target_id", points: str = "points") -> str:
    """One more posting in the transfer of the first claim."""
    return _A_POSTING.format(transfer="transfer_id", source=source, target=target, points=points)


# What is done to the scene below, and the check that must name it. A batch begins at serial 0 (limit 2; two
# claims by one member, one by another, a void over serials 5 to 7), one at 10 (closed with a claim), and one
# at 20 (not minted).
TAMPERING = {
    "every posting has two accounts of one program": a_posting(target="999999"),
    "a program sums to zero": a_posting(target="999999"),
    "points are positive and ends differ": a_posting(source="target_id"),
    "a posting has the moment of its transfer": "UPDATE ledger_transfer"
    " SET posted_at = '2026-11-03 00:00:00+00:00' WHERE key = 'claim:1000000001'",
    "a posting goes the way of its reason": "UPDATE ledger_transfer"
    " SET reason = 'deposit' WHERE reason = 'approve'",
    "an account is of the kind of its label": "UPDATE ledger_account SET kind = 'world', balance = NULL,"
    " floor = NULL WHERE kind = 'funds'",
    "a lot has the moment of its transfer": "UPDATE ledger_lot SET granted_at = '2026-11-01 00:00:00+00:00'",
    ledger_audit.FOREIGN_ID: "UPDATE ledger_transfer"
    " SET key = 'claim:1000000009' WHERE key = 'claim:1000000001'",
    "every transfer has postings": f"DELETE FROM ledger_posting WHERE transfer_id = {_OF_CLAIM}",
    "a cached balance equals the sum of its postings": a_posting(),
    "a guarded account is not below its floor": "UPDATE ledger_account"
    " SET balance = floor - 1 WHERE kind = 'funds'",
    "the lots of a wallet add up to its balance": "UPDATE ledger_lot SET remaining_points = 1",
    "a lot is what its transfer granted": "UPDATE ledger_lot SET granted_points = granted_points + 1",
    "reversals stay within their original": "UPDATE ledger_posting SET points = 1000 WHERE transfer_id ="
    " (SELECT id FROM ledger_transfer WHERE key = 'reverse:reversal')",
    "a reversal tally equals its reversals": "UPDATE ledger_reversaltally SET reversed_points = 17",
    "a reversal tally has the points of its original": "UPDATE ledger_reversaltally"
    " SET original_points = 501",
    "a reversal goes back the way of its original": "UPDATE ledger_posting SET target_id = (SELECT MAX(id)"
    " FROM ledger_account WHERE kind = 'unclaimed') WHERE transfer_id ="
    " (SELECT id FROM ledger_transfer WHERE key = 'reverse:reversal')",
    "a claim has one transfer, from its batch into its member's wallet": "UPDATE giftcodes_claim"
    " SET member_id = (SELECT MIN(id) FROM parties_member) WHERE id = 1000000002",
    "a claim transfer has one posting": a_posting(),
    "a claim transfer has its claim": "DELETE FROM giftcodes_claim WHERE id = 1000000001",
    "a claim has the moment of its transfer": "UPDATE giftcodes_claim"
    " SET claimed_at = '2026-11-02 03:00:01+00:00' WHERE id = 1000000001",
    "the points of a claim are the brand's whose batch it is": "UPDATE ledger_lot SET funder_id = 999999",
    giftcodes_audit.OTHER_LIFE: "UPDATE giftcodes_batch SET lot_life_days = lot_life_days + 1",
    giftcodes_audit.LOST_KEY: "UPDATE giftcodes_batch SET master_key_id = 'lost' WHERE first_serial = 0",
    "the points of a batch came with the approval of its order": "UPDATE giftcodes_batch SET order_key = 'x'"
    " WHERE first_serial = 0",
    "an account of unclaimed points belongs to a batch": "UPDATE ledger_account SET kind = 'unclaimed',"
    " label = 'unclaimed:x', brand_id = (SELECT MIN(id) FROM parties_brand) WHERE kind = 'world'",
    "a batch is paused if that is the last that was said of it": "UPDATE giftcodes_batch SET state = 'paused'"
    " WHERE first_serial = 0",
    "a claim lies in the range of its batch": "UPDATE giftcodes_claim SET batch_id ="
    " (SELECT id FROM giftcodes_batch WHERE first_serial = 10) WHERE id = 1000000001",
    "a claim brings the points of its batch": "UPDATE giftcodes_claim SET points = 501 WHERE id = 1000000001",
    "a claim was made while its batch was active and in its window": "UPDATE giftcodes_batch SET claim_from ="
    " '2026-11-02 03:00:01+00:00' WHERE first_serial = 0",
    "a limit per member is counted as it was claimed": "UPDATE giftcodes_claimtally"
    " SET claims = 1 WHERE claims = 2",
    "a limit per member is kept": "UPDATE giftcodes_batch SET limit_per_member = 1 WHERE first_serial = 0",
    "ranges of batches are disjoint": "UPDATE giftcodes_batch SET size = 11 WHERE first_serial = 0",
    "a channel begins where the one before it ends": "UPDATE giftcodes_channel SET first_serial = 1"
    " WHERE first_serial = 0",
    "the channels of a batch add up to it": "DELETE FROM giftcodes_channel WHERE first_serial = 20",
    "codes = unclaimed + claimed + voided + expired": "UPDATE giftcodes_batch SET expired_codes = 8"
    " WHERE first_serial = 10",
    "the unclaimed account holds face x unclaimed": "UPDATE giftcodes_batch SET face_points = 499"
    " WHERE first_serial = 20",
    "a void withdrew what was not claimed in its range": "UPDATE giftcodes_void SET codes = codes - 1",
    "a void lies within its batch": "UPDATE giftcodes_void SET last_serial = 10, codes = 6",
    "voids don't overlap": "INSERT INTO giftcodes_void (batch_id, first_serial, last_serial, codes, reason,"
    " requested_by_id, approved_by_id, voided_at) SELECT batch_id, 7, 8, 1, reason, requested_by_id,"
    " approved_by_id, voided_at FROM giftcodes_void",
    "a series goes on behind its batches": "UPDATE giftcodes_series SET next_serial = 29",
    "a series counts its live codes": "UPDATE giftcodes_series SET live_codes = live_codes - 1",
    "a minted batch has its sealed file, with a row per code": "UPDATE giftcodes_delivery SET row_count = 9"
    " WHERE batch_id = (SELECT id FROM giftcodes_batch WHERE first_serial = 0)",
}


@pytest.fixture
def _scene() -> None:
    make.member()
    brand = make.brand(funds=1_000_000)
    first = make.live_batch(brand=brand, limit_per_member=2)
    assert (first.series_id, first.first_serial) == (1, 0)
    ended = make.live_batch(brand=brand, claim_until=NOON + timedelta(days=1))
    make.batch(brand=brand)
    one, other = make.member(), make.member()
    for batch, place, member in ((first, 0, one), (first, 1, one), (first, 2, other), (ended, 0, one)):
        giftcodes.claim_code(text=make.code_of(batch, place), member=member, at=NOON)
    people = {"requested_by": make.user(), "approved_by": make.user()}
    giftcodes.void_codes(batch_id=first.pk, first_serial=5, last_serial=7, reason="lost", at=NOON, **people)
    giftcodes.close_batch(batch_id=ended.pk, at=NOON + timedelta(days=1))
    claim = Claim.objects.get(pk=ended.first_claim_id)
    ledger.reverse_transfer(key="reversal", original_id=claim.transfer_id, points=100, at=NOON)
    assert names_of_differences() == set()


def names_of_differences() -> set[str]:
    return {found.check for found in (*ledger_audit.differences(), *giftcodes_audit.differences())}


@pytest.mark.usefixtures("_scene")
def test_what_was_tampered_with_is_named() -> None:
    for check, _sql in zip(TAMPERING, each_past_the_guards(TAMPERING.values()), strict=True):
        assert check in names_of_differences()


def test_every_check_is_shown_to_find_something() -> None:
    in_python = {ledger_audit.FOREIGN_ID, giftcodes_audit.OTHER_LIFE, giftcodes_audit.LOST_KEY}
    in_sql = {*ledger_audit.core.CHECKS, *giftcodes_audit._CLAIMS, *giftcodes_audit._BATCHES}
    assert set(TAMPERING) == in_sql | in_python


def test_a_batch_that_goes_on_without_anybody_saying_so_is_named() -> None:
    batch, by = make.live_batch(size=1), make.user()
    giftcodes.pause_batch(batch_id=batch.pk, reason="printed twice", by=by, at=NOON)
    assert [*giftcodes_audit.differences()] == []
    Batch.objects.filter(pk=batch.pk).update(state="active")
    (named,) = giftcodes_audit.differences()
    assert (named.expected, named.found) == ("paused", "active")
    giftcodes.pause_batch(batch_id=batch.pk, reason="again", by=by, at=NOON)
    giftcodes.resume_batch(batch_id=batch.pk, reason="sorted out", by=by, at=NOON)
    assert [*giftcodes_audit.differences()] == []


def test_an_empty_database_is_sound() -> None:
    assert names_of_differences() == set()


def test_a_batch_before_minting_is_sound() -> None:
    make.batch()
    assert names_of_differences() == set()


def test_a_claim_at_a_whole_second_of_the_clock_of_the_database_is_sound() -> None:
    batch = make.live_batch()
    giftcodes.claim_code(text=make.code_of(batch), member=make.member(), at=NOON)
    # As SQLite's own clock writes it, where Python leaves the zeros out.
    past_the_guards("UPDATE giftcodes_claim SET claimed_at = '2026-11-02 03:00:00.000000'")
    assert names_of_differences() == set()


@pytest.mark.usefixtures("_scene")
def test_the_command_says_that_all_is_sound_and_how_much_it_looked_at() -> None:
    said = StringIO()
    call_command("audit", stdout=said)
    assert f"{Account.objects.count()}" in said.getvalue()
    assert f"{Batch.objects.count()}" in said.getvalue()


@pytest.mark.usefixtures("_scene")
def test_the_command_names_each_difference_and_fails() -> None:
    said, complained = StringIO(), StringIO()
    past_the_guards("UPDATE giftcodes_series SET live_codes = 5")
    past_the_guards("UPDATE ledger_account SET balance = balance + 1 WHERE kind = 'wallet'")
    with pytest.raises(SystemExit) as left:
        call_command("audit", stdout=said, stderr=complained)
    assert left.value.code == 1
    expected = [*ledger_audit.differences(), *giftcodes_audit.differences()]
    assert len(expected) >= 3
    assert said.getvalue().splitlines() == [str(difference) for difference in expected]
    assert str(len(expected)) in complained.getvalue()


def test_a_sum_above_the_range_of_32_bits_is_no_difference() -> None:
    make.batch(size=10, face_points=10**9, brand=make.brand(funds=10**11))
    assert names_of_differences() == set()
    assert Transfer.objects.count() == 2
