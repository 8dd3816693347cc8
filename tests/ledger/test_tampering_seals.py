"""T23: seals and manifests that were changed, removed, or made again without the key."""

import os
from collections.abc import Callable, Iterator
from datetime import timedelta
from functools import partial
from pathlib import Path
from shutil import copytree
from typing import Any

import pytest
from django.db import transaction
from pytest_django.fixtures import Settings

from ledger import seal_audit, seals
from ledger import services as ledger
from ledger.errors import SealRefused
from ledger.models import DaySeal, Posting
from ledger.seal_audit import (
    ALL_SEALED,
    AUTHENTIC,
    CLOSED_IN_TURN,
    HAS_MANIFEST,
    HAS_SEAL,
    HEAD,
    KEY,
    LINKED,
    ROW,
)
from tests.ledger.sealed_days import (
    DAYS,
    LATER,
    SECOND,
    THIRD,
    day_of,
    found,
    literal,
    named,
    seal,
    seal_folder,
    subject,
    two_programs,
)
from tests.make import NOON
from tests.tampering import dismiss_the_guards, past_the_guards

pytestmark = pytest.mark.django_db

# What a seal itself says. When it was made says nothing of the rows; its own id is nobody's concern.
SAID_BY_A_SEAL = {
    "program_id": "program_id + 1000",
    "day_id": "'2026-12-24'",
    "rows": "rows + 1",
    "points": "points + 1",
    "previous_head": literal("f" * 64),
    "head": literal("f" * 64),
    "key_id": "'lost'",
}


@pytest.fixture(autouse=True)
def _sealed(tmp_path: Path, settings: Settings) -> Iterator[None]:
    settings.SEALS_DIR = tmp_path / "seals"
    two_programs()
    seal(*DAYS)
    assert found() == []
    yield
    transaction.set_rollback(True)  # what hangs on nothing now must not be checked at the end


@pytest.mark.parametrize(("column", "changed"), SAID_BY_A_SEAL.items())
def test_a_changed_seal_is_named(column: str, changed: str) -> None:
    dismiss_the_guards()
    for pk in DaySeal.objects.values_list("pk", flat=True):
        with transaction.atomic():
            past_the_guards(f"UPDATE ledger_dayseal SET {column} = {changed} WHERE id = {pk}")
            checks = {one.check for one in found()}
            transaction.set_rollback(True)
        assert checks & {HEAD, ALL_SEALED, KEY}


def test_every_column_of_a_seal_is_thought_of() -> None:
    assert {field.attname for field in DaySeal._meta.concrete_fields} == {*SAID_BY_A_SEAL, "id", "sealed_at"}


def _seals_again_without_the_key(settings: Settings) -> None:
    """What an intruder can do who has the database and the folder, but not the key."""
    for path in seals.manifests_in(seal_folder()).values():
        path.unlink()
    past_the_guards("DELETE FROM ledger_dayseal")
    kept, settings.LEDGER_SEAL_KEYS = settings.LEDGER_SEAL_KEYS, {"test": bytes(range(32))}
    for day in DAYS:
        ledger.seal_day(day=day, at=LATER + timedelta(days=1))
    settings.LEDGER_SEAL_KEYS = kept


def test_seals_and_manifests_that_were_made_again_without_the_key_are_named(settings: Settings) -> None:
    copy = seal_folder().with_name("copy")
    copytree(seal_folder(), copy)
    posting = Posting.objects.order_by("pk")[5]
    day = day_of(Posting, posting.pk)
    past_the_guards(f"UPDATE ledger_posting SET points = points + 1 WHERE id = {posting.pk}")
    _seals_again_without_the_key(settings)

    checks = [one.check for one in found()]

    assert checks.count(HEAD) == checks.count(AUTHENTIC) == DaySeal.objects.count() == 6
    by_copy = [one for one in seal_audit.differences(folder=copy) if one.check == ROW]
    assert [one.subject for one in by_copy] == [subject(Posting, posting.pk, day)]


def _manifest(day: str, place: int = 0) -> Path:
    return [path for (name, _), path in sorted(seals.manifests_in(seal_folder()).items()) if name == day][
        place
    ]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("ledger_", "ledgex_"),
        ("tokuten day seal 1", "tokuten day seal 2"),
        ("\nkey test", "\nkey lost"),
        ("\nhead ", "\nhead 0"),
        ("\npoints ", "\npoints 1"),
        ("\nprevious ", "\nprevious 0"),
        ("\n", "\r\n"),
    ],
)
def test_a_manifest_that_was_changed_is_named_and_no_row_is_blamed(one: str, other: str) -> None:
    path = _manifest("2026-11-02")
    path.write_bytes(path.read_bytes().replace(one.encode(), other.encode(), 1))

    assert [(difference.check, difference.subject) for difference in found()] == [(AUTHENTIC, str(path))]


def test_rubbish_in_a_manifest_stops_nothing_and_hides_no_change() -> None:
    past_the_guards(f"UPDATE ledger_posting SET points = points + 1 WHERE posted_at = {literal(NOON)}")
    for path in (_manifest("2026-11-02", place) for place in range(2)):
        sound = path.read_text()
        for rubbish in ("ledger_posting x 00", "ledger_transfer x 00", "ledger_x 1 zz", "ledger_", "\0"):
            path.write_text(sound.replace("\nledger_", f"\n{rubbish}\nledger_", 1))
            assert HEAD in {one.check for one in found()}, rubbish
        path.write_text(sound)


def test_a_manifest_that_was_cut_is_named() -> None:
    path = _manifest("2026-11-02")
    sound = path.read_text()
    for left in (0, 1, 5, -1, -3):
        path.write_text("".join(sound.splitlines(keepends=True)[:left]))
        named = [(difference.check, difference.subject) for difference in found()]
        assert named == [(AUTHENTIC, str(path))], left


def test_a_manifest_of_another_day_is_no_substitute() -> None:
    path = _manifest("2026-11-02")
    path.write_bytes(_manifest("2026-11-03").read_bytes())
    past_the_guards("UPDATE ledger_posting SET points = points + 1 WHERE posted_at < '2026-11-02 15:00:00'")

    assert AUTHENTIC in {one.check for one in found() if one.subject == str(path)}


def test_without_the_manifest_the_head_tells_and_a_copy_names_the_row(tmp_path: Path) -> None:
    copytree(seal_folder(), tmp_path / "copy")
    posting = Posting.objects.filter(posted_at=NOON).order_by("pk")[0]
    day = day_of(Posting, posting.pk)
    for path in seals.manifests_in(seal_folder()).values():
        path.unlink()

    assert {one.check for one in found()} == {HAS_MANIFEST}
    past_the_guards(f"UPDATE ledger_posting SET points = points + 1 WHERE id = {posting.pk}")
    assert {one.check for one in found()} == {HAS_MANIFEST, HEAD, ROW}
    assert set(named().values()) == {"none: give a copy"}
    by_copy = list(seal_audit.differences(folder=tmp_path / "copy"))
    assert [one.subject for one in by_copy if one.check == ROW] == [subject(Posting, posting.pk, day)]


def test_a_removed_seal_is_named() -> None:
    for row in DaySeal.objects.all():
        with transaction.atomic():
            past_the_guards(f"DELETE FROM ledger_dayseal WHERE id = {row.pk}")
            checks = {one.check for one in found()}
            transaction.set_rollback(True)
        assert {ALL_SEALED, HAS_SEAL} <= checks
        assert (LINKED in checks) == (row.day_id != THIRD)


def test_a_tail_of_days_that_was_removed_is_named_by_its_manifests() -> None:
    past_the_guards("DELETE FROM ledger_dayseal WHERE day_id > '2026-11-01'")
    past_the_guards("DELETE FROM ledger_closedday WHERE day > '2026-11-01'")
    past_the_guards(
        "UPDATE ledger_posting SET points = points + 1 WHERE id = (SELECT MAX(id) FROM ledger_posting)"
    )

    checks = {one.check for one in found()}

    assert {CLOSED_IN_TURN, ALL_SEALED, HAS_SEAL, ROW} <= checks
    assert len(named()) == 1
    with pytest.raises(SealRefused, match="says otherwise"):
        seal(SECOND, THIRD)  # and what was sealed once is not sealed another way


def test_a_day_in_between_that_was_removed_is_named() -> None:
    past_the_guards("DELETE FROM ledger_dayseal WHERE day_id = '2026-11-02'")
    past_the_guards("DELETE FROM ledger_closedday WHERE day = '2026-11-02'")
    for place in (0, 0):
        _manifest("2026-11-02", place).unlink()

    assert {CLOSED_IN_TURN, LINKED} <= {one.check for one in found()}


def test_a_closed_day_with_another_end_is_named() -> None:
    past_the_guards("UPDATE ledger_closedday SET ends_at = '2026-11-02 16:00:00' WHERE day = '2026-11-02'")

    assert {one.check for one in found()} == {CLOSED_IN_TURN}


@pytest.mark.parametrize(
    "name", ["program-1/9999-12-31.seal", "program-1/0001-01-01.seal", "program-1/2026-02-30.seal"]
)
def test_a_file_that_no_day_can_have_stops_no_audit(name: str) -> None:
    path = seal_folder() / name
    path.parent.mkdir(exist_ok=True)
    path.write_text("rubbish")

    assert found() == []


@pytest.mark.parametrize("folder", ["program-\u00b2", "program-\uff11", "program-01", "program-0"])
def test_a_folder_that_no_program_can_have_hides_no_manifest(folder: str) -> None:
    copy = seal_folder() / folder
    copy.mkdir()
    (copy / "2026-11-02.seal").write_text("rubbish")

    assert found() == []


def test_something_else_in_the_place_of_a_manifest_is_named() -> None:
    path = _manifest("2026-11-02", 0)
    path.unlink()
    places: list[Callable[[], None]] = [
        path.mkdir,
        partial(os.mkfifo, path),
        partial(path.symlink_to, "nowhere"),
    ]
    for put in places:
        put()
        assert [one.check for one in found()] == [HAS_MANIFEST]
        (path.rmdir if path.is_dir() else path.unlink)()


def test_a_manifest_that_can_not_be_read_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    path, read = _manifest("2026-11-02", 0), Path.open

    def refuse(self: Path, *args: Any, **options: Any) -> Any:
        if self == path:
            raise PermissionError(13, "Permission denied")
        return read(self, *args, **options)

    monkeypatch.setattr(Path, "open", refuse)

    assert [(one.check, one.subject) for one in found()] == [(AUTHENTIC, str(path))]
