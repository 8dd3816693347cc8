"""The claim journal: what is in it stays in it, in its place; claims reach it once, and never wait for it."""

import logging
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from pytest_django.fixtures import Settings

from config.durability import check_journal, weaknesses
from giftcodes import audit as giftcodes_audit
from giftcodes import journal, restores, tasks
from giftcodes import services as giftcodes
from giftcodes.errors import DatabaseOlder, JournalBroken, JournalBusy, JournalMissing
from giftcodes.journal import Entry, Kind, Line
from giftcodes.models import Batch
from giftcodes.services import shipping
from ledger import audit as ledger_audit
from ledger.errors import SealKeyMissing
from parties.models import Member
from tests import make
from tests.full_disk import room_for
from tests.make import NOON
from tests.restoring import lost_by_a_restore


@pytest.fixture(autouse=True)
def folder(settings: Settings, tmp_path: Path) -> Path:
    settings.CLAIM_JOURNAL_DIR = tmp_path / "journal"
    return tmp_path / "journal"


def entry(number: int) -> Entry:
    return Entry(
        Kind.CLAIM,
        number,
        claim=1_000_000_000 + number,
        batch="b" * 32,
        batch_end=1_000_000_100,
        brand="bakery",
        program="town",
        member=f"{number:032x}",
        points=500,
        claimed_at="2026-11-02T03:00:00.000000+00:00",
        expires_at="2027-05-01T15:00:00.000000+00:00",
    )


def written(folder: Path, count: int = 3, *, segment_bytes: int = journal.SEGMENT_BYTES) -> list[Entry]:
    """A journal of so many entries, each appended for itself."""
    entries = [entry(number) for number in range(1, count + 1)]
    for each in entries:
        with journal.opened(folder, segment_bytes=segment_bytes) as book:
            book.append([each])
    return entries


def read(folder: Path) -> list[Entry]:
    return [line.entry for line in journal.lines(folder)]


# --- The file -------------------------------------------------------------------------------------


def test_a_journal_gives_back_what_was_written_from_segment_to_segment(folder: Path) -> None:
    entries = written(folder, 20, segment_bytes=1_000)
    assert read(folder) == entries
    assert len(list(folder.glob("journal-*"))) == 7
    assert [line.number for line in journal.tail(folder, limit=5)] == [16, 17, 18, 19, 20]
    assert [line.number for line in journal.tail(folder, limit=100)] == list(range(1, 21))


def test_any_changed_byte_is_found(folder: Path) -> None:
    written(folder)
    path = folder / "journal-000001.jsonl"
    whole = path.read_bytes()
    unnoticed = []
    for place in range(len(whole) - 1):  # the very last line end apart: without it the line is a torn rest
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        try:
            list(journal.lines(folder))
            unnoticed.append(place)
        except (JournalBroken, SealKeyMissing):
            continue
    assert unnoticed == []


def changed(folder: Path, number: int, **fields: Any) -> None:
    """A line rewritten in its form by somebody without the key."""
    path = folder / "journal-000001.jsonl"
    raw = path.read_bytes().splitlines(keepends=True)
    line = list(journal.lines(folder))[number - 1]
    raw[number - 1] = journal._encode(line._replace(entry=line.entry._replace(**fields)))
    path.write_bytes(b"".join(raw))


@pytest.mark.parametrize(
    "change",
    [{"member": "f" * 32}, {"points": 501}, {"claim": 1_000_000_050}, {"posting": 17}, {"brand": "x"}],
)
def test_a_line_rewritten_without_the_key_is_named(folder: Path, change: dict[str, Any]) -> None:
    written(folder)
    changed(folder, 2, **change)
    with pytest.raises(JournalBroken, match=r"journal-000001\.jsonl, line 2 does not follow"):
        list(journal.lines(folder))


def test_lines_that_are_missing_moved_or_double_are_named(folder: Path) -> None:
    written(folder, 4)
    path = folder / "journal-000001.jsonl"
    one, two, three, four = path.read_bytes().splitlines(keepends=True)
    for spoilt in ([two, three, four], [one, three, four], [one, three, two, four], [one, one, two]):
        path.write_bytes(b"".join(spoilt))
        with pytest.raises(JournalBroken, match="does not follow"):
            list(journal.lines(folder))


def test_a_missing_segment_is_named(folder: Path) -> None:
    written(folder, 20, segment_bytes=1_000)
    (folder / "journal-000003.jsonl").unlink()
    with pytest.raises(JournalBroken, match=r"journal-000004\.jsonl, line 1"):
        list(journal.lines(folder))


def test_nothing_is_appended_behind_a_spoilt_end(folder: Path) -> None:
    written(folder)
    changed(folder, 3, points=501)
    with pytest.raises(JournalBroken), journal.opened(folder):
        pass


@pytest.mark.parametrize("torn", [b"{", b'{"n":4,"kind":"claim"', b"\0" * 200_000])
def test_the_torn_rest_of_a_crash_is_cut_off_and_no_whole_line_with_it(folder: Path, torn: bytes) -> None:
    entries = written(folder)
    with (folder / "journal-000001.jsonl").open("ab") as file:
        file.write(torn)
    assert read(folder) == entries
    with journal.opened(folder) as book:
        book.append([entry(4)])
    assert read(folder) == [*entries, entry(4)]


def test_a_torn_rest_is_cut_off_before_the_next_segment_begins(folder: Path) -> None:
    entries = written(folder, 3, segment_bytes=1_000)
    with (folder / "journal-000001.jsonl").open("ab") as file:
        file.write(b"torn")
    with journal.opened(folder, segment_bytes=1_000) as book:
        book.append([entry(4)])
    assert read(folder) == [*entries, entry(4)]


def test_a_new_key_takes_over_and_the_old_one_is_still_needed(folder: Path, settings: Settings) -> None:
    written(folder)
    old = settings.LEDGER_SEAL_KEYS
    settings.LEDGER_SEAL_KEYS = {"new": bytes(range(32))} | old
    with journal.opened(folder) as book:
        book.append([entry(4)])
    assert [line.key_id for line in journal.lines(folder)] == ["test", "test", "test", "new"]
    settings.LEDGER_SEAL_KEYS = {"new": bytes(range(32))}
    with pytest.raises(SealKeyMissing, match="test"):
        list(journal.lines(folder))


def test_only_one_process_has_the_journal_in_hand(folder: Path) -> None:
    with journal.opened(folder), pytest.raises(JournalBusy), journal.opened(folder):
        pass


def test_a_disk_that_fills_up_in_the_middle_of_a_line_leaves_the_journal_as_it_was(folder: Path) -> None:
    entries = written(folder)
    size = (folder / "journal-000001.jsonl").stat().st_size
    with journal.opened(folder) as book:
        with room_for(size + 700), pytest.raises(OSError, match="File too large"):
            book.append([entry(4), entry(5)])
        assert (folder / "journal-000001.jsonl").stat().st_size == size
        book.append([entry(4)])
    assert read(folder) == [*entries, entry(4)]


# --- Shipping -------------------------------------------------------------------------------------


def claim(batch: Batch, place: int, member: Member) -> int:
    return giftcodes.claim_code(text=make.code_of(batch, place), member=member, at=NOON).serial_number


def claims_in(folder: Path) -> list[int]:
    return [line.entry.claim for line in journal.lines(folder) if line.entry.kind == Kind.CLAIM]


@pytest.mark.django_db
def test_claims_are_shipped_once_and_in_their_order(folder: Path) -> None:
    batch, members = make.live_batch(size=6), [make.member(), make.member()]
    assert giftcodes.ship_claims(begin=False) == 0
    first = [claim(batch, place, members[place % 2]) for place in (4, 1, 3)]
    assert giftcodes.ship_claims(begin=False) == 3
    assert giftcodes.ship_claims(begin=False) == 0
    last = [claim(batch, place, members[0]) for place in (5, 0)]
    assert giftcodes.ship_claims(begin=False) == 2
    assert claims_in(folder) == [*first, *last]


@pytest.mark.django_db
def test_a_line_says_what_a_replay_needs_and_nothing_of_a_person_or_a_code(folder: Path) -> None:
    batch, member = make.live_batch(size=1), make.member()
    serial_number = claim(batch, 0, member)
    giftcodes.ship_claims(begin=True)

    line: Line = list(journal.lines(folder))[-1]
    lot = make.wallet(member, batch.brand.program).lots.get()
    assert line.entry == Entry(
        Kind.CLAIM,
        lot.transfer.postings.get().pk,
        claim=serial_number,
        batch=batch.public_id.hex,
        batch_end=serial_number + 1,
        brand=batch.brand.slug,
        program=batch.brand.program.slug,
        member=member.public_id.hex,
        points=500,
        claimed_at="2026-11-02T03:00:00.000000+00:00",
        expires_at=lot.expires_at.isoformat(timespec="microseconds"),
    )
    text = (folder / "journal-000001.jsonl").read_text()
    assert member.user is not None
    assert make.code_of(batch) not in text
    assert str(member.user.email) not in text


@pytest.mark.django_db
def test_many_postings_without_a_claim_are_marked_as_seen(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shipping, "MARK_EVERY", 3)
    monkeypatch.setattr(shipping, "POSTINGS_PER_STEP", 2)
    batch = make.live_batch()
    claim(batch, 0, make.member())
    giftcodes.ship_claims(begin=True)
    for _ in range(4):
        make.deposit(batch.brand, 100)
    giftcodes.ship_claims(begin=False)

    mark = list(journal.lines(folder))[-1]
    assert (mark.entry.kind, mark.entry.posting) == (Kind.MARK, shipping.final_posting_id())
    assert restores.disagreement(folder) is None
    claim(batch, 1, make.member())
    assert giftcodes.ship_claims(begin=False) == 1


@pytest.mark.django_db
def test_claims_without_a_journal_are_a_wrong_folder_until_somebody_says_otherwise(folder: Path) -> None:
    claim(make.live_batch(), 0, make.member())
    with pytest.raises(JournalMissing, match="ship_claims --begin"):
        giftcodes.ship_claims(begin=False)
    assert any("no claim journal" in sentence for sentence in weaknesses())
    with pytest.raises(CommandError, match="bring the folder back"):
        call_command("ship_claims")

    said = StringIO()
    call_command("ship_claims", "--begin", stdout=said)
    assert len(claims_in(folder)) == 1
    assert "1" in said.getvalue()
    assert restores.disagreement(folder) is None


@pytest.mark.django_db
def test_a_process_of_its_own_ships_until_it_is_stopped(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    batch, member, said = make.live_batch(), make.member(), StringIO()
    claimed: list[int] = []

    def meanwhile(_seconds: float) -> None:
        if len(claimed) == 2:
            raise KeyboardInterrupt
        claimed.append(claim(batch, len(claimed), member))

    monkeypatch.setattr("giftcodes.management.commands.ship_claims.time.sleep", meanwhile)
    with pytest.raises(KeyboardInterrupt):
        call_command("ship_claims", "--every", "0.5", stdout=said)

    assert claims_in(folder) == claimed
    assert len(said.getvalue().splitlines()) == 2  # a look that finds nothing says nothing


@pytest.mark.django_db
def test_a_database_older_than_its_journal_is_not_opened_and_not_shipped_from(folder: Path) -> None:
    batch, member = make.live_batch(), make.member()
    giftcodes.ship_claims(begin=True)
    claim(batch, 0, member)
    with lost_by_a_restore():
        claim(batch, 1, member)
        claim(batch, 2, member)
        giftcodes.ship_claims(begin=False)
        assert check_journal() == []

    with pytest.raises(DatabaseOlder):
        giftcodes.ship_claims(begin=False)
    [sentence] = weaknesses()
    assert "2 of its last 4 lines" in sentence
    assert sentence.endswith("run manage.py replay_claims.")
    assert [message.id for message in check_journal()] == ["config.W001"]


@pytest.mark.django_db
def test_a_restore_is_noticed_though_others_have_the_same_ids_by_now(folder: Path) -> None:
    batch = make.live_batch()
    with lost_by_a_restore():
        claim(batch, 0, make.member())
        giftcodes.ship_claims(begin=True)
    claim(batch, 1, make.member())
    with pytest.raises(DatabaseOlder):
        giftcodes.ship_claims(begin=False)


@pytest.mark.django_db
def test_the_audit_reads_the_whole_journal_and_names_the_first_spoilt_line(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    batch = make.live_batch()
    monkeypatch.setattr(restores, "LOOK_BACK", 2)
    for place in range(6):
        claim(batch, place, make.member())
    giftcodes.ship_claims(begin=True)
    call_command("audit", stdout=StringIO())
    changed(folder, 2, points=1)
    assert restores.disagreement(folder) is None  # a start looks at the end alone

    said = StringIO()
    with pytest.raises(SystemExit):
        call_command("audit", stdout=said, stderr=StringIO())

    assert giftcodes_audit.JOURNAL in said.getvalue()
    assert "journal-000001.jsonl, line 2" in said.getvalue()
    assert len(said.getvalue().splitlines()) == 1


@pytest.mark.django_db
def test_a_spoilt_or_unreadable_journal_keeps_everything_closed(folder: Path, settings: Settings) -> None:
    claim(make.live_batch(), 0, make.member())
    giftcodes.ship_claims(begin=True)
    changed(folder, 2, points=1)
    assert "can't be trusted" in str(restores.disagreement(folder))
    settings.LEDGER_SEAL_KEYS = {"other": bytes(range(32))}
    assert "can't be trusted" in str(restores.disagreement(folder))


@pytest.mark.django_db
def test_a_journal_that_can_not_be_written_is_said_while_claims_go_on(
    folder: Path, settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    batch, member = make.live_batch(), make.member()
    tasks.ship_claims()
    first = claim(batch, 0, member)
    with room_for(200):
        tasks.ship_claims()
    blocked = folder.with_name("file")
    blocked.write_bytes(b"")
    settings.CLAIM_JOURNAL_DIR = blocked / "journal"
    tasks.ship_claims()
    second = claim(batch, 1, member)

    said = [record.getMessage() for record in caplog.records if record.levelno == logging.ERROR]
    assert [("File too large" in text, "Not a directory" in text) for text in said] == [
        (True, False),
        (False, True),
    ]
    assert all("make room in" in text for text in said)
    settings.CLAIM_JOURNAL_DIR = folder
    tasks.ship_claims()
    assert claims_in(folder) == [first, second]
    assert [*ledger_audit.differences(), *giftcodes_audit.differences()] == []


@pytest.mark.django_db
def test_a_task_that_finds_the_journal_in_other_hands_leaves_it_to_them(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with journal.opened(folder):
        tasks.ship_claims()
    assert caplog.records == []


def test_the_journal_is_for_its_owner_alone(folder: Path) -> None:
    written(folder, 1)
    modes = {path.name: oct(path.stat().st_mode & 0o777) for path in [folder, *folder.iterdir()]}
    assert modes == {"journal": "0o700", "lock": "0o600", "journal-000001.jsonl": "0o600"}
