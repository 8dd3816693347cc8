"""Check each sealed day of the audit log against its records, its seal and its manifest."""

import filecmp
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from datetime import date, timedelta
from heapq import merge
from itertools import groupby
from pathlib import Path

from ledger import log_seals
from ledger.audit import Difference
from ledger.errors import SealKeyMissing
from ledger.rows import NO_HEAD
from parties.staff_models import AuditSeal

IN_TURN = "each day of the audit log is sealed, one after the other"
LINKED = "a seal of the audit log goes on from the one before"
HEAD = "the records of a sealed day give its head"
MANIFEST = "a sealed day of the audit log has its manifest, which says the same"
RECORD = "a record of a sealed day is as it was sealed"
_LAST_LINES = 200  # bytes, in which the last one stands
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
    subject, head = f"audit log of {seal.day}", None if path is None else _head_in(path)
    if head is None:
        yield Difference(MANIFEST, subject, "a manifest", "none")
    if not is_read:
        if head is not None and head != seal.head:
            yield Difference(MANIFEST, subject, f"head {seal.head}", "another")
        return
    with tempfile.TemporaryDirectory() as folder:
        now_path = Path(folder) / "now.seal"
        try:
            now = log_seals.write_manifest(
                now_path, seal.day, key_id=seal.key_id, previous_head=seal.previous_head
            )
        except SealKeyMissing:
            yield Difference(KEY, subject, f"key {seal.key_id}", "none")
            return
        is_same = (now.rows, now.head) == (seal.rows, seal.head)
        if not is_same:
            yield Difference(HEAD, subject, f"{seal.rows} records, {seal.head}", f"{now.rows}, {now.head}")
        if path is None or head is None or filecmp.cmp(path, now_path, shallow=False):
            return
        if is_same:
            yield Difference(MANIFEST, subject, "what was sealed", "something else")
        else:
            yield from _records(path, now_path)


def _head_in(path: Path) -> str | None:
    """The head that a manifest names, "" if it names none; None if there is nothing to be read."""
    try:
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - _LAST_LINES))
            last = file.read().decode("ascii", errors="replace").splitlines()[-1:]
    except OSError:
        return None
    return last[0].removeprefix("head ") if last and last[0].startswith("head ") else ""


def _records(said: Path, now: Path) -> Iterator[Difference]:
    """Which records differ: those that are missing or new, and the first that is changed; whatever stands
    behind that has another link by it alone. Both files go by the records' numbers, and are read side by
    side.
    """
    changed, is_complete = None, True
    with ExitStack() as files:
        before, after = (files.enter_context(path.open(errors="replace")) for path in (said, now))
        for record_id, pair in groupby(merge(_links(before, "said"), _links(after, "now")), key=_number):
            links = {side: link for _number_of, side, link in pair}
            if len(links) == 1:
                is_complete = False
                here, there = ("the record", "none") if "said" in links else ("none", "a record")
                yield Difference(RECORD, f"audit record {record_id}", here, there)
            elif changed is None and links["said"] != links["now"]:
                changed = Difference(RECORD, f"audit record {record_id}", links["said"], links["now"])
    if is_complete and changed is not None:
        yield changed


def _number(line: tuple[int, str, str]) -> int:
    return line[0]


def _links(lines: Iterable[str], side: str) -> Iterator[tuple[int, str, str]]:
    for line in lines:
        record_id, _space, link = line.rstrip("\n").partition(" ")
        if record_id.isdecimal():
            yield int(record_id), side, link
