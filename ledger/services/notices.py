"""Who has to be told that points will end: from lots and consents into the queue of notices."""

from datetime import date, datetime, time, timedelta

from django.db.models import Exists, OuterRef

from ledger.expiry import JAPAN
from ledger.models import Lot
from parties.consents import consent_of
from parties.models import Purpose
from parties.notice_models import ExpiryNotice


def queue_notices(*, last_day: date, days_before: int, at: datetime, limit: int = 1_000) -> int:
    """Put up to `limit` notices into the queue: one for each member and program with points whose last day
    (in Japan) is `last_day`, if the member agrees to notices and the notice is not there yet. How many; 0
    when none is missing.

    By any number at once and however often: the unique key of a notice lets it in once.
    """
    starts_at = datetime.combine(last_day, time(), tzinfo=JAPAN)
    told = ExpiryNotice.objects.filter(
        member=OuterRef("wallet__member"),
        program=OuterRef("wallet__program"),
        last_day=last_day,
        days_before=days_before,
    )
    # Ends are exclusive: the midnight after the last day belongs to it, the one before does not.
    ending = Lot.objects.filter(
        remaining_points__gt=0,
        expires_at__gt=max(starts_at, at),
        expires_at__lte=starts_at + timedelta(days=1),
        wallet__member__user__isnull=False,
    )
    untold = ending.alias(is_wanted=consent_of(Purpose.EXPIRY_NOTICE, "wallet__member"))
    untold = untold.filter(~Exists(told), is_wanted=True).order_by()
    pairs = list(untold.values_list("wallet__member", "wallet__program").distinct()[:limit])
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
            for member_id, program_id in pairs
        ),
        ignore_conflicts=True,
    )
    return len(pairs)
