"""Every line of the audit of lots, holds, receivables and acts by hand is shown to find what it is there
for.
"""

import uuid
from datetime import timedelta

import pytest

from giftcodes import audit as giftcodes_audit
from giftcodes import services as giftcodes
from ledger import audit
from ledger import services as ledger
from ledger.audit import acts, spending
from ledger.expiry import ExpiryPolicy
from ledger.models import Account, Adjustment, HoldState, Lot, Reason, Transfer
from ledger.services import GrantAsked, TakeBackAsked
from parties.models import Brand, Role
from tests import make
from tests.make import NOON
from tests.tampering import each_past_the_guards

pytestmark = pytest.mark.django_db

_A_USE = (
    "INSERT INTO ledger_lotuse (program_id, transfer_id, lot_id, kind, funder_id, points, posted_at)"
    " SELECT program_id, transfer_id, lot_id, kind, funder_id, {points}, posted_at FROM ledger_lotuse"
    " WHERE kind = '{kind}'"
)
_OF = "(SELECT id FROM ledger_transfer WHERE reason = '{}')"
_ANOTHER_BRAND = "(SELECT MAX(id) FROM parties_brand)"  # of another program
_LAST_ACCOUNT = "(SELECT MAX(id) FROM ledger_account)"

# What is done to the scene below, and the check that must name it.
TAMPERING = {
    "a lot has left what its uses left": "UPDATE ledger_lot SET remaining_points = remaining_points + 1,"
    " granted_points = granted_points + 2",
    "the uses of a transfer are what it moved out of a wallet": "UPDATE ledger_lotuse SET points = points + 1"
    " WHERE kind = 'expiry'",
    "what a brand accepted in a transfer are uses of points": "UPDATE ledger_lotuse SET points = points - 1"
    " WHERE kind = 'spend'",
    "a use is of its transfer's kind": "UPDATE ledger_lotuse SET kind = 'withdrawal' WHERE kind = 'expiry'",
    "a use has the moment of its transfer": "UPDATE ledger_lotuse"
    " SET posted_at = '2026-11-01 00:00:00+00:00' WHERE kind = 'spend'",
    "a use has the funder of its lot": "UPDATE ledger_lotuse SET funder_id ="
    " (SELECT MIN(acceptor_id) FROM ledger_lotuse) WHERE kind = 'hold'",
    "a use is of the program of its brands": "UPDATE ledger_lotuse SET program_id = program_id + 1",
    "a use was accepted in a store of its acceptor": "UPDATE ledger_lotuse"
    f" SET store_id = (SELECT id FROM parties_store WHERE brand_id = {_ANOTHER_BRAND}) WHERE kind = 'spend'",
    "a lot is paid by its funder": f"UPDATE ledger_lot SET funder_id = {_ANOTHER_BRAND}",
    "a lot pays before its end and expires from then on": "UPDATE ledger_lot"
    " SET expires_at = '2026-11-02 02:00:00+00:00'",
    "expired points are breakage of their funder": "UPDATE ledger_posting SET target_id ="
    " (SELECT MAX(id) FROM ledger_account WHERE kind = 'breakage')"
    f" WHERE transfer_id IN {_OF.format('expire')}",
    "points given up are breakage of their funders": "UPDATE ledger_posting SET target_id ="
    " (SELECT MIN(id) FROM ledger_account WHERE kind = 'breakage')"
    f" WHERE transfer_id IN {_OF.format('forfeit')}",
    "the held account holds the open holds": "UPDATE ledger_hold SET points = points + 1"
    " WHERE state = 'open'",
    "a hold set aside what was posted": "UPDATE ledger_hold SET held_at = '2026-11-01 00:00:00+00:00'",
    "a hold ended as its transfers say": "UPDATE ledger_hold SET captured_points = captured_points + 1"
    " WHERE state = 'captured'",
    "a hold was captured in its store and its time": "UPDATE ledger_hold SET store_id ="
    " (SELECT MAX(id) FROM parties_store) WHERE state = 'captured'",
    "a capture or release has its hold": "DELETE FROM ledger_hold WHERE state = 'released'",
    "held points are in open holds": _A_USE.format(points=3, kind="hold"),
    "no more of a lot is taken from holds than was held": "UPDATE ledger_lotuse SET points = points - 99"
    " WHERE kind = 'hold'",
    "points of a claim taken back go on to the funds": "UPDATE ledger_posting SET points = points - 1"
    f" WHERE transfer_id IN {_OF.format('return')}",
    "points return to the funds for a claim taken back": "UPDATE ledger_transfer SET key = 'return:x'"
    " WHERE reason = 'return'",
    "a receivable is what is missing of its original": "UPDATE ledger_receivable SET points = points + 1",
    "a receivable is of a lot, its wallet and its funder": "UPDATE ledger_receivable"
    f" SET wallet_id = {_LAST_ACCOUNT}",
    "what is missing of a claim or grant taken back is a receivable": "DELETE FROM ledger_receivable",
    "what was recovered was taken from its lot": "UPDATE ledger_receivable"
    " SET recovered_points = recovered_points - 1, points = points - 1",
    "an act by hand was decided by another person": "UPDATE ledger_adjustment"
    " SET decided_by_id = requested_by_id",
    "a confirmed act by hand has happened": "UPDATE ledger_adjustment SET state = 'requested'"
    " WHERE kind = 'grant'",
    "a transfer by hand was confirmed": "UPDATE ledger_transfer"
    " SET key = 'grant:adjust:0' WHERE key LIKE 'grant:adjust:%'",
    audit.FINGERPRINT: "UPDATE ledger_adjustment SET reason = 'another' WHERE kind = 'grant'",
}


@pytest.fixture
def _scene() -> None:
    """A claim taken back after a part was spent, and then recovered in part; a lot that expired; holds of all
    states; a spend reversed in part; acts by hand; points given up.
    """
    batch = make.live_batch(size=2, face_points=500, brand=make.brand(funds=10_000))
    brand, member = batch.brand, make.member()
    wallet = make.wallet(member, brand.program)
    store = make.store(brand=make.brand(program=brand.program))
    giftcodes.claim_code(text=make.code_of(batch), member=member, at=NOON)
    claim = Transfer.objects.get(reason=Reason.CLAIM)
    stolen = _spend(wallet, store.pk, 200)
    ledger.take_back(key="fraud", original_id=claim.pk, at=NOON)
    ledger.reverse_transfer(key="refund", original_id=stolen, points=50, at=NOON)
    make.lot(wallet, 300, funder=brand, days=5)
    make.lot(wallet, 900, funder=brand, days=50)
    ledger.reverse_transfer(key="part", original_id=_spend(wallet, store.pk, 100), points=30, at=NOON)
    for state in HoldState:
        _hold(wallet, store.pk, state)
    other = make.brand(funds=100, program=brand.program)
    make.lot(wallet, 10, funder=other, days=5)
    ledger.expire_lots(at=NOON + timedelta(days=10))
    _act(brand, GrantAsked(wallet.pk, 40, ExpiryPolicy.after_days(9)))
    lot = Lot.objects.get(granted_points=40)
    _act(brand, TakeBackAsked(lot.transfer_id, 5))
    _act(brand, TakeBackAsked(lot.transfer_id, None))
    leaver = make.wallet(make.member(), brand.program)
    make.lot(leaver, 60, funder=make.brand(funds=60, program=brand.program), days=50)
    ledger.forfeit_points(wallet_id=leaver.pk, key="leave", at=NOON + timedelta(days=11))
    make.store(brand=make.brand())
    assert not names_of_differences()


def _spend(wallet: Account, store_id: int, points: int) -> uuid.UUID:
    key = uuid.uuid4().hex
    spent = ledger.spend_points(wallet_id=wallet.pk, store_id=store_id, points=points, key=key, at=NOON)
    return spent.transfer_id


def _hold(wallet: Account, store_id: int, state: HoldState) -> None:
    hold = ledger.hold_points(
        wallet_id=wallet.pk,
        store_id=store_id,
        points=20,
        key=f"cart-{state}",
        expires_at=NOON + timedelta(hours=2 if state == HoldState.OPEN else 1),
        at=NOON,
    )
    if state == HoldState.CAPTURED:
        ledger.capture_hold(hold_id=hold.pk, points=15, at=NOON)
    elif state == HoldState.RELEASED:
        ledger.release_hold(hold_id=hold.pk, at=NOON)
    elif state == HoldState.EXPIRED:
        ledger.expire_holds(at=NOON + timedelta(hours=1))


def _act(brand: Brand, asked: ledger.Asked) -> Adjustment:
    at = NOON + timedelta(days=11)
    one, other = make.staff(Role.SUPPORT, brand), make.staff(Role.FINANCE, brand)
    adjustment = ledger.request_adjustment(
        public_id=uuid.uuid4(), brand_id=brand.pk, asked=asked, reason="goodwill", user=one, at=at
    )
    return ledger.confirm_adjustment(
        adjustment_id=adjustment.pk, user=other, fingerprint=adjustment.fingerprint, verified_at=at, at=at
    )


def names_of_differences() -> set[str]:
    return {found.check for found in (*audit.differences(), *giftcodes_audit.differences())}


@pytest.mark.usefixtures("_scene")
def test_what_was_tampered_with_is_named() -> None:
    for check, _sql in zip(TAMPERING, each_past_the_guards(TAMPERING.values()), strict=True):
        assert check in names_of_differences()


def test_every_check_is_shown_to_find_something() -> None:
    assert set(TAMPERING) == {*spending.CHECKS, *acts.CHECKS, audit.FINGERPRINT}


@pytest.mark.usefixtures("_scene")
def test_rows_that_were_removed_are_missed() -> None:
    tables = ("lotuse", "hold", "receivable", "reversaltally", "posting")
    for sql in each_past_the_guards(f"DELETE FROM ledger_{table}" for table in tables):
        assert names_of_differences(), sql
