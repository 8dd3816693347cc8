"""What people do about single rows of a mailing: send again, replace a code, mail an address again."""

from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import F

from campaigns import access
from campaigns import mailing_queries as queries
from campaigns.errors import CampaignsError, MailingRefused
from campaigns.mailing_models import (
    MailBounce,
    Mailing,
    MailingState,
    Recipient,
    RecipientState,
    Replacement,
)
from campaigns.queries import limit_group_of
from campaigns.services.mailings import plain_reason
from giftcodes import services as giftcodes
from giftcodes.errors import BudgetExhausted, GiftClaimed, GiftcodesError, NotIssuing
from giftcodes.gift_models import Gift, GiftState
from giftcodes.gift_queries import status_of
from giftcodes.services import GiftWanted
from parties import api_limits, audit_log, holding
from parties.errors import DailyPointsExceeded, NotReachable, PartiesError
from parties.models import Role, User
from parties.staff_models import Act

REPAIRERS = (Role.MARKETER, Role.SUPPORT)
MAX_REPLACED = 20  # codes that one person replaces in 24 hours
DAY = timedelta(days=1)


@transaction.atomic
def send_again(*, mailing_id: int, recipient_id: int | None, reason: str, user: User, at: datetime) -> int:
    """Mail rows once more of which nobody knows whether they were sent: one, or all of the mailing. They get
    the same gift, so nothing is given twice. How many.

    NotReachable for anybody but a marketer of the brand; MailingRefused by rule: `reason`, `deleted` (the
    addresses), `state` (no such row is unsure any more, or the mailing was stopped).
    """
    mailing = access.access_mailing(user, mailing_id, Role.MARKETER)
    reason = plain_reason(reason)
    held = Mailing.objects.select_for_update().get(pk=mailing.pk)
    if held.emptied_at is not None:
        raise MailingRefused("deleted")
    unsure = Recipient.objects.filter(mailing=held, state=RecipientState.UNSURE)
    if recipient_id is not None:
        unsure = unsure.filter(pk=recipient_id)
    again = 0
    if held.state in (MailingState.SENDING, MailingState.SENT):
        again = unsure.update(state=RecipientState.WAITING, next_try_at=at, note="")
    if not again:
        raise MailingRefused("state")
    if held.state == MailingState.SENT:
        Mailing.objects.filter(pk=held.pk).update(state=MailingState.SENDING, ended_at=None)
    audit_log.record(Act.CONFIRMED, by=user, subject=held, label=f"{held}: {again} once more", reason=reason)
    return again


def replace_code(*, recipient_id: int, reason: str, user: User, at: datetime) -> Replacement:
    """Give a recipient another code of equal points and end: the old one is withdrawn, the new one issued
    from an order of the campaign and the row queued for one mail to the same address, all in one transaction.

    Its points count against the day of the mailing's client. Not to be called inside a transaction.
    NotReachable for anybody but a marketer or support of the brand. MailingRefused by rule: `reason`,
    `no_gift`, `claimed`, `ended` (withdrawn or expired), `under_way` (a mail to the row is), `deleted` (the
    address), `opted_out`, `bounced` (mail to it came back, and nobody has lifted that), `many` (more than
    MAX_REPLACED of one person in 24 hours), `budget`, `day`.
    """
    recipient = _reachable(recipient_id, user)
    reason = plain_reason(reason)
    if recipient.gift is None or recipient.gift_id is None:
        raise MailingRefused("no_gift")
    client, points = recipient.mailing.client, recipient.gift.points
    try:
        taken = api_limits.take_points(client=client, points=points, at=at)
    except DailyPointsExceeded as refusal:
        raise MailingRefused("day") from refusal
    try:
        return _replace(recipient.pk, recipient.gift_id, points, reason, user, at)
    except (BudgetExhausted, NotIssuing) as refusal:
        api_limits.give_back_points(taken=taken, at=at)
        raise MailingRefused("budget") from refusal
    except (CampaignsError, GiftcodesError, PartiesError):
        api_limits.give_back_points(taken=taken, at=at)
        raise


@transaction.atomic
def _replace(
    recipient_id: int, gift_id: int, points: int, reason: str, user: User, at: datetime
) -> Replacement:
    holding.hold_user(user)  # of several at once none passes the limit
    if Replacement.objects.filter(replaced_by=user, replaced_at__gt=at - DAY).count() >= MAX_REPLACED:
        raise MailingRefused("many")
    recipient = Recipient.objects.select_for_update(of=("self",)).get(pk=recipient_id)
    mailing = Mailing.objects.select_related("campaign", "client__brand").get(pk=recipient.mailing_id)
    old = Gift.objects.get(pk=gift_id)
    _refuse_unfit(recipient, mailing, old, at)
    try:
        giftcodes.void_gift(gift=old, client=mailing.client, reason=reason, at=at)
    except GiftClaimed as refusal:
        raise MailingRefused("claimed") from refusal
    issued = giftcodes.issue_gifts(
        client=mailing.client,
        key=f"mailing-replacement:{old.public_id.hex}",
        group=limit_group_of(mailing.campaign),
        gifts=[GiftWanted(points, f"mail-{recipient.pk}", old.claim_until)],
        at_most=points,
        at=at,
    )
    replacement = Replacement.objects.create(
        recipient=recipient,
        old_gift=old,
        old_handed_at=recipient.handed_at,
        new_gift_id=issued.gifts[0].serial_number,
        reason=reason,
        replaced_by=user,
        replaced_at=at,
    )
    Recipient.objects.filter(pk=recipient.pk).update(
        gift=replacement.new_gift_id,
        round=F("round") + 1,
        state=RecipientState.WAITING,
        next_try_at=at,
        refusals=0,
        note="",
    )
    audit_log.record(
        Act.VOIDED, by=user, subject=mailing, label=f"{old} > {replacement.new_gift_id}", reason=reason
    )
    return replacement


def _refuse_unfit(recipient: Recipient, mailing: Mailing, old: Gift, at: datetime) -> None:
    status = status_of(old, at=at)
    opted, bounced = queries.kept_out(mailing.campaign.brand_id, [queries.digests_of(recipient)])
    under_way = (RecipientState.WAITING, RecipientState.TAKEN, RecipientState.HANDING)
    rules = {
        "claimed": status != GiftState.CLAIMED,
        "ended": status == GiftState.ISSUED,
        "under_way": recipient.state not in under_way and recipient.gift_id == old.pk,
        "deleted": bool(recipient.sealed),
        "opted_out": not opted,
        "bounced": not bounced,
    }
    for rule, is_kept in rules.items():
        if not is_kept:
            raise MailingRefused(rule)


@transaction.atomic
def lift_bounce(*, recipient_id: int, reason: str, user: User, at: datetime) -> None:
    """The address of the row may be mailed again by the brand, in later mailings.

    NotReachable for anybody but a marketer or support of the brand; MailingRefused by rule: `reason`,
    `lifted` (it was, or never bounced).
    """
    recipient = _reachable(recipient_id, user)
    reason = plain_reason(reason)
    mailing = recipient.mailing
    standing = MailBounce.objects.filter(
        brand=mailing.campaign.brand_id, digest__in=queries.digests_of(recipient), lifted_at=None
    )
    if not standing.update(lifted_by=user, lifted_at=at, lift_reason=reason):
        raise MailingRefused("lifted")
    audit_log.record(
        Act.CHANGED, by=user, subject=mailing, label=f"{mailing}: {recipient.row}", reason=reason
    )


def _reachable(recipient_id: int, user: User) -> Recipient:
    recipient = (
        Recipient.objects.select_related("mailing__campaign", "mailing__client__brand", "gift")
        .filter(pk=recipient_id, mailing__in=access.reachable_mailings(user, *REPAIRERS))
        .first()
    )
    if recipient is None:
        raise NotReachable
    return recipient
