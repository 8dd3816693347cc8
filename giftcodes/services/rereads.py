"""Comparing a file with the codes that it should hold, for people who had them in hand already."""

from datetime import datetime, timedelta
from typing import BinaryIO

from django.db import transaction
from django.db.models import Q

from giftcodes import access
from giftcodes.delivery_models import FurtherDelivery, SealKind
from giftcodes.errors import FurtherDeliveryRefused
from giftcodes.files import rereads
from giftcodes.files.rereads import MOST_CODES, Report
from giftcodes.files.uploads import Unreadable, rows_of
from giftcodes.models import Batch, Channel, Delivery
from giftcodes.services.delivery_making import channels_of
from parties import audit_log
from parties.errors import NotReachable
from parties.holding import hold_user
from parties.models import Role, User
from parties.staff_models import Act, AuditRecord

MOST_IN_AN_HOUR = 30
_AN_HOUR = timedelta(hours=1)
_REASON = "compared a file with the codes"  # by which the audit log's records are counted


def check_file(*, batch_id: int, channel_id: int | None, file: BinaryIO, user: User, at: datetime) -> Report:
    """What of the file's rows is right, and what is missing, of all channels or one. Nothing of it is kept.

    Only for a marketer of the brand who has had these codes in hand: an answer tells good codes from bad
    ones, so it must be no news to who asks, and the audit log keeps that they did. Each takes a minute of a
    processor at worst, so one person asks for thirty in an hour at most ("often"). NotReachable,
    FurtherDeliveryRefused.
    """
    batch = access.reachable_batches(user, Role.MARKETER).filter(pk=batch_id).select_related("series").first()
    if batch is None:
        raise NotReachable
    channel = None if channel_id is None else Channel.objects.filter(batch=batch, pk=channel_id).first()
    if channel is None and channel_id is not None:
        raise FurtherDeliveryRefused("channel")
    if not has_taken(batch, channel, user):
        raise FurtherDeliveryRefused("not_taken")
    if (batch.size if channel is None else channel.size) > MOST_CODES:
        raise FurtherDeliveryRefused("many")
    _take_turn(batch, user, at)
    try:
        return rereads.check(rows_of(file), channels_of(batch, channel_id))
    except Unreadable as refusal:
        raise FurtherDeliveryRefused(refusal.rule) from None


@transaction.atomic
def _take_turn(batch: Batch, user: User, at: datetime) -> None:
    """Note it before it is done: of many at once, each counts those before it."""
    hold_user(user)
    noted = AuditRecord.objects.filter(actor=user, act=Act.REQUESTED, reason=_REASON)
    if noted.filter(recorded_at__gt=at - _AN_HOUR).count() >= MOST_IN_AN_HOUR:
        raise FurtherDeliveryRefused("often")
    audit_log.record(Act.REQUESTED, by=user, subject=batch, reason=_REASON)


def has_taken(batch: Batch, channel: Channel | None, user: User) -> bool:
    """Whether `user` has downloaded a file that holds all codes of the batch, or of that channel, and what
    opens it: a sealed file alone is no codes in hand.
    """
    opened = {"recipient": user, "downloaded_at__isnull": False}
    own = Delivery.objects.filter(batch=batch, passphrase_shown_at__isnull=False, **opened)
    with_these = Q(channel=None) if channel is None else Q(channel=None) | Q(channel=channel)
    has_key = Q(passphrase_shown_at__isnull=False) | ~Q(sealing=SealKind.ZIP)
    others = FurtherDelivery.objects.filter(with_these, has_key, batch=batch, **opened)
    return own.exists() or others.exists()
