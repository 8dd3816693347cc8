"""The folder of the manifests when disks fill up and processes die, and what is no concern of a seal."""

from pathlib import Path

import pytest
from django.conf import settings

from ledger import audit
from ledger import services as ledger
from parties.models import Brand, Member, Program
from tests import make
from tests.full_disk import room_for
from tests.ledger.sealed_days import FIRST, LATER, SECOND, THIRD, found, seal, two_programs

pytestmark = pytest.mark.django_db


def files() -> dict[Path, bytes]:
    """All files of the folder, drafts too."""
    return {path: path.read_bytes() for path in Path(settings.SEALS_DIR).rglob("*") if path.is_file()}


def test_people_who_are_erased_and_names_that_change_leave_the_seals_valid() -> None:
    two_programs()
    seal(FIRST, SECOND, THIRD)

    for member in Member.objects.exclude(user=None):
        assert member.user is not None
        member.user.delete()
    Brand.objects.update(name="Another name")
    Program.objects.update(name="Another name")

    assert not Member.objects.exclude(user=None).exists()
    assert found() == []
    assert not list(audit.differences())


def test_what_a_killed_process_left_is_gone_when_a_day_is_sealed() -> None:
    make.brand(funds=100)
    seal(FIRST)
    (folder,) = Path(settings.SEALS_DIR).iterdir()
    for left in (".2026-11-01.abcdefgh", ".2026-11-02.abcdefgh"):
        (folder / left).write_text("half")

    seal(SECOND)

    assert sorted(path.name for path in folder.iterdir()) == ["2026-11-01.seal", "2026-11-02.seal"]


def test_a_full_disk_leaves_nothing_behind_and_the_day_is_sealed_when_there_is_room() -> None:
    two_programs()
    seal(FIRST)
    before = files()
    ledger.close_day(day=SECOND, at=LATER)
    with room_for(500), pytest.raises(OSError, match="File too large"):
        ledger.seal_day(day=SECOND, at=LATER)
    assert files() == before

    seal(SECOND)

    assert found() == []
