"""Who has to be told that points will end: from lots and consents into the queue of notices."""

from datetime import date, datetime
from typing import NamedTuple

from django.db.models import QuerySet

from ledger.models import Lot
from ledger.queries import ending_on
from parties.consents import consent_of
from parties.models import Purpose
from parties.notice_models import ExpiryNotice


class Place(NamedTuple):
    """How far the lots of a day have been looked at, by (end, id)."""

    expires_at: datetime
    lot_id: int


def queue_notices(
    *, last_day: date, days_before: int, at: datetime, after: Place | None = None, limit: int = 1_000
) -> Place | None:
    """Look at the next `limit` lots with points whose last day (in Japan) is `last_day`, and put a notice
    into the queue for each member and program, if the member agrees to notices and has no such notice yet.
    None for points of a sandbox, which are worth nothing. Gives back where to go on; None when all have been
    looked at.

    By any number at once, from the beginning and however often: the unique key of a notice lets it in once.
    """
    page = _page(ending_on(last_day, at=at), after, limit)
    holders = Lot.objects.filter(
        pk__in=page, wallet__member__user__isnull=False, wallet__program__is_sandbox=False
    )
    wanted = holders.annotate(is_wanted=consent_of(Purpose.EXPIRY_NOTICE, "wallet__member"))
    rows = wanted.values_list("wallet__member", "wallet__program", "is_wanted")
    pairs = {(member_id, program_id) for member_id, program_id, is_wanted in rows if is_wanted}
    told = ExpiryNotice.objects.filter(member__in={member_id for member_id, _ in pairs})
    told = told.filter(last_day=last_day, days_before=days_before)
    ExpiryNotice.objects.bulk_create(
        (
            ExpiryNotice(
                member_id=member_id,
                program_id=program_id,
                last_day=last_day,
                days_before=days_before,
                queued_at=at,
                next_try_at=at,
            )
            for member_id, program_id in sorted(pairs - set(told.values_list("member", "program")))
        ),
        ignore_conflicts=True,
    )
    return Place(page[max(page)], max(page)) if page else None


def _page(lots: QuerySet[Lot], after: Place | None, limit: int) -> dict[int, datetime]:
    """Ends by id of the next lots. All have one end, so that a page is one range of the index of due lots.
    To ask for the day as well would make the planner expect hardly any of them, and sort them all.
    """
    page: dict[int, datetime] = {}
    if after is not None:
        page = _with_end(after.expires_at, after.lot_id, limit)
        lots = lots.filter(expires_at__gt=after.expires_at)
    if not page:
        next_end = lots.order_by("expires_at", "pk").values_list("expires_at", flat=True).first()
        page = {} if next_end is None else _with_end(next_end, 0, limit)
    return page


def _with_end(end: datetime, after_id: int, limit: int) -> dict[int, datetime]:
    lots = Lot.objects.filter(remaining_points__gt=0, expires_at=end, pk__gt=after_id)
    return dict.fromkeys(lots.order_by("expires_at", "pk").values_list("pk", flat=True)[:limit], end)
