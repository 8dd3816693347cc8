"""Notices before points expire: which are due on a day, what they say, and how each is sent.

The table is the queue. A notice is taken by a filtered update and sent outside of any transaction. Whoever
dies between sending and marking leaves it to the next try: at least once, because a second copy is a nuisance
and a lost one may cost somebody their points. Both copies have the same Message-ID, by which mail programs
tell.
"""

import logging
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from smtplib import SMTPException
from urllib.parse import urlsplit

from django.conf import settings
from django.core.mail import get_connection
from django.core.mail.backends.base import BaseEmailBackend
from django.urls import reverse

from ledger import queries as ledger_queries
from ledger import services as ledger
from ledger.expiry import JAPAN
from parties import consents
from parties import notices as parties
from parties.models import Program, Purpose, User
from parties.notice_models import ExpiryNotice, NoticeState
from redemption_site import mails, opt_out

OPENS_AT = time(9)  # in Japan: nobody is woken at midnight
DAYS_TO_CATCH_UP = 2  # after a longer outage "30 days before" would be untrue
BRANDS_NAMED = 20
NOTICES_PER_STEP = 50

logger = logging.getLogger(__name__)


def due_days(*, at: datetime) -> Iterator[tuple[int, date]]:
    """(days before, last day of points) for which notices may be sent at `at`: from 9 o'clock in Japan on the
    day that is so many days before the last one, and for two days more.
    """
    now = at.astimezone(JAPAN)
    open_day = now.date() if now.time() >= OPENS_AT else now.date() - timedelta(days=1)
    for days_before in settings.NOTICE_DAYS:
        for late in range(DAYS_TO_CATCH_UP + 1):
            yield days_before, open_day + timedelta(days=days_before - late)


def queue_steps(*, at: datetime, limit: int = 1_000) -> Iterator[None]:
    """Put the notices that are due at `at` into the queue, in steps of at most `limit` lots."""
    for days_before, last_day in due_days(at=at):
        place = None
        while place := ledger.queue_notices(
            last_day=last_day, days_before=days_before, at=at, after=place, limit=limit
        ):
            yield


def send_step(*, at: datetime, limit: int = NOTICES_PER_STEP) -> int:
    """Try the next notices that are due, over one connection to the mail server; how many were found. Those
    that another worker has in hand are left to it.
    """
    found = parties.due_notices(at=at, limit=limit)
    if not found:
        return 0
    mailer: BaseEmailBackend = get_connection()
    try:
        for notice in found:
            if parties.take_notice(notice, at=at):
                _send(notice, mailer, at)
    finally:
        mailer.close()
    return len(found)


def _send(notice: ExpiryNotice, mailer: BaseEmailBackend, at: datetime) -> None:
    """What is true now decides, not what was true when it was queued."""
    member, user = notice.member, notice.member.user
    is_wanted = Purpose.EXPIRY_NOTICE in consents.standing_consents(member.pk)
    if user is None or not user.is_active or not user.email or not is_wanted:
        parties.end_notice(notice, NoticeState.NOT_WANTED, at=at)
        return
    ends = ledger_queries.points_ending_on(member, notice.program_id, notice.last_day, at=at)
    if not ends:
        parties.end_notice(notice, NoticeState.NOTHING_LEFT, at=at)
        return
    try:
        mailer.open()
        _mail(notice, user, user.email, ends, mailer)
    except (OSError, SMTPException) as reason:
        _put_off(notice, reason, at)
        return
    parties.end_notice(notice, NoticeState.SENT, at=at)


def _put_off(notice: ExpiryNotice, reason: Exception, at: datetime) -> None:
    """The next try is due by itself. The log names the notice and the kind of failure, not the address."""
    if parties.is_last_try(notice):
        parties.end_notice(notice, NoticeState.GIVEN_UP, at=at)
        logger.error(
            "Notice %d is given up after %d tries: %s.", notice.pk, notice.tries, type(reason).__name__
        )
    else:
        logger.warning(
            "Notice %d could not be sent (%s): it is tried again.", notice.pk, type(reason).__name__
        )


def _mail(
    notice: ExpiryNotice,
    user: User,
    address: str,
    ends: list[tuple[datetime, int]],
    mailer: BaseEmailBackend,
) -> None:
    link = opt_out.link_of(notice.member)
    context = {
        "ends": ends,
        "brands": brands_of(notice.program),
        "program": notice.program,
        "link": link,
        "wallet": settings.SITE_URL + reverse("wallet"),
        "sender": settings.NOTICE_SENDER_NAME,
        "sender_address": settings.NOTICE_SENDER_ADDRESS,
        "contact": settings.SUPPORT_EMAIL,
    }
    mails.compose(
        "expiry_notice",
        context,
        to=address,
        language=mails.language_of(user),
        headers=headers_of(notice, link),
        connection=mailer,
    ).send()


def brands_of(program: Program) -> list[str]:
    """At whose stores the points can be spent: brands with at least one."""
    accepting = program.brands.filter(stores__isnull=False).distinct().order_by("name")
    return list(accepting.values_list("name", flat=True)[:BRANDS_NAMED])


def headers_of(notice: ExpiryNotice, link: str) -> dict[str, str]:
    """One-click unsubscribing (RFC 8058), and the name by which copies of one notice are known."""
    host = urlsplit(settings.SITE_URL).hostname
    return {
        "List-Unsubscribe": f"<{link}>",
        "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
        "Message-ID": f"<notice-{notice.pk}-{notice.queued_at:%Y%m%d%H%M%S}@{host}>",
        "Auto-Submitted": "auto-generated",
    }
