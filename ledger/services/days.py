"""Close a day, so that nothing is added to it any more, and seal what it holds."""

import filecmp
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from django.conf import settings
from django.db import OperationalError, transaction
from django.db.models import Max, Min

from ledger import locking, log_seals, seals
from ledger.errors import DayNotClosable, SealRefused
from ledger.expiry import JAPAN
from ledger.keys import newest_seal_key_id
from ledger.models import Account, ClosedDay, DaySeal, Transfer
from ledger.rows import NO_HEAD
from ledger.seals import Chain, Draft, Span
from parties.staff_models import AuditSeal

# How long a day is over before it is closed: whoever took its moment before midnight has booked by then.
_GRACE = timedelta(minutes=10)
_LOCK_NOT_AVAILABLE = "55P03"  # SQLSTATE of a lock that was waited for in vain


def close_day(*, day: date, at: datetime) -> ClosedDay:
    """Close the day (in Japan time): from now on PostgreSQL refuses rows with a moment before its end.

    Days are closed one after the other, beginning with that of the ledger's first row; a repeat gives back
    the first closing. Waits for transfers that are being booked. DayNotClosable before the day has ended at
    `at`, if it is not the next one in turn, or if somebody is still booking after two seconds: try again.
    """
    if at < seals.end_of(day):
        raise DayNotClosable(f"{day} has not ended")
    try:
        return _close(day, at)
    except OperationalError as error:
        if getattr(error.__cause__, "sqlstate", None) != _LOCK_NOT_AVAILABLE:
            raise
        raise DayNotClosable(f"{day}: somebody is still booking") from error


@transaction.atomic
def _close(day: date, at: datetime) -> ClosedDay:
    if (found := ClosedDay.objects.filter(pk=day).first()) is not None:
        return found
    locking.still(Transfer)
    if day != (due := _next_to_close()):
        if (found := ClosedDay.objects.filter(pk=day).first()) is not None:
            return found  # somebody else has just closed it
        raise DayNotClosable(f"{day} is not in turn: {due or 'there is nothing'} is next")
    values = {"ends_at": seals.end_of(day), "closed_at": at}
    return ClosedDay.objects.get_or_create(pk=day, defaults=values)[0]


def _next_to_close() -> date | None:
    """The day after the newest closed one, else that of the ledger's first row; None if it has none."""
    newest: date | None = ClosedDay.objects.aggregate(newest=Max("day"))["newest"]
    if newest is not None:
        return newest + timedelta(days=1)
    opened = Account.objects.aggregate(first=Min("opened_at"))["first"]
    posted = Transfer.objects.aggregate(first=Min("posted_at"))["first"]
    first: datetime | None = min(filter(None, (opened, posted)), default=None)
    return None if first is None else first.astimezone(JAPAN).date()


def seal_day(*, day: date, at: datetime) -> list[DaySeal]:
    """Seal a closed day: a manifest per program in SEALS_DIR, then the seals, all of them or none.

    A repeat gives back the same seals, and writes again what is missing of the manifests; a crash at any
    point is mended by it. SealRefused if the day is not closed or one before it is not sealed, or if there is
    a manifest of the day that says otherwise: nothing is ever written over. SealKeyMissing.
    """
    span = _span_to_seal(day)
    _let_openings_end(day)
    with seals.alone(settings.SEALS_DIR):
        return _seal(span, at)


def _seal(span: Span, at: datetime) -> list[DaySeal]:
    day = span.day
    known = {seal.program_id: seal for seal in DaySeal.objects.filter(day=day)}
    paths = [seals.manifest_path(settings.SEALS_DIR, pk, day.isoformat()) for pk in known]
    if not known or not all(path.exists() for path in paths):
        with _written(span, known) as drafts:
            _refuse_conflicts(drafts, known)
            for draft in drafts.values():
                draft.place()
        _record(span, drafts, at)
    return list(DaySeal.objects.filter(day=day).order_by("program"))


def seal_due_days(*, at: datetime, limit: int) -> int:
    """Close and seal the days that ended at least ten minutes before `at`, in their order, at most `limit`;
    gives back how many. Raises what `close_day` and `seal_day` raise.
    """
    for done in range(limit):
        day = _next_to_seal()
        if day is None or seals.end_of(day) + _GRACE > at:
            return done
        close_day(day=day, at=at)
        seal_day(day=day, at=at)
    return limit


def _next_to_seal() -> date | None:
    due = _next_to_close()  # before the other look: a day that is closed in between must not be passed over
    unsealed = ClosedDay.objects.filter(seals=None).order_by("day").first()
    return due if unsealed is None else unsealed.day


def _span_to_seal(day: date) -> Span:
    if not ClosedDay.objects.filter(pk=day).exists():
        raise SealRefused(f"{day} is not closed")
    earlier = ClosedDay.objects.filter(pk__lt=day, seals=None).order_by("day").first()
    if earlier is not None:
        raise SealRefused(f"{earlier} comes first: it is not sealed yet")
    first: date = ClosedDay.objects.aggregate(first=Min("day"))["first"]
    return seals.span_of(day, first_day=first)


def _let_openings_end(day: date) -> None:
    """Wait for accounts that were being opened when the day was closed. Apart from the closing: who books
    holds both tables, and who waits for one must not hold the other.
    """
    try:
        with transaction.atomic():
            locking.still(Account)
    except OperationalError as error:
        if getattr(error.__cause__, "sqlstate", None) != _LOCK_NOT_AVAILABLE:
            raise
        raise SealRefused(f"{day}: somebody is still opening an account") from error


def set_aside_manifests(*, at: datetime) -> Path | None:
    """After a restore to an earlier moment: move the manifests of days that the database has not sealed into
    a new folder of SEALS_DIR, and give back which; None if there are none.

    Those days went on differently, and are sealed anew. What was sealed of them stays to be looked at. A day
    of which any seal is left is not touched. Repeating it is harmless.
    """
    sealed = {day.isoformat() for day in DaySeal.objects.values_list("day", flat=True).distinct()}
    manifests = seals.manifests_in(settings.SEALS_DIR)
    lost = [path for (day, _program), path in manifests.items() if day not in sealed]
    logged = set(AuditSeal.objects.values_list("day", flat=True))
    of_the_log = log_seals.manifests_in(settings.SEALS_DIR)
    lost += [path for day, path in of_the_log.items() if day not in logged]
    if not lost:
        return None
    aside: Path = settings.SEALS_DIR / f"before-restore-{at.astimezone(UTC):%Y%m%dT%H%M%S.%fZ}"
    for path in lost:
        place = aside / path.parent.name / path.name
        place.parent.mkdir(parents=True, exist_ok=True)
        path.rename(place)
        for folder in (path.parent, place.parent):
            seals.sync_folder(folder)
    for folder in (aside, settings.SEALS_DIR):
        seals.sync_folder(folder)
    return aside


@contextmanager
def _written(span: Span, known: dict[int, DaySeal]) -> Iterator[dict[int, Draft]]:
    """A finished draft per program. What has not been placed is gone afterwards."""
    programs = seals.programs_of(span)
    drafts: dict[int, Draft] = {}
    try:
        for program_id in programs:
            drafts[program_id] = seals.start_draft(_chain(span, program_id, known.get(program_id)))
        for row in seals.rows_of(span):
            program_id = seals.chained_in(row, programs)
            if program_id not in drafts:  # its accounts were opened later than it was booked
                drafts[program_id] = seals.start_draft(_chain(span, program_id, known.get(program_id)))
            draft = drafts[program_id]
            draft.file.write(draft.chain.add(row))
        for draft in drafts.values():
            draft.finish()
        yield drafts
    finally:
        for draft in drafts.values():
            with suppress(OSError):  # a full disk, or its place has been taken
                draft.file.close()
            with suppress(FileNotFoundError):
                draft.draft.unlink()


def _chain(span: Span, program_id: int, known: DaySeal | None) -> Chain:
    """Where the program's chain goes on. A seal or a manifest that is there already decides about the key."""
    path = seals.manifest_path(settings.SEALS_DIR, program_id, span.day.isoformat())
    key_id = known.key_id if known else seals.opening_of(path).get("key") or newest_seal_key_id()
    before = DaySeal.objects.filter(program=program_id, day__lt=span.day).order_by("-day").first()
    head = before.head if before else NO_HEAD
    return Chain(program_id=program_id, day=span.day, key_id=key_id, previous_head=head)


def _refuse_conflicts(drafts: dict[int, Draft], known: dict[int, DaySeal]) -> None:
    for program_id, draft in drafts.items():
        seal = known.get(program_id)
        if known and (seal is None or seal.head != draft.chain.head()):
            raise SealRefused(f"program {program_id}: the rows of {draft.chain.totals.day} have changed")
        if draft.path.exists() and not filecmp.cmp(draft.draft, draft.path, shallow=False):
            raise SealRefused(
                f"{draft.path} says otherwise: after a restore to an earlier moment run manage.py"
                " replay_claims, which sets it aside; else find out who changed the rows or the file"
            )


def _record(span: Span, drafts: dict[int, Draft], at: datetime) -> None:
    found = [
        DaySeal(
            program_id=program_id,
            day_id=span.day,
            rows=draft.chain.rows,
            points=draft.chain.points,
            previous_head=draft.chain.totals.previous_head,
            head=draft.chain.head(),
            key_id=draft.chain.totals.key_id,
            sealed_at=at,
        )
        for program_id, draft in drafts.items()
    ]
    DaySeal.objects.bulk_create(found, ignore_conflicts=True)  # another one may have sealed it meanwhile
