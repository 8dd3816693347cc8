"""After a restore: what was issued is issued, a key gives the same gift, and no serial a second one."""

from collections.abc import Iterator
from datetime import timedelta
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import call_command
from django.db.models import F
from pytest_django.fixtures import Settings

from giftcodes import audit as giftcodes_audit
from giftcodes import gift_queries, journal, reports, restores
from giftcodes import services as giftcodes
from giftcodes.errors import (
    CodeNotUsable,
    DatabaseOlder,
    GiftKeyReused,
    JournalBroken,
    JournalMissing,
)
from giftcodes.gift_models import Gift, GiftRequest, GiftState
from giftcodes.journal import Entry, Kind
from giftcodes.models import Batch, Series
from giftcodes.services import GiftWanted
from giftcodes.services.gift_replays import NO_ROOM_FOR_GIFT, OTHER_GIFT
from ledger import audit as ledger_audit
from ledger import queries as ledger_queries
from parties.api_models import ApiClient
from parties.models import Member
from tests import make
from tests.make import NOON
from tests.restoring import lost_by_a_restore
from tests.tampering import past_the_guards

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def folder(settings: Settings, tmp_path: Path) -> Path:
    settings.CLAIM_JOURNAL_DIR = tmp_path / "journal"
    return tmp_path / "journal"


@pytest.fixture
def _sound() -> Iterator[None]:
    yield
    assert [*ledger_audit.differences(), *giftcodes_audit.differences()] == []
    assert [found for proof in reports.prove() for found in proof.differences] == []


def issue(batch: Batch, client: ApiClient, key: str, *wanted: GiftWanted) -> giftcodes.Issued:
    return giftcodes.issue_gifts(
        client=client, key=key, group=batch.limit_group, gifts=wanted or [GiftWanted()], at=NOON
    )


def replay(*, is_trial: bool = False) -> giftcodes.Replay:
    return giftcodes.replay_claims(at=NOON + timedelta(hours=1), is_trial=is_trial)


def ship() -> int:
    return giftcodes.ship_claims(begin=True)


def journaled(folder: Path) -> list[Entry]:
    return [line.entry for line in journal.lines(folder / "gifts") if line.entry.kind == Kind.GIFT]


@pytest.mark.usefixtures("_sound")
def test_the_same_key_gives_the_same_gifts_after_a_restore(folder: Path) -> None:
    batch = make.gift_batch(size=100, face_points=500)
    client = make.api_client(batch.brand)
    issue(batch, client, "before")
    ship()
    with lost_by_a_restore():
        wanted = [GiftWanted(points=700, recipient_ref="user-7"), GiftWanted()]
        first = issue(batch, client, "lost", *wanted)
        ship()
    assert "older than the journal of gifts" in str(restores.disagreement(folder))

    assert replay(is_trial=True).issued == 2
    assert Gift.objects.count() == 1
    done = replay()

    assert (done.issued, done.differences) == (2, [])
    assert restores.disagreement(folder) is None
    again = issue(batch, client, "lost", *wanted)
    assert again.is_replay
    same = ("public_id", "serial_number", "code", "points", "claim_until", "issued_at")
    assert [[getattr(gift, name) for name in same] for gift in again.gifts] == [
        [getattr(gift, name) for name in same] for gift in first.gifts
    ]
    assert [gift.recipient_ref for gift in again.gifts] == ["", ""]  # the journal has opaque ids only
    with pytest.raises(GiftKeyReused):
        issue(batch, client, "lost", GiftWanted(points=1))
    assert gift_queries.left_of(batch) == (97, 50_000 - 500 - 700 - 500)
    assert replay().issued == 0


@pytest.mark.usefixtures("_sound")
def test_no_serial_is_issued_a_second_time() -> None:
    batch = make.gift_batch(size=40)
    client = make.api_client(batch.brand)
    ship()
    with lost_by_a_restore():
        lost = issue(batch, client, "lost", *[GiftWanted()] * 25)
        ship()
    replay()
    rest = issue(batch, client, "rest", *[GiftWanted()] * 15)
    numbers = {gift.serial_number for gift in [*lost.gifts, *rest.gifts]}
    assert len(numbers) == 40


@pytest.mark.usefixtures("_sound")
def test_claims_and_withdrawals_of_gifts_are_back_too(folder: Path) -> None:
    batch = make.gift_batch(size=40, face_points=500)
    client, member = make.api_client(batch.brand), make.member()
    [early] = issue(batch, client, "early").gifts
    ship()
    with lost_by_a_restore():
        claimed, voided, open_ = issue(batch, client, "lost", *[GiftWanted(points=900)] * 3).gifts
        giftcodes.claim_code(text=claimed.code, member=member, at=NOON)
        giftcodes.claim_code(text=early.code, member=member, at=NOON)
        row = Gift.objects.get(pk=voided.serial_number)
        giftcodes.void_gift(gift=row, client=client, reason="returned", at=NOON)
        ship()

    trial = replay(is_trial=True)
    assert (trial.issued, trial.replayed, trial.differences) == (3, 2, [])
    done = replay()

    assert (done.issued, done.replayed, done.withdrawn, done.differences) == (3, 2, 1, [])
    states = {gift.pk: gift.state for gift in Gift.objects.all()}
    assert states == {
        early.serial_number: GiftState.CLAIMED,
        claimed.serial_number: GiftState.CLAIMED,
        voided.serial_number: GiftState.VOIDED,
        open_.serial_number: GiftState.ISSUED,
    }
    again = Member.objects.get(public_id=member.public_id)
    assert ledger_queries.wallet_balance(again, batch.brand.program_id) == 1_400
    assert ledger_queries.funds_of(batch.brand) == 900
    with pytest.raises(CodeNotUsable):
        giftcodes.claim_code(text=voided.code, member=again, at=NOON + timedelta(hours=2))
    assert restores.disagreement(folder) is None
    assert replay().withdrawn == 0


@pytest.mark.usefixtures("_sound")
def test_what_only_the_database_knows_is_shipped_and_survives_the_next_restore(folder: Path) -> None:
    batch = make.gift_batch(size=40)
    client = make.api_client(batch.brand)
    ship()
    with lost_by_a_restore():
        issue(batch, client, "lost")
        ship()
    replay()
    issue(batch, client, "after")
    row = Gift.objects.order_by("-request_id")[0]
    giftcodes.void_gift(gift=row, client=client, reason="returned", at=NOON)
    assert len(journaled(folder)) == 1
    assert replay().issued == 0
    assert len(journaled(folder)) == 2
    issue(batch, client, "last")
    ship()
    assert [entry.gift for entry in journaled(folder)] == [
        gift.public_id.hex for gift in Gift.objects.order_by("request_id")
    ]
    assert restores.disagreement(folder) is None


def test_a_client_lost_with_the_restore_does_not_free_its_serials() -> None:
    batch = make.gift_batch(size=40)
    other = make.api_client(batch.brand)
    ship()
    with lost_by_a_restore():
        issue(batch, make.api_client(batch.brand), "lost")
        ship()
    assert replay().differences == []
    assert GiftRequest.objects.get().client == other
    assert not issue(batch, other, "lost").is_replay
    assert [*giftcodes_audit.differences()] == []


def test_without_any_client_of_the_brand_the_journal_is_not_released(folder: Path) -> None:
    batch = make.gift_batch(size=40)
    ship()
    with lost_by_a_restore():
        issue(batch, make.api_client(batch.brand), "lost")
        ship()
    [difference] = replay().differences
    assert difference.check == NO_ROOM_FOR_GIFT
    assert restores.disagreement(folder) is not None


def test_serials_of_a_lost_batch_are_never_given_out_again() -> None:
    brand = make.brand(funds=100_000)
    giftcodes.open_series(digit=1, at=NOON)
    client = make.api_client(brand)
    ship()
    with lost_by_a_restore():
        batch = make.gift_batch(size=40, brand=brand)
        issue(batch, client, "lost")
        ship()
    assert replay().differences == []
    assert Series.objects.get(digit=1).next_serial >= 40


def test_another_gift_under_the_same_serial_is_named() -> None:
    batch = make.gift_batch(size=40)
    issue(batch, make.api_client(batch.brand), "order-1")
    ship()
    past_the_guards("UPDATE giftcodes_gift SET points = points + 1")
    [difference] = replay().differences
    assert difference.check == OTHER_GIFT


def test_shipping_goes_on_where_a_write_was_torn_and_a_torn_request_is_not_replayed(folder: Path) -> None:
    batch = make.gift_batch(size=40)
    client = make.api_client(batch.brand)
    ship()
    with lost_by_a_restore():
        issue(batch, client, "torn", *[GiftWanted()] * 5)
        ship()
        [segment] = (folder / "gifts").glob("*.jsonl")
        whole = segment.read_bytes().splitlines(keepends=True)
        segment.write_bytes(b"".join(whole[:3]) + whole[3][:20])  # begun, two gifts, a part of the third
        assert len(journaled(folder)) == 2
        ship()
        assert [entry.position for entry in journaled(folder)] == [0, 1, 2, 3, 4]
        segment.write_bytes(b"".join(whole[:3]))
    assert replay().issued == 0
    assert not issue(batch, client, "torn", *[GiftWanted()] * 5).is_replay
    assert [*giftcodes_audit.differences()] == []


def test_a_restored_database_is_noticed_by_the_shipper_and_a_changed_line_by_its_reader(folder: Path) -> None:
    batch = make.gift_batch(size=40)
    client = make.api_client(batch.brand)
    ship()
    with lost_by_a_restore():
        issue(batch, client, "lost")
        ship()
    with pytest.raises(DatabaseOlder):
        ship()
    [segment] = (folder / "gifts").glob("*.jsonl")
    segment.write_bytes(segment.read_bytes().replace(b'"points":500', b'"points":501'))
    with pytest.raises(JournalBroken):
        journaled(folder)
    assert [found.check for found in giftcodes_audit.journal_differences(folder)] == [giftcodes_audit.JOURNAL]
    assert "can't be trusted" in str(restores.disagreement(folder))


def test_a_line_of_a_claim_with_a_field_of_gifts_is_no_line(folder: Path) -> None:
    batch, member = make.live_batch(), make.member()
    giftcodes.claim_code(text=make.code_of(batch), member=member, at=NOON)
    ship()
    [segment] = folder.glob("*.jsonl")
    segment.write_bytes(segment.read_bytes().replace(b',"key":', b',"position":1,"key":'))
    with pytest.raises(JournalBroken):
        list(journal.lines(folder))


def test_gifts_without_their_journal_are_noticed(folder: Path) -> None:
    batch = make.gift_batch(size=40)
    ship()
    for segment in (folder / "gifts").glob("*.jsonl"):
        segment.unlink()
    assert restores.disagreement(folder) is None
    make.gifts(batch)
    assert "no journal of them" in str(restores.disagreement(folder))


def test_the_command_says_how_many_gifts_are_back() -> None:
    batch = make.gift_batch(size=40)
    client = make.api_client(batch.brand)
    ship()
    with lost_by_a_restore():
        issue(batch, client, "lost", *[GiftWanted()] * 3)
        ship()
    said = StringIO()
    call_command("replay_claims", stdout=said)
    assert "再発行したギフト：3件" in said.getvalue()
    assert Gift.objects.filter(issued_at=F("request__requested_at")).count() == 3


def test_so_are_gifts_without_any_journal() -> None:
    make.gifts(make.gift_batch(size=40))
    assert "no journal of them" in str(restores.disagreement(Path("nowhere")))
    with pytest.raises(JournalMissing):
        giftcodes.ship_claims(begin=False)
