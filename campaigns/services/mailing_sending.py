"""Sending a mailing. The list is the queue: a row is taken by a filtered update, gets its gift under a key
of its own, and is marked as in the mail server's hands before that is spoken to.

So a mail is sent at most once: whoever dies after the mark leaves a row that becomes `unsure`, which a person
decides. Whoever dies before it leaves one that is tried again, with the same gift. The code is derived when
the mail is written, and stands in no table, log or message of the queue.
"""

import logging
from datetime import datetime, timedelta
from smtplib import (
    SMTPAuthenticationError,
    SMTPConnectError,
    SMTPDataError,
    SMTPException,
    SMTPHeloError,
    SMTPNotSupportedError,
    SMTPRecipientsRefused,
    SMTPSenderRefused,
)

from django.core.mail import EmailMessage, get_connection
from django.core.mail.backends.base import BaseEmailBackend
from django.db import transaction
from django.db.models import Q, QuerySet

from campaigns import mailing_mails as mails
from campaigns import mailing_queries as queries
from campaigns import mailing_sealing as sealing
from campaigns.errors import MailKeysMissing
from campaigns.mailing_models import UNDER_WAY, Mailing, MailingState, Recipient, RecipientState
from campaigns.mailing_texts import mail_for
from campaigns.services.giving import give_gifts
from giftcodes import services as giftcodes
from giftcodes.errors import GiftcodesError, GiftRefused, KeysMissing, NotIssuing
from giftcodes.gift_models import Gift, GiftState
from giftcodes.gift_queries import status_of
from giftcodes.services import GiftWanted, IssuedGift
from parties.api_models import ApiClient
from parties.errors import PartiesError

ROWS_PER_STEP = 10
LEASE = timedelta(minutes=15)  # far longer than one row takes: the mail server has ten seconds per answer
FIRST_WAIT, MOST_REFUSALS = timedelta(minutes=10), 6  # doubled each time: the last one comes after five hours
WAITS_FOR_POINTS = timedelta(hours=1)

logger = logging.getLogger(__name__)


def _may_be_mailed() -> Q:
    """Rows of mailings that are being sent, and those that got another code. Not by a join: Django would move
    all conditions of an update into a subquery, which PostgreSQL doesn't look at again once it has waited for
    the row, so that two workers would get it.
    """
    sending = Mailing.objects.filter(state=MailingState.SENDING)
    return Q(mailing__in=sending.values("pk")) | Q(round__gt=0)


def send_step(*, at: datetime, limit: int = ROWS_PER_STEP) -> int:
    """Try the next rows that are due, over one connection to the mail server; how many were found. Rows that
    another worker has in hand are left to it. Not to be called inside a transaction.
    """
    _doubt_what_was_left(at)
    due = Recipient.objects.filter(
        _may_be_mailed(), state__in=[RecipientState.WAITING, RecipientState.TAKEN], next_try_at__lte=at
    )
    found = list(
        due.select_related("mailing__campaign__brand__program", "mailing__client__brand", "gift").order_by(
            "next_try_at", "pk"
        )[:limit]
    )
    mailer: BaseEmailBackend = get_connection()
    try:
        for recipient in found:
            mailer.open()
            if _take(recipient, at):
                _try(recipient, mailer, at)
    except (OSError, SMTPException) as failure:
        logger.warning("Mailings wait: the mail server can't be reached (%s).", type(failure).__name__)
        return 0  # nobody was touched, and the next sweep tries again
    finally:
        mailer.close()
    _end_those_done(at)
    return len(found)


def _take(recipient: Recipient, at: datetime) -> bool:
    """Have the row to oneself until the lease ends. Of any number who found it as it was, one gets it."""
    found = Recipient.objects.filter(
        _may_be_mailed(),
        pk=recipient.pk,
        state__in=[RecipientState.WAITING, RecipientState.TAKEN],
        tries=recipient.tries,
        next_try_at__lte=at,
    )
    tries = recipient.tries + 1
    is_won = found.update(state=RecipientState.TAKEN, tries=tries, next_try_at=at + LEASE)
    recipient.state, recipient.tries = RecipientState.TAKEN, tries
    return bool(is_won)


def _try(recipient: Recipient, mailer: BaseEmailBackend, at: datetime) -> None:
    try:
        person = queries.person_of(recipient)
    except MailKeysMissing:
        _put_off(recipient, "keys", at + WAITS_FOR_POINTS)
        return
    if person is None:
        _end(recipient, RecipientState.REFUSED, "deleted")
        return
    brand_id = recipient.mailing.campaign.brand_id
    opted, bounced = queries.kept_out(brand_id, [sealing.digests_of(brand_id, person.address)])
    if opted or bounced:
        _end(recipient, RecipientState.OPTED_OUT if opted else RecipientState.BLOCKED, "")
        return
    gift = _gift_for(recipient, at)
    if gift is None:
        return
    mail = mail_for(
        recipient.mailing,
        language=recipient.language,
        fields=person.fields,
        points=gift.points,
        claim_until=gift.claim_until,
        link=gift.url,
        opt_out=mails.opt_out_link(sealing.number_of(recipient.pk)),
    )
    message = mails.message_to(recipient, person.address, mail, connection=mailer)
    if _hand(recipient, at):  # committed, before the mail server hears of it
        _send(recipient, message, mailer, at)


def _gift_for(recipient: Recipient, at: datetime) -> IssuedGift | None:
    """The recipient's gift, issued now or before; None if there is none, which the row then says."""
    mailing = recipient.mailing
    try:
        if ApiClient.objects.filter(pk=mailing.client_id, disabled_at__isnull=False).exists():
            raise NotIssuing
        if recipient.gift is not None:
            return _gift_again(recipient, recipient.gift, at)
        issued = give_gifts(
            client=mailing.client,
            key=gift_key(recipient),
            name=mailing.campaign.slug,
            gifts=[GiftWanted(recipient.points or mailing.face_points, f"mail-{recipient.pk}")],
            at=at,
        )
    except GiftRefused as refusal:
        _end(recipient, RecipientState.REFUSED, refusal.rule)
        return None
    except KeysMissing:
        _put_off(recipient, "keys", at + WAITS_FOR_POINTS)
        return None
    except (GiftcodesError, PartiesError) as refusal:
        _put_off(recipient, refusal.code, at + WAITS_FOR_POINTS)
        return None
    gift = issued.gifts[0]
    mine = Recipient.objects.filter(pk=recipient.pk, state=RecipientState.TAKEN, tries=recipient.tries)
    return gift if mine.update(gift=gift.serial_number) else None


def _gift_again(recipient: Recipient, gift: Gift, at: datetime) -> IssuedGift | None:
    """The gift that the row has, with its code, unless it has ended: then there is nothing to mail."""
    if (status := status_of(gift, at=at)) != GiftState.ISSUED:
        _end(recipient, RecipientState.REFUSED, status.value)
        return None
    return giftcodes.reveal_gift(gift=gift, client=recipient.mailing.client, at=at)


def gift_key(recipient: Recipient) -> str:
    """The idempotency key under which the row gets its first gift: a retry gets the same."""
    return f"mailing:{recipient.mailing.public_id.hex}:{recipient.pk}"


def _hand(recipient: Recipient, at: datetime) -> bool:
    """Mark the row as in the mail server's hands, unless the mailing was stopped or the row is not ours any
    more.
    """
    mine = Recipient.objects.filter(
        _may_be_mailed(), pk=recipient.pk, state=RecipientState.TAKEN, tries=recipient.tries
    )
    return bool(mine.update(state=RecipientState.HANDING, handed_at=at, next_try_at=at + LEASE, note=""))


def _send(recipient: Recipient, message: EmailMessage, mailer: BaseEmailBackend, at: datetime) -> None:
    """What is certain is written down; of everything else nobody knows whether it was sent."""
    try:
        message.send()
    except SMTPRecipientsRefused as refusal:
        status = max((code for code, _text in refusal.recipients.values()), default=550)
        _refused(recipient, status, at)
    except (SMTPSenderRefused, SMTPDataError, SMTPHeloError, SMTPAuthenticationError) as refusal:
        _refused(recipient, refusal.smtp_code, at)
    except (SMTPConnectError, SMTPNotSupportedError) as failure:
        _refused_for_now(recipient, type(failure).__name__, at)
    except (SMTPException, OSError) as failure:
        logger.warning(
            "Row %d of mailing %d is unsure: %s.", recipient.row, recipient.mailing_id, type(failure).__name__
        )
        _end(recipient, RecipientState.UNSURE, type(failure).__name__)
        mailer.close()
    else:
        _end(recipient, RecipientState.SENT, "")


def _refused(recipient: Recipient, status: int, at: datetime) -> None:
    """5xx is for good, and so is 4xx once it was said often enough. Neither was accepted."""
    if 400 <= status < 500:
        _refused_for_now(recipient, str(status), at)
    else:
        _end(recipient, RecipientState.REFUSED, str(status))


def _refused_for_now(recipient: Recipient, note: str, at: datetime) -> None:
    refusals = recipient.refusals + 1
    if refusals >= MOST_REFUSALS:
        _end(recipient, RecipientState.REFUSED, note)
        return
    _put_off(recipient, note, at + FIRST_WAIT * 2**recipient.refusals, refusals=refusals)


def _put_off(recipient: Recipient, note: str, until: datetime, *, refusals: int | None = None) -> None:
    refusals = recipient.refusals if refusals is None else refusals
    _mine(recipient).update(
        state=RecipientState.WAITING, note=note[:60], next_try_at=until, refusals=refusals
    )


def _end(recipient: Recipient, state: RecipientState, note: str) -> None:
    _mine(recipient).update(state=state, note=note[:60])


def _mine(recipient: Recipient) -> QuerySet[Recipient]:
    """The row, as long as no other try has it. What this try knows is true also of one that was doubted."""
    held = [RecipientState.TAKEN, RecipientState.HANDING, RecipientState.UNSURE]
    return Recipient.objects.filter(pk=recipient.pk, state__in=held, tries=recipient.tries)


def _doubt_what_was_left(at: datetime) -> None:
    """Rows whose worker died with the mail in the mail server's hands."""
    left = Recipient.objects.filter(state=RecipientState.HANDING, next_try_at__lte=at)
    left.update(state=RecipientState.UNSURE, note="died")


def _end_those_done(at: datetime) -> None:
    """Mailings of which no row is under way any more. Each is held while its rows are looked at, as whoever
    has rows mailed again holds it, too.
    """
    done = Mailing.objects.filter(state=MailingState.SENDING).exclude(recipients__state__in=UNDER_WAY)
    for mailing_id in list(done.values_list("pk", flat=True)):
        with transaction.atomic():
            mailing = Mailing.objects.select_for_update(no_key=True).get(pk=mailing_id)
            if queries.is_over(mailing):
                sending = Mailing.objects.filter(pk=mailing_id, state=MailingState.SENDING)
                sending.update(state=MailingState.SENT, ended_at=at)
