"""Mails about alerts: what waits for one person goes into one mail, each alert at most once."""

import logging
import uuid
from datetime import datetime, timedelta

from django.core.mail import send_mail
from django.db.models import Exists, F, OuterRef, Q
from django.template.loader import render_to_string
from django.utils import translation

from campaigns.alert_models import Alert, AlertMail, MailState, NoAlertMail
from campaigns.alert_wording import address_of, headline, what_to_do
from campaigns.services.mail_server import BROKEN_OFF, NOT_SENT, mail_server
from parties.models import StaffRole, User

MOST_IN_ONE = 20
MOST_TRIES = 8  # the last one some 21 hours after the first
_FIRST_WAIT = timedelta(minutes=10)
_LONGEST_SENDING = timedelta(minutes=10)

logger = logging.getLogger(__name__)


def mail_alerts(*, site_url: str, at: datetime) -> bool:
    """Send the next person what waits for them; whether there was somebody.

    The rows are taken by a filtered update before the mail goes out, outside of any transaction: nobody is
    told twice. What broke off between taking and recording, and so may have been sent or not, is given up. A
    mail server that refuses or is away is tried again after 10, 20, 40 ... minutes, 8 times. What is over by
    then, or not wanted any more, is not sent, nor to whoever has no role there any more.
    """
    due = AlertMail.objects.filter(due_at__lte=at)
    due.filter(state=MailState.SENDING).update(state=MailState.GIVEN_UP)
    waiting = due.filter(state=MailState.WAITING)
    held = StaffRole.objects.filter(user=OuterRef("recipient"))
    concerns = held.filter(Q(brand=None) | Q(brand=OuterRef("alert__brand")))
    is_gone = Q(recipient__is_active=False) | Q(recipient__is_staff=False)
    needless = Q(alert__ended_at__isnull=False) | Q(recipient__in=NoAlertMail.objects.values("user"))
    rows = waiting.filter(needless | is_gone | ~Exists(concerns))
    for_nothing = list(rows.values_list("pk", flat=True))
    waiting.filter(pk__in=for_nothing).update(state=MailState.NEEDLESS)
    first = waiting.order_by("due_at", "pk").first()
    if first is None:
        return False
    _write_to(first.recipient_id, site_url, at)
    return True


def _write_to(recipient_id: int, site_url: str, at: datetime) -> None:
    """One mail of what this call takes; of two at once each takes what the other one has not."""
    letter = uuid.uuid4()
    waiting = AlertMail.objects.filter(recipient=recipient_id, state=MailState.WAITING, due_at__lte=at)
    ids = list(waiting.order_by("-alert__level", "pk").values_list("pk", flat=True)[:MOST_IN_ONE])
    taken = waiting.filter(pk__in=ids).update(
        state=MailState.SENDING, letter=letter, due_at=at + _LONGEST_SENDING, tries=F("tries") + 1
    )
    if not taken:
        return
    mine = AlertMail.objects.filter(letter=letter, state=MailState.SENDING)
    alerts = [mail.alert for mail in mine.select_related("alert__brand").order_by("-alert__level", "pk")]
    person = User.objects.get(pk=recipient_id)
    subject, text = mail_about(alerts, person, site_url=site_url)
    try:
        with mail_server() as mailer:
            send_mail(subject, text, None, [str(person.email)], connection=mailer)
    except NOT_SENT as failure:
        logger.warning("No mail about %s alerts: %s.", taken, type(failure).__name__)
        _try_later(letter, at)
    except BROKEN_OFF as failure:
        logger.warning("A mail about %s alerts broke off: %s.", taken, type(failure).__name__)
        mine.update(state=MailState.GIVEN_UP)
    else:
        mine.update(state=MailState.SENT)


def mail_about(alerts: list[Alert], person: User, *, site_url: str) -> tuple[str, str]:
    """Subject and text, in the person's language."""
    with translation.override(person.language or "ja"):
        lines = [
            {
                "headline": headline(alert),
                "what_to_do": what_to_do(alert),
                "brand": alert.brand,
                "address": site_url + address_of(alert),
            }
            for alert in alerts
        ]
        context = {"lines": lines, "first": lines[0]["headline"], "more": len(lines) - 1}
        context["list_address"] = f"{site_url}/admin/campaigns/alert/"
        subject = render_to_string("campaigns/mail/alerts_subject.txt", context).strip()
        return subject, render_to_string("campaigns/mail/alerts_message.txt", context)


def _try_later(letter: uuid.UUID, at: datetime) -> None:
    mine = AlertMail.objects.filter(letter=letter, state=MailState.SENDING)
    mine.filter(tries__gte=MOST_TRIES).update(state=MailState.GIVEN_UP)
    for tries in sorted(set(mine.values_list("tries", flat=True))):
        due_at = at + _FIRST_WAIT * 2 ** (tries - 1)
        mine.filter(tries=tries).update(state=MailState.WAITING, due_at=due_at)
