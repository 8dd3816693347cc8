"""On the first days of a month, tell marketers and finance what their campaigns brought in the last one."""

import logging
from collections.abc import Iterator
from datetime import datetime, timedelta

from django.core.mail import send_mail
from django.db.models import F, Q, QuerySet
from django.template.loader import render_to_string
from django.utils import translation

from campaigns.monthly import Line, lines_of_month, running_campaigns
from campaigns.monthly_models import MonthlyMail, NoMonthlyMail
from campaigns.monthly_queries import LAST_DAY, MAX_TRIES, TOLD
from campaigns.months import Month
from campaigns.services.mail_server import BROKEN_OFF, NOT_SENT, mail_server
from ledger.expiry import JAPAN
from parties.models import Brand, User

_WAIT = timedelta(hours=1)

logger = logging.getLogger(__name__)


def send_months(*, site_url: str, at: datetime, limit: int) -> int:
    """Send what is due of the mails about the last month, at most so many; how many were taken on.

    One for each brand, month and person of its marketers and finance; nobody who said that they want none,
    and no brand without a running campaign. Each is won by a filtered update of its row, outside of any
    transaction, so nobody gets it twice.
    """
    if at.astimezone(JAPAN).day > LAST_DAY:
        return 0
    taken, month = 0, Month.before(at)
    for brand in _brands(month):
        lines: list[Line] | None = None
        for person in _people(brand, month, at):
            if taken == limit:
                return taken
            mail, _is_new = MonthlyMail.objects.get_or_create(
                brand=brand, month=month.first_day, recipient=person, defaults={"due_at": at}
            )
            if not _take(mail.pk, at):
                continue
            taken += 1
            lines = lines_of_month(brand, month) if lines is None else lines
            _send(mail.pk, person, mail_about(brand, month, lines, person, site_url), at)
    return taken


def want_monthly_mails(*, user: User, is_wanted: bool, at: datetime) -> None:
    """From now on the person gets monthly mails, or none. To say so again changes nothing."""
    if is_wanted:
        NoMonthlyMail.objects.filter(user=user).delete()
    else:
        NoMonthlyMail.objects.get_or_create(user=user, defaults={"since": at})


def mail_about(brand: Brand, month: Month, lines: list[Line], person: User, site_url: str) -> tuple[str, str]:
    """Subject and text, in the person's language; Japanese for whoever never said."""
    base = f"{site_url}/admin/campaigns/campaign"
    context = {
        "brand": brand,
        "month": month.first_day,
        "before": month.previous.first_day,
        "lines": [(line, f"{base}/{line.campaign.pk}/results/") for line in lines],
        "stop": f"{base}/results/mails/",
    }
    with translation.override(person.language or "ja"):
        subject = " ".join(render_to_string("campaigns/mail/monthly_subject.txt", context).split())
        return subject, render_to_string("campaigns/mail/monthly_message.txt", context)


def _brands(month: Month) -> Iterator[Brand]:
    running = running_campaigns(month).values("brand")
    yield from Brand.objects.filter(pk__in=running, program__is_sandbox=False).order_by("pk")


def _people(brand: Brand, month: Month, at: datetime) -> QuerySet[User]:
    mails = MonthlyMail.objects.filter(brand=brand, month=month.first_day)
    over = mails.filter(Q(taken_at__isnull=False) | Q(tries__gte=MAX_TRIES) | Q(due_at__gt=at))
    people = User.objects.filter(is_active=True, is_staff=True, email__isnull=False).exclude(email="")
    wanting = people.exclude(pk__in=NoMonthlyMail.objects.values("user")).exclude(
        pk__in=over.values("recipient")
    )
    of_brand = wanting.filter(staff_roles__brand=brand, staff_roles__role__in=TOLD)
    return of_brand.distinct().order_by("pk")


def _take(mail_id: int, at: datetime) -> bool:
    waiting = MonthlyMail.objects.filter(pk=mail_id, taken_at=None, due_at__lte=at, tries__lt=MAX_TRIES)
    return waiting.update(taken_at=at, tries=F("tries") + 1) == 1


def _send(mail_id: int, person: User, mail: tuple[str, str], at: datetime) -> None:
    row = MonthlyMail.objects.filter(pk=mail_id, sent_at=None)
    try:
        with mail_server() as mailer:
            send_mail(*mail, None, [str(person.email)], connection=mailer)
    except NOT_SENT as failure:
        logger.warning("Monthly mail %d was not taken: %s.", mail_id, type(failure).__name__)
        row.update(taken_at=None, due_at=at + _WAIT)
    except BROKEN_OFF as failure:
        logger.warning("Monthly mail %d broke off: %s.", mail_id, type(failure).__name__)
    else:
        row.update(sent_at=at)
