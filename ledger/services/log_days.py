"""Seal the days of the audit log, one after the other."""

import filecmp
from datetime import date, datetime, timedelta
from itertools import islice
from pathlib import Path

from django.db import transaction

from ledger import locking, log_seals, seals
from ledger.errors import SealRefused
from ledger.keys import newest_seal_key_id
from ledger.rows import NO_HEAD
from parties.staff_models import AuditRecord, AuditSeal

# How long a day is over before it is sealed: what was recorded before midnight is committed by then.
_GRACE = timedelta(minutes=10)


def seal_due_log_days(*, at: datetime, limit: int) -> int:
    """Seal the days of the audit log that ended at least ten minutes before `at`, in their order, at most
    `limit`; gives back how many.

    The manifest comes first, then the seal; a crash in between is mended by the next run, which writes the
    same. SealRefused if there is a manifest of the day that says otherwise: nothing is ever written over.
    SealKeyMissing. Twice at once is harmless.
    """
    for done in range(limit):
        newest = AuditSeal.objects.order_by("-day").first()
        day = newest.day + timedelta(days=1) if newest else log_seals.first_day()
        if day is None or not log_seals.is_over(day, at=at, grace=_GRACE):
            return done
        with transaction.atomic():
            locking.still(AuditRecord)  # whoever is recording has committed by then
        with seals.alone(log_seals.folder()):
            _seal(day, previous_head=newest.head if newest else NO_HEAD, at=at)
    return limit


def _seal(day: date, *, previous_head: str, at: datetime) -> None:
    path = log_seals.manifest_path(log_seals.folder(), day)
    key_id = _key_of(path) if path.exists() else newest_seal_key_id()
    with log_seals.draft_beside(path) as draft:
        sealed = log_seals.write_manifest(draft, day, key_id=key_id, previous_head=previous_head)
        if not path.exists():
            log_seals.place_manifest(draft, path)
        elif not filecmp.cmp(draft, path, shallow=False):
            raise SealRefused(f"{path} says otherwise: find out who changed the audit log or the file")
    values = {"rows": sealed.rows, "previous_head": previous_head, "head": sealed.head, "key_id": key_id}
    AuditSeal.objects.get_or_create(day=day, defaults={**values, "sealed_at": at})


def _key_of(path: Path) -> str:
    """The key that a manifest names; a broken one gets the newest, and then says otherwise."""
    with path.open(encoding="utf-8", errors="replace") as file:
        for line in islice(file, 4):
            if line.startswith("key "):
                return line.removeprefix("key ").rstrip("\n")
    return newest_seal_key_id()
