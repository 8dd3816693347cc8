"""The demo's past: sound on any day it is made, made once, and never behind a sealed day."""

from datetime import datetime, timedelta
from pathlib import Path

import pytest
from pytest_django.fixtures import Settings

from campaigns import access
from campaigns.conditions_models import ConditionsVersion
from campaigns.conditions_queries import conditions_in_force
from campaigns.dispute_models import Dispute, DisputeState
from campaigns.models import KnownBy
from config.demo import content
from giftcodes.models import Batch
from giftcodes.reports import prove
from ledger import audit
from ledger import services as ledger
from ledger.models import (
    Adjustment,
    AdjustmentState,
    Hold,
    HoldState,
    LotUse,
    Posting,
    Receivable,
    Settlement,
    SettlementLine,
    SettlementState,
    UseKind,
)
from parties.models import Program, Role, User
from parties.numbers import read_number

# The demo runs on SQLite.
pytestmark = [pytest.mark.django_db, pytest.mark.sqlite]

NOON = datetime.fromisoformat("2026-11-22T12:00:00+09:00")


@pytest.fixture(autouse=True)
def _files(settings: Settings, tmp_path: Path) -> None:
    settings.MEDIA_ROOT = tmp_path / "media"
    settings.SEALS_DIR = tmp_path / "seals"


def made(folder: Path, at: datetime) -> content.Content:
    return content.make_content(folder=folder, site_url="http://demo.example", at=at)


@pytest.mark.parametrize(
    "moment",
    [
        "2026-12-01T00:00:30+09:00",  # a month has just ended
        "2027-03-31T23:59:00+09:00",  # seventy days that hold two ends of months, the least there can be
    ],
)
def test_the_past_is_sound_on_any_day_and_a_second_start_adds_nothing(tmp_path: Path, moment: str) -> None:
    at = datetime.fromisoformat(moment)
    first = made(tmp_path, at)
    assert first.has_past
    batch = first.card_batch
    pattern = batch.brand.number_pattern.pattern
    assert read_number(content.CARD_NUMBER, pattern) == content.CARD_NUMBER.replace("-", "")
    assert batch.order.campaign.known_by == KnownBy.MEMBERSHIP_NUMBER
    assert not list(audit.differences())
    assert not [difference for proof in prove() for difference in proof.differences]
    assert not Posting.objects.filter(posted_at__gt=at).exists()
    states = list(Settlement.objects.order_by("ends_at").values_list("state", flat=True))
    assert states == [SettlementState.CLOSED] * (len(states) - 1) + [SettlementState.PREPARED]
    assert len(states) >= 2
    assert set(Hold.objects.values_list("state", flat=True)) == {
        HoldState.OPEN,
        HoldState.CAPTURED,
        HoldState.RELEASED,
    }
    assert set(LotUse.objects.values_list("kind", flat=True)) == set(UseKind.values)
    assert Adjustment.objects.filter(state=AdjustmentState.REQUESTED).count() == 1
    assert Receivable.objects.values_list("points", "recovered_points").get() == (450, 120)
    pairs = SettlementLine.objects.values("funder", "acceptor").distinct()
    assert pairs.count() == 9  # each brand's points were spent at each
    version = _conditions_of(first.terms_batch, at)
    postings = Posting.objects.count()
    assert made(tmp_path, at + timedelta(days=7)) == first
    assert Posting.objects.count() == postings
    assert _conditions_of(first.terms_batch, at + timedelta(days=7)) == version
    ticket = Dispute.objects.get()
    assert ticket.state == DisputeState.OPEN
    support = User.objects.get(email="support@yorimichi.example")
    assert access.access_dispute(support, ticket.pk, Role.SUPPORT) == ticket


def _conditions_of(batch: Batch, at: datetime) -> ConditionsVersion:
    """What the demo asks to be accepted, to be seen by anybody."""
    campaign = batch.order.campaign
    version = conditions_in_force(campaign, at=at)
    assert version is not None
    assert version.text_ja
    assert version.text_en
    assert campaign.published_at is not None
    return version


def test_a_folder_whose_days_are_sealed_stays_without_a_past(tmp_path: Path) -> None:
    program = Program.objects.create(slug="yorimichi", name="Older")
    ledger.open_world(program=program, at=NOON.replace(day=20))
    ledger.close_day(day=NOON.replace(day=20).date(), at=NOON)
    assert not made(tmp_path, NOON).has_past
    assert not Settlement.objects.exists()
    assert not list(audit.differences())
