"""Every line of the audit about gifts is shown to find what it is there for."""

from datetime import timedelta

import pytest

from giftcodes import audit as giftcodes_audit
from giftcodes import reports
from giftcodes import services as giftcodes
from giftcodes.gift_checks import GIFTS
from giftcodes.gift_models import Gift
from giftcodes.services import GiftWanted
from ledger import audit as ledger_audit
from tests import make
from tests.make import NOON
from tests.tampering import past_the_guards

pytestmark = pytest.mark.django_db

_OF_VOID = "(SELECT id FROM ledger_transfer WHERE key = 'void:gift:1000000001')"
# What is done to the scene below, and the check that must name it: a batch from serial 0 on of three strands
# of 16 codes, with a gift claimed, one withdrawn, one expired and one open; and a batch of a file behind it.
TAMPERING = {
    "a series is the sandbox's or all others'": "UPDATE parties_program SET is_sandbox = true",
    "a gift lies in the range of a batch of its brand that issues gifts": "UPDATE giftcodes_gift"
    " SET batch_id = (SELECT id FROM giftcodes_batch WHERE most_points IS NULL) WHERE id = 1000000003",
    "a gift keeps within the terms of its batch": "UPDATE giftcodes_gift SET points = 2001"
    " WHERE id = 1000000003",
    "a gift has a claim if it is claimed, and of the same moment": "UPDATE giftcodes_gift"
    " SET ended_at = '2026-11-02 03:00:01+00:00' WHERE state = 'claimed'",
    "what was claimed of a batch for the API had been issued": "DELETE FROM giftcodes_gift"
    " WHERE state = 'claimed'",
    "a gift was claimed in its time": "UPDATE giftcodes_gift SET claim_until = ended_at"
    " WHERE state = 'claimed'",
    "a request issued what it asked for, from its batch": "UPDATE giftcodes_giftrequest SET gifts = 3",
    "a request is of a client of the brand": "UPDATE parties_apiclient SET brand_id ="
    " (SELECT MAX(id) FROM parties_brand)",
    "a withdrawn gift brought its points back, and says why": "UPDATE ledger_posting SET points = points + 1"
    f" WHERE transfer_id = {_OF_VOID}",
    "strands begin where the one before ends, and reach the end of their batch": "UPDATE giftcodes_giftstrand"
    " SET end_serial = end_serial - 1 WHERE place = 2",
    "a strand has gone on by what was issued of it": "UPDATE giftcodes_giftstrand"
    " SET next_serial = next_serial + 1 WHERE place = 1",
    "what was issued and what is left add up to the order": "UPDATE giftcodes_giftstrand"
    " SET points_left = points_left + 1 WHERE place = 1",
}
MORE_WAYS = [
    ("a gift has a claim if it is claimed, and of the same moment", "DELETE FROM giftcodes_claim"),
    (
        "a gift has a claim if it is claimed, and of the same moment",
        "UPDATE giftcodes_gift SET state = 'issued', ended_at = NULL WHERE state = 'claimed'",
    ),
    (
        "a gift keeps within the terms of its batch",
        "UPDATE giftcodes_gift SET issued_at = '2026-10-01 00:00:00+00:00' WHERE state = 'issued'",
    ),
    ("a withdrawn gift brought its points back, and says why", "DELETE FROM giftcodes_giftvoid"),
    ("a strand has gone on by what was issued of it", "DELETE FROM giftcodes_gift WHERE state = 'issued'"),
    ("the unclaimed account holds face x unclaimed", "UPDATE giftcodes_giftstrand SET points_left = 0"),
    (
        "the unclaimed account holds face x unclaimed",
        "UPDATE giftcodes_gift SET state = 'expired', ended_at = issued_at WHERE state = 'issued'",
    ),
    (
        "codes = unclaimed + claimed + voided + expired",
        "UPDATE giftcodes_batch SET state = 'closed', expired_codes = 47 WHERE most_points IS NOT NULL",
    ),
    (
        "a claim brings the points of its batch",
        "UPDATE giftcodes_gift SET points = 1 WHERE state = 'claimed'",
    ),
    (
        "a series is the sandbox's or all others'",
        "UPDATE giftcodes_batch SET series_id = 9 WHERE most_points IS NULL",
    ),
]


@pytest.fixture
def _scene() -> None:
    brand = make.brand(funds=1_000_000)
    client = make.api_client(brand)
    batch = make.gift_batch(brand=brand, size=48, face_points=500)
    make.live_batch(brand=brand)
    giftcodes.open_series(digit=9, at=NOON)
    make.brand()
    early = GiftWanted(claim_until=NOON + timedelta(days=1))
    codes = []
    for wanted in (GiftWanted(points=700), GiftWanted(), early, GiftWanted()):
        # One strand, whatever place the draw begins at, so that serials are known.
        codes += make.gifts(batch, wanted, client=client)
    ids = sorted(gift.serial_number for gift in codes)
    claimed, voided, _expired, _open = codes
    assert ids == [1_000_000_000, 1_000_000_001, 1_000_000_002, 1_000_000_003]
    giftcodes.claim_code(text=claimed.code, member=make.member(), at=NOON)
    row = Gift.objects.get(pk=voided.serial_number)
    giftcodes.void_gift(gift=row, client=client, reason="returned", at=NOON)
    assert giftcodes.expire_gifts(at=NOON + timedelta(days=1)) == 1
    assert names_of_differences() == set()


@pytest.fixture(autouse=True)
def _always_from_the_first_strand(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("giftcodes.services.gifts.random.randrange", lambda most: 0)


def names_of_differences() -> set[str]:
    return {found.check for found in (*ledger_audit.differences(), *giftcodes_audit.differences())}


@pytest.mark.usefixtures("_scene")
@pytest.mark.parametrize(("check", "sql"), [*TAMPERING.items(), *MORE_WAYS])
def test_what_was_tampered_with_is_named(check: str, sql: str) -> None:
    past_the_guards(sql)
    assert check in names_of_differences()


def test_every_check_of_gifts_is_shown_to_find_something() -> None:
    assert set(TAMPERING) == set(GIFTS)


@pytest.mark.usefixtures("_scene")
@pytest.mark.parametrize(
    ("rule", "sql"),
    [
        ("claims_face", "UPDATE giftcodes_claim SET points = points + 1"),
        ("gifts_left", "UPDATE giftcodes_giftstrand SET points_left = points_left + 1 WHERE place = 0"),
        ("returned", f"UPDATE ledger_posting SET points = points + 1 WHERE transfer_id = {_OF_VOID}"),
        ("balance", f"UPDATE ledger_posting SET points = points + 1 WHERE transfer_id = {_OF_VOID}"),
        (
            "codes_left",
            "UPDATE giftcodes_batch SET closed_at = approved_at, expired_codes = 48 WHERE size = 48",
        ),
    ],
)
def test_the_daily_proof_sees_it_too(rule: str, sql: str) -> None:
    past_the_guards(sql)
    assert rule in {found.rule for proof in reports.prove() for found in proof.differences}


@pytest.mark.usefixtures("_scene")
def test_a_batch_is_proven_as_of_any_moment_of_its_life() -> None:
    batch = Gift.objects.select_related("batch").all()[0].batch
    giftcodes.close_batch(batch_id=batch.pk, at=batch.claim_until)
    moments = [NOON - timedelta(minutes=1), NOON, NOON + timedelta(days=1), batch.claim_until, None]
    for moment in moments:
        assert [found for proof in reports.prove(at=moment) for found in proof.differences] == []
