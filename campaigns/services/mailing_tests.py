"""The mail of a mailing to whoever works on it, before it goes to anybody else."""

import logging
from datetime import datetime, timedelta
from smtplib import SMTPException

from django.db import transaction

from campaigns import access
from campaigns import mailing_mails as mails
from campaigns import mailing_queries as queries
from campaigns.errors import MailingRefused
from campaigns.mailing_models import Mailing, MailingTest, Recipient
from campaigns.mailing_texts import FALSE_CODE, Mail, mail_for
from campaigns.queries import page_address
from parties import audit_log, holding
from parties.models import Role, User
from parties.staff_models import Act

MOST_TESTS, WITHIN = 10, timedelta(hours=1)

logger = logging.getLogger(__name__)


def preview_of(
    mailing: Mailing, recipient: Recipient | None, *, language: str, site_url: str, at: datetime
) -> Mail:
    """The mail as the recipient would read it, with a code that nobody can claim. Without a recipient its
    fields are their names.
    """
    person = queries.person_of(recipient) if recipient else None
    room = queries.room_for(mailing, at=at)
    own = recipient.points if recipient else None
    return mail_for(
        mailing,
        language=language,
        fields=person.fields if person else {name: f"〈{name}〉" for name in [*mailing.columns, "name"]},
        points=own if own is not None else room.face_points,
        claim_until=room.claim_until or mailing.campaign.ends_at,
        link=f"{page_address(mailing.campaign, site_url=site_url)}#c={FALSE_CODE}",
        opt_out=mails.opt_out_link(mails.TEST),
    )


def send_test(*, mailing_id: int, language: str, site_url: str, user: User, at: datetime) -> str:
    """Send the mail to the person's own address, once, with a code that nobody can claim; gives back the
    address. Not to be called inside a transaction.

    NotReachable for anybody but a marketer or an approver of the brand. MailingRefused by rule: `no_address`,
    `many` (more than MOST_TESTS in an hour), `mail` (it could not be sent).
    """
    mailing = access.access_mailing(user, mailing_id, Role.MARKETER, Role.APPROVER)
    if not user.email:
        raise MailingRefused("no_address")
    _count(mailing, user, at)
    mail = preview_of(
        mailing, queries.first_row(mailing, language), language=language, site_url=site_url, at=at
    )
    message = mails.test_message(mailing, user.email, mail._replace(subject=f"[TEST] {mail.subject}"))
    try:
        message.send()
    except (SMTPException, OSError) as failure:
        logger.warning("A test of mailing %d was not sent: %s.", mailing.pk, type(failure).__name__)
        raise MailingRefused("mail") from failure
    return user.email


@transaction.atomic
def _count(mailing: Mailing, user: User, at: datetime) -> None:
    holding.hold_user(user)  # of several at once none passes the limit
    if MailingTest.objects.filter(user=user, at__gt=at - WITHIN).count() >= MOST_TESTS:
        raise MailingRefused("many")
    MailingTest.objects.create(mailing=mailing, user=user, at=at)
    audit_log.record(Act.CHANGED, by=user, subject=mailing, reason="test mail to oneself")
