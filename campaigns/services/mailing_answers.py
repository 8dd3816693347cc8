"""What comes back from mailings: opt-outs and bounces. And how long addresses are kept."""

from datetime import datetime, timedelta

from django.db import IntegrityError, transaction
from django.db.models import Q

from campaigns import mailing_sealing as sealing
from campaigns.mailing_models import MailBounce, Mailing, MailingState, MailOptOut, Recipient, RecipientState
from campaigns.mailing_reports import Report

KEPT_FOR = timedelta(days=180)  # addresses, after the mailing has ended
_MAILINGS_AT_ONCE = 20


def opt_out(*, recipient: Recipient, at: datetime) -> None:
    """The address wants no mail of the brand any more: that stands for good, whatever list it is put into.
    As often as one likes.
    """
    brand_id = recipient.mailing.campaign.brand_id
    try:
        with transaction.atomic():
            MailOptOut.objects.create(brand_id=brand_id, digest=recipient.digest, recipient=recipient, at=at)
    except IntegrityError:
        if not has_opted_out(recipient):
            raise


def has_opted_out(recipient: Recipient) -> bool:
    """Whether the recipient's address wants no mail of the brand."""
    brand_id = recipient.mailing.campaign.brand_id
    return MailOptOut.objects.filter(brand=brand_id, digest=recipient.digest).exists()


def recipient_of(number: str) -> Recipient | None:
    """Whose signed number it is; None for any other text."""
    recipient_id = sealing.recipient_numbered(number)
    if recipient_id is None:
        return None
    found = Recipient.objects.select_related("mailing__campaign__brand").filter(pk=recipient_id)
    return found.first()


def note_bounce(*, report: Report, at: datetime) -> bool:
    """A mail came back for good: note it with the row, and keep the address out of what the brand mails.
    Whether the report is one of ours and about a mail that is out; repeating it is harmless.

    Whoever has the mail can forge such a report about their own address, and about no other one.
    """
    recipient = next(filter(None, map(recipient_of, report.numbers)), None)
    if recipient is None or not report.is_for_good:
        return False
    with transaction.atomic():
        out = Recipient.objects.filter(
            pk=recipient.pk, state__in=[RecipientState.SENT, RecipientState.UNSURE, RecipientState.HANDING]
        )
        if not out.update(state=RecipientState.BOUNCED, note=report.status):
            return False
        MailBounce.objects.get_or_create(
            brand_id=recipient.mailing.campaign.brand_id,
            digest=recipient.digest,
            lifted_at=None,
            defaults={"recipient": recipient, "status": report.status, "noted_at": at},
        )
    return True


def delete_old_addresses(*, at: datetime) -> int:
    """Delete whom the lists name of mailings that ended KEPT_FOR ago: addresses and fields go, digests and
    states stay. How many mailings. Lists that lay for so long in a draft, or waited for a decision, go
    altogether; rows that still wait so long after the approval are given up, so that their mailing ends.
    """
    before = at - KEPT_FOR
    _delete_lists_nobody_sends(before)
    forgotten = Mailing.objects.filter(state=MailingState.SENDING, decided_at__lte=before)
    waiting = Recipient.objects.filter(mailing__in=forgotten.values("pk"), state=RecipientState.WAITING)
    waiting.update(state=RecipientState.REFUSED, note="too_late")
    old = Mailing.objects.filter(ended_at__lte=before, emptied_at=None).order_by("pk")
    emptied = 0
    for mailing_id in list(old.values_list("pk", flat=True)[:_MAILINGS_AT_ONCE]):
        with transaction.atomic():
            is_won = (
                old.filter(pk=mailing_id).order_by().update(emptied_at=at)
            )  # it may be sent again just now
            if is_won:
                Recipient.objects.filter(mailing=mailing_id).update(sealed="")
            emptied += is_won
    return emptied


def _delete_lists_nobody_sends(before: datetime) -> None:
    """A submitted mailing without its list can't be approved any more: it isn't what was submitted."""
    lying = Q(state=MailingState.DRAFT, recipients__next_try_at__lte=before)
    lying |= Q(state=MailingState.SUBMITTED, requested_at__lte=before, recipients__isnull=False)
    found = Mailing.objects.filter(lying).order_by("pk").values_list("pk", flat=True).distinct()
    for mailing_id in list(found[:_MAILINGS_AT_ONCE]):
        with transaction.atomic():
            held = Mailing.objects.select_for_update(no_key=True).get(pk=mailing_id)
            if held.state in (MailingState.DRAFT, MailingState.SUBMITTED):  # nobody approved it meanwhile
                Recipient.objects.filter(mailing=held).delete()
