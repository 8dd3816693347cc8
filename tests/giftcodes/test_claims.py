"""What a claim promises, one person at a time. Races are in tests/concurrency."""

from datetime import timedelta

import pytest

from giftcodes import codec
from giftcodes import services as giftcodes
from giftcodes.errors import CodeNotUsable, KeysMissing
from giftcodes.models import Batch, BatchState, Claim, Series
from ledger import audit
from ledger import queries as ledger_queries
from ledger.models import Lot, Transfer
from tests import make
from tests.make import NOON

pytestmark = pytest.mark.django_db


def test_a_code_becomes_points_in_the_wallet_at_once():
    batch, member = make.live_batch(face_points=500, lot_life_days=180), make.member()

    claimed = giftcodes.claim_code(text=make.code_of(batch), member=member, at=NOON)

    assert (claimed.points, claimed.balance, claimed.is_repeat) == (500, 500, False)
    lot = Lot.objects.get(wallet__member=member)
    assert (lot.remaining_points, lot.funder, lot.granted_at) == (500, batch.brand, NOON)
    assert lot.expires_at.isoformat() == "2027-05-01T15:00:00+00:00"  # midnight in Japan after the 180th day
    assert Transfer.objects.get(pk=Claim.objects.get().transfer_id).posted_at == NOON
    assert not list(audit.differences())
