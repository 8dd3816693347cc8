"""Deliveries beside an order's own file: asked for by one person, approved by another."""

import hmac
import secrets
import uuid
from datetime import datetime
from typing import NamedTuple

import pyrage
from django.db import transaction

from giftcodes import access
from giftcodes.delivery_fingerprints import fingerprint_of, is_as_requested
from giftcodes.delivery_models import DeliveryKind, DeliveryState, FurtherDelivery, SealKind
from giftcodes.errors import FurtherDeliveryRefused
from giftcodes.files.kinds import MOST_CODES
from giftcodes.masking import mask_codes
from giftcodes.models import Batch, BatchState, Channel
from parties import audit_log, second_factor
from parties.errors import NotReachable
from parties.models import Role, User
from parties.staff_models import Act

_DELIVERABLE = (BatchState.MINTED, BatchState.ACTIVE, BatchState.PAUSED)
_WORDS = ("brand", "title", "worth", "until")
_LONGEST_REASON = 200
_LONGEST_MARK = 150  # a line of the workbook has room for it, whatever an address may be


class Asked(NamedTuple):
    """What somebody wants: all channels without `channel_id`; sealed for an age key if one is given. `words`
    (brand, title, worth, until) and `logo`, a PNG, are for printed sheets, and stay as they are now.
    """

    kind: DeliveryKind
    reason: str
    words: dict[str, str]
    channel_id: int | None = None
    by_channel: bool = False
    age_recipient: str = ""
    logo: bytes = b""


@transaction.atomic
def request_delivery(*, batch_id: int, asked: Asked, user: User, at: datetime) -> FurtherDelivery:
    """Ask for a delivery, for oneself: `user` is a marketer of the brand, and its recipient. Nothing is made
    yet.

    NotReachable, FurtherDeliveryRefused.
    """
    batch = access.reachable_batches(user, Role.MARKETER).filter(pk=batch_id).first()
    if batch is None:
        raise NotReachable
    channel = _channel_of(batch, asked.channel_id)
    codes = batch.size if channel is None else channel.size
    age_recipient = asked.age_recipient.strip()
    _refuse_unfit(batch, asked, codes)
    number = uuid.uuid4()
    return _requested(
        FurtherDelivery(
            public_id=number,
            batch=batch,
            kind=asked.kind,
            channel=channel,
            by_channel=asked.by_channel and channel is None,
            sealing=SealKind.AGE if age_recipient else SealKind.ZIP,
            age_recipient=age_recipient,
            reason=_masked(asked.reason),
            content_number=number,
            marked_for=(user.email or str(user))[:_LONGEST_MARK],
            words={name: asked.words[name] for name in _WORDS},
            logo=asked.logo,
            code_count=codes,
        ),
        user,
        at,
    )


@transaction.atomic
def request_again(*, public_id: uuid.UUID, reason: str, user: User, at: datetime) -> FurtherDelivery:
    """Ask for a delivery once more, as its recipient: another number and another passphrase around the same
    content, to the byte. It takes a new approval.

    NotReachable, FurtherDeliveryRefused if it was never made, or for somebody else.
    """
    first = access.access_further_delivery(user, public_id, Role.MARKETER)
    if first.recipient_id != user.pk:
        raise FurtherDeliveryRefused("recipient")
    if first.state != DeliveryState.SEALED:
        raise FurtherDeliveryRefused("open")
    _refuse_batch(first.batch)
    _refuse_reason(reason)
    frozen = ("batch", "kind", "channel", "by_channel", "sealing", "age_recipient", "content_number")
    same = {name: getattr(first, name) for name in (*frozen, "marked_for", "words", "logo", "code_count")}
    return _requested(FurtherDelivery(again_of=first, reason=_masked(reason), **same), user, at)


@transaction.atomic
def approve_delivery(
    *, public_id: uuid.UUID, request_hash: str, user: User, verified_at: datetime | None, at: datetime
) -> FurtherDelivery:
    """Let the delivery be made: `user` is an approver of the brand and another person than its requester, and
    saw what has this fingerprint.

    NotReachable, FactorStale if their second factor is older than five minutes, FurtherDeliveryRefused.
    """
    second_factor.refuse_stale(verified_at=verified_at, at=at)
    delivery = _won(public_id, user, DeliveryState.APPROVED, "", at)
    if not hmac.compare_digest(delivery.request_hash.encode(), request_hash.encode()) or not is_as_requested(
        delivery
    ):
        raise FurtherDeliveryRefused("changed")
    _refuse_batch(delivery.batch)
    audit_log.record(Act.APPROVED, by=user, subject=delivery)
    return delivery


@transaction.atomic
def reject_delivery(*, public_id: uuid.UUID, note: str, user: User, at: datetime) -> FurtherDelivery:
    """Say no, and why. Raises what approving does."""
    access.access_further_delivery(user, public_id, Role.APPROVER)
    _refuse_reason(note)
    delivery = _won(public_id, user, DeliveryState.REJECTED, _masked(note), at)
    audit_log.record(Act.REJECTED, by=user, subject=delivery, reason=delivery.decision_note)
    return delivery


def _requested(delivery: FurtherDelivery, user: User, at: datetime) -> FurtherDelivery:
    delivery.recipient = delivery.requested_by = user
    delivery.requested_at = at
    delivery.salt = secrets.token_bytes(32)
    delivery.request_hash = fingerprint_of(delivery)
    delivery.save(force_insert=True)
    audit_log.record(Act.REQUESTED, by=user, subject=delivery, reason=delivery.reason)
    return delivery


def _won(public_id: uuid.UUID, user: User, state: DeliveryState, note: str, at: datetime) -> FurtherDelivery:
    """The waiting delivery, decided by this transaction and no other."""
    delivery = access.access_further_delivery(user, public_id, Role.APPROVER)
    if user.pk in (delivery.requested_by_id, delivery.recipient_id):
        raise FurtherDeliveryRefused("own")
    waiting = FurtherDelivery.objects.filter(pk=delivery.pk, state=DeliveryState.REQUESTED)
    if not waiting.update(state=state, decided_by=user, decided_at=at, decision_note=note):
        raise FurtherDeliveryRefused("decided")
    return access.access_further_delivery(user, public_id, Role.APPROVER)


def _channel_of(batch: Batch, channel_id: int | None) -> Channel | None:
    if channel_id is None:
        return None
    channel = Channel.objects.filter(pk=channel_id, batch=batch).first()
    if channel is None:
        raise FurtherDeliveryRefused("channel")
    return channel


def _refuse_unfit(batch: Batch, asked: Asked, codes: int) -> None:
    _refuse_batch(batch)
    _refuse_reason(asked.reason)
    if asked.kind not in MOST_CODES:
        raise FurtherDeliveryRefused("kind")
    if codes > MOST_CODES[asked.kind]:
        raise FurtherDeliveryRefused("codes")
    if asked.age_recipient.strip():
        _refuse_age_key(asked.age_recipient.strip())


def _refuse_age_key(text: str) -> None:
    try:
        pyrage.x25519.Recipient.from_str(text)
    except pyrage.RecipientError as error:
        raise FurtherDeliveryRefused("age_key") from error


def _refuse_batch(batch: Batch) -> None:
    if batch.issues_gifts:
        raise FurtherDeliveryRefused("gifts")
    if batch.state not in _DELIVERABLE:
        raise FurtherDeliveryRefused("state")


def _masked(text: str) -> str:
    return mask_codes(text.strip()).text[:_LONGEST_REASON]


def _refuse_reason(reason: str) -> None:
    text = reason.strip()
    if not text or len(text) > _LONGEST_REASON or "\0" in text:
        raise FurtherDeliveryRefused("reason")
