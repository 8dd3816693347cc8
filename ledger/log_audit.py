"""Check each sealed day of the audit log against its records, its seal and its manifest."""

from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

from ledger import log_seals
from ledger.audit import Difference
from ledger.errors import SealKeyMissing
from ledger.log_seals import Sealed
from ledger.rows import NO_HEAD
from parties.staff_models import AuditSeal

IN_TURN = "each day of the audit log is sealed, one after the other"
LINKED = "a seal of the audit log goes on from the one before"
HEAD = "the records of a sealed day give its head"
MANIFEST = "a sealed day of the audit log has its manifest, which says the same"
RECORD = "a record of a sealed day is as it was sealed"
KEY = "the key of a seal of the audit log is there"


def differences(*, since: date | None = None, folder: Path | None = None) -> Iterator[Difference]:
    """Every difference in the sealed days; none in sound ones. Records are read for the days from `since` on
    (None: all). `folder` holds a copy of the manifests to check against (None: SEALS_DIR).
    """
    manifests = log_seals.manifests_in(folder or log_seals.folder())
    head, due = NO_HEAD, None
    for seal in AuditSeal.objects.order_by("day"):
        due = due or seal.day
        if seal.day != due:
            yield Difference(IN_TURN, f"audit log of {due}", "a seal", "none")
        if seal.previous_head != head:
            yield Difference(LINKED, f"audit log of {seal.day}", head, seal.previous_head)
        head, due = seal.head, seal.day + timedelta(days=1)
        yield from _of_day(seal, manifests.pop(seal.day, None), is_read=since is None or seal.day >= since)
    first = log_seals.first_day()
    sealed_from = AuditSeal.objects.order_by("day").values_list("day", flat=True).first()
    if first and sealed_from and first < sealed_from:
        yield Difference(IN_TURN, f"audit log of {first}", "no record before the first seal", "records")
    for day in sorted(manifests):
        yield Difference(IN_TURN, str(manifests[day]), "a seal", "none")


def _of_day(seal: AuditSeal, path: Path | None, *, is_read: bool) -> Iterator[Difference]:
    subject = f"audit log of {seal.day}"
    said = _text_of(path)
    if said is None:
        yield Difference(MANIFEST, subject, "a manifest", "none")
    if not is_read:
        if said is not None and f"\nhead {seal.head}\n" not in said:
            yield Difference(MANIFEST, subject, f"head {seal.head}", "another")
        return
    try:
        now = log_seals.seal(seal.day, key_id=seal.key_id, previous_head=seal.previous_head)
    except SealKeyMissing:
        yield Difference(KEY, subject, f"key {seal.key_id}", "none")
        return
    if (now.rows, now.head) != (seal.rows, seal.head):
        yield Difference(HEAD, subject, f"{seal.rows} records, {seal.head}", f"{now.rows}, {now.head}")
    expected = log_seals.manifest_of(seal.day, now, key_id=seal.key_id, previous_head=seal.previous_head)
    if said is not None and said != expected:
        if (now.rows, now.head) == (seal.rows, seal.head):
            yield Difference(MANIFEST, subject, "what was sealed", "something else")
        else:
            yield from _records(said, now)


def _records(said: str, now: Sealed) -> Iterator[Difference]:
    """Which records differ: those that are missing or new, and the first that is changed; whatever stands
    behind that has another link by it alone.
    """
    before = dict(_links(said.splitlines(keepends=True)[4:-2]))
    after = dict(_links(now.lines))
    for record_id in sorted(before.keys() - after.keys()):
        yield Difference(RECORD, f"audit record {record_id}", "the record", "none")
    for record_id in sorted(after.keys() - before.keys()):
        yield Difference(RECORD, f"audit record {record_id}", "none", "a record")
    if before.keys() == after.keys():
        changed = min(record_id for record_id in before if before[record_id] != after[record_id])
        yield Difference(RECORD, f"audit record {changed}", before[changed], after[changed])


def _links(lines: list[str]) -> Iterator[tuple[int, str]]:
    for line in lines:
        record_id, _space, link = line.rstrip("\n").partition(" ")
        if record_id.isdecimal():
            yield int(record_id), link


def _text_of(path: Path | None) -> str | None:
    try:
        return path.read_text(encoding="utf-8") if path is not None else None
    except (OSError, UnicodeDecodeError):
        return None
