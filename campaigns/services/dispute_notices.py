"""Mails that tell members of an answer: each is won by a filtered update, sent outside of any transaction,
and sent at most once.
"""

import logging
import smtplib
from datetime import datetime, timedelta

from django.core.mail import send_mail
from django.db.models import F, QuerySet
from django.template.loader import render_to_string
from django.utils import translation

from campaigns.dispute_models import Dispute, DisputeNotice, NoticeFailure, NoticeState

MAX_TRIES = 8  # the last one some 21 hours after the first
_FIRST_WAIT = timedelta(minutes=10)
_LONGEST_SENDING = timedelta(minutes=10)

logger = logging.getLogger(__name__)


def tell_answers(*, site_url: str, at: datetime, limit: int) -> int:
    """Send the mails that are due, at most so many; how many were due.

    A mail server that refuses or is away is tried again after 10, 20, 40 ... minutes, 8 times. What broke
    off between taking and recording, and so may have been sent or not, is given up and not repeated.
    """
    _give_up_broken_off(at)
    due = DisputeNotice.objects.filter(state=NoticeState.WAITING, due_at__lte=at).order_by("due_at", "pk")
    ids = list(due.values_list("pk", flat=True)[:limit])
    for notice_id in ids:
        if _take(notice_id, at):
            _send(notice_id, site_url, at)
    return len(ids)


def _give_up_broken_off(at: datetime) -> None:
    broken = DisputeNotice.objects.filter(state=NoticeState.SENDING, due_at__lte=at)
    broken.update(state=NoticeState.GIVEN_UP, failure=NoticeFailure.UNKNOWN, ended_at=at)


def _take(notice_id: int, at: datetime) -> bool:
    waiting = DisputeNotice.objects.filter(pk=notice_id, state=NoticeState.WAITING, due_at__lte=at)
    taken = waiting.update(state=NoticeState.SENDING, due_at=at + _LONGEST_SENDING, tries=F("tries") + 1)
    return taken == 1


def _send(notice_id: int, site_url: str, at: datetime) -> None:
    dispute = Dispute.objects.select_related("member__user").get(messages__notice=notice_id)
    user = dispute.member.user
    if user is None or not user.is_active or not user.email:
        _end(notice_id, at, NoticeState.GIVEN_UP, NoticeFailure.NO_ADDRESS)
        return
    subject, text = mail_about(dispute, site_url=site_url)
    try:
        send_mail(subject, text, None, [user.email])
    except (smtplib.SMTPException, OSError) as failure:
        logger.warning("No mail about ticket %s: %s.", dispute.number, type(failure).__name__)
        _try_later(notice_id, at)
    else:
        _end(notice_id, at, NoticeState.TOLD)


def mail_about(dispute: Dispute, *, site_url: str) -> tuple[str, str]:
    """Subject and text, in the member's language: that there is an answer, and where; not what it says."""
    address = f"{site_url}/help/disputes/{dispute.number}/"
    context = {"number": dispute.number, "address": address}
    with translation.override(dispute.language):
        subject = render_to_string("campaigns/mail/dispute_subject.txt", context).strip()
        return subject, render_to_string("campaigns/mail/dispute_message.txt", context)


def _try_later(notice_id: int, at: datetime) -> None:
    tries = DisputeNotice.objects.values_list("tries", flat=True).get(pk=notice_id)
    if tries >= MAX_TRIES:
        _end(notice_id, at, NoticeState.GIVEN_UP, NoticeFailure.SERVER)
        return
    due_at = at + _FIRST_WAIT * 2 ** (tries - 1)
    _being_sent(notice_id).update(state=NoticeState.WAITING, due_at=due_at)


def _end(notice_id: int, at: datetime, state: NoticeState, failure: str = "") -> None:
    _being_sent(notice_id).update(state=state, failure=failure, ended_at=at)


def _being_sent(notice_id: int) -> QuerySet[DisputeNotice]:
    return DisputeNotice.objects.filter(pk=notice_id, state=NoticeState.SENDING)
