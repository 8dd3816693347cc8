"""Which monthly mails are still to be sent."""

from datetime import datetime

from django.db.models import Exists, OuterRef, QuerySet

from campaigns.monthly_models import MonthlyMail, NoMonthlyMail
from campaigns.months import Month
from ledger.expiry import JAPAN
from parties.models import Role, StaffRole

TOLD = (Role.MARKETER, Role.FINANCE)
LAST_DAY = 7  # of the month: what could not be sent by then is old
MAX_TRIES = 5


def waiting_mails(*, at: datetime) -> QuerySet[MonthlyMail]:
    """Those that were begun and are tried again; not what was given up, is old, or is no longer wanted."""
    if at.astimezone(JAPAN).day > LAST_DAY:
        return MonthlyMail.objects.none()
    role = StaffRole.objects.filter(user=OuterRef("recipient"), brand=OuterRef("brand"), role__in=TOLD)
    begun = MonthlyMail.objects.filter(
        Exists(role),
        month=Month.before(at).first_day,
        taken_at=None,
        tries__lt=MAX_TRIES,
        recipient__is_active=True,
        recipient__is_staff=True,
    )
    return begun.exclude(recipient__in=NoMonthlyMail.objects.values("user"))
