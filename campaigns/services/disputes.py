"""The way of a ticket: asked, answered, added to, resolved or withdrawn.

Every step holds the ticket; those that may make one more open ticket of a member hold the member before it.
Whatever is kept of a text has its codes masked first, whoever wrote it.
"""

import uuid
from datetime import datetime, timedelta
from typing import NamedTuple

from django.db import IntegrityError, transaction

from campaigns import access
from campaigns.dispute_models import (
    MAX_TEXT_LENGTH,
    NUMBER_LENGTH,
    OF_STAFF,
    Act,
    Dispute,
    DisputeEvidence,
    DisputeKind,
    DisputeMessage,
    DisputeNotice,
    DisputeState,
    Resolution,
)
from campaigns.dispute_queries import (
    MAX_IN_A_ROW,
    MAX_MESSAGES,
    MAX_OPEN,
    MAX_PER_DAY,
    evidence_for,
    may_add,
)
from campaigns.errors import DisputeChanged, DisputeLimit, DisputeNotOpen, DisputeRefused
from giftcodes.guarding.visitors import new_reference
from giftcodes.masking import mask_codes
from parties.errors import MemberHasLeft, NotReachable
from parties.forms import plain_text
from parties.leaving import hold_member
from parties.models import Member, Role, User


class Asked(NamedTuple):
    """What a member says: the number of the refused try ("" for none) and the serial number prove nothing."""

    kind: DisputeKind
    text: str
    reference: str = ""
    serial_number: int | None = None


class Said(NamedTuple):
    """Plain text without codes, and how many were masked."""

    text: str
    codes: int


@transaction.atomic
def open_dispute(
    *, form_number: uuid.UUID, member: Member, asked: Asked, language: str, at: datetime
) -> Dispute:
    """Open a ticket with the evidence of this moment. Once per `form_number`: a repeat gives back the first.

    NotReachable for a member who has left. DisputeRefused without a text, with one over 2,000 characters, or
    if another member's form has the number. DisputeLimit with more than 3 open tickets of the member, or 5 in
    24 hours.
    """
    said = _plain(asked.text)
    _hold_member(member)
    first = Dispute.objects.filter(form_number=form_number).first()
    if first is not None:
        if first.member_id != member.pk:
            raise DisputeRefused("number")
        return first
    _require_room(member, at)
    facts = evidence_for(member, reference=asked.reference, stated_serial=asked.serial_number, at=at)
    dispute = Dispute.objects.create(
        number=new_reference(NUMBER_LENGTH),
        form_number=form_number,
        member=member,
        brand=facts["batch"].brand if "batch" in facts else None,
        kind=asked.kind,
        language=language,
        stated_reference=asked.reference,
        stated_serial=asked.serial_number,
        opened_at=at,
        waiting_since=at,
    )
    DisputeEvidence.objects.create(dispute=dispute, **facts)
    DisputeMessage.objects.create(
        dispute=dispute, act=Act.ASK, text=said.text, masked_codes=said.codes, written_at=at
    )
    return dispute


@transaction.atomic
def add_to_dispute(
    *, number: str, form_number: uuid.UUID, member: Member, text: str, at: datetime
) -> DisputeMessage:
    """The member writes something more: the ticket waits for support again. Once per `form_number`.

    NotReachable for anybody else's ticket. DisputeNotOpen if it is withdrawn, or resolved for 14 days;
    DisputeLimit after 5 messages without an answer, 100 altogether, or if too many others are open.
    """
    said = _plain(text)
    _hold_member(member)
    dispute = _hold_own(member, number)
    if (first := _sent_before(dispute, form_number)) is not None:
        return first
    if not may_add(dispute, at=at):
        raise DisputeNotOpen(dispute.state)
    if dispute.state == DisputeState.RESOLVED:
        _require_open_room(member)
    _require_turn(dispute)
    waits_since = dispute.waiting_since or at
    Dispute.objects.filter(pk=dispute.pk).update(
        state=DisputeState.OPEN, waiting_since=waits_since, resolution="", resolved_by=None, resolved_at=None
    )
    return _write(dispute, form_number, Act.ADD, said, at)


@transaction.atomic
def withdraw_dispute(*, number: str, form_number: uuid.UUID, member: Member, at: datetime) -> DisputeMessage:
    """The member needs no answer any more. Once: a repeat gives back the first.

    NotReachable for anybody else's ticket; DisputeNotOpen if it is resolved.
    """
    dispute = _hold_own(member, number)
    if (first := _sent_before(dispute, form_number)) is not None:
        return first
    if dispute.state == DisputeState.RESOLVED:
        raise DisputeNotOpen(dispute.state)
    _withdraw(dispute, at)
    return _write(dispute, form_number, Act.WITHDRAW, Said("", 0), at)


@transaction.atomic
def answer_dispute(
    *, dispute_id: int, form_number: uuid.UUID, user: User, text: str, seen: int, at: datetime
) -> DisputeMessage:
    """Answer the member, who is told by mail that there is an answer. Once per `form_number`.

    NotReachable for anybody but support of the ticket's brand (or of the operator). DisputeNotOpen if it is
    resolved. DisputeChanged if anything was written after the message `seen`. DisputeRefused for the text.
    """
    said = _plain(text)
    dispute = _hold_for(user, dispute_id)
    if (first := _sent_before(dispute, form_number)) is not None:
        return first
    _require_as_seen(dispute, seen)
    Dispute.objects.filter(pk=dispute.pk).update(
        state=DisputeState.ANSWERED, waiting_since=None, answered_by=user, answered_at=at
    )
    return _tell(_write(dispute, form_number, Act.ANSWER, said, at, staff=user), at)


@transaction.atomic
def resolve_dispute(
    *,
    dispute_id: int,
    form_number: uuid.UUID,
    user: User,
    resolution: Resolution,
    text: str,
    seen: int,
    at: datetime,
) -> DisputeMessage:
    """End the ticket with a reason, which the member reads. Nothing is paid by this. Once per `form_number`.

    Refusals as for `answer_dispute`; DisputeRefused for a resolution that is the member's to choose.
    """
    if resolution == Resolution.WITHDRAWN:
        raise DisputeRefused("resolution")
    said = _plain(text)
    dispute = _hold_for(user, dispute_id)
    if (first := _sent_before(dispute, form_number)) is not None:
        return first
    _require_as_seen(dispute, seen)
    Dispute.objects.filter(pk=dispute.pk).update(
        state=DisputeState.RESOLVED,
        waiting_since=None,
        resolution=resolution,
        resolved_by=user,
        resolved_at=at,
    )
    message = _write(dispute, form_number, Act.RESOLVE, said, at, staff=user, resolution=resolution)
    return _tell(message, at)


def withdraw_for_erased(dispute: Dispute, *, at: datetime) -> None:
    """The same as a withdrawal, within the transaction of whoever erases the member."""
    _withdraw(dispute, at)
    _write(dispute, uuid.uuid4(), Act.WITHDRAW, Said("", 0), at)


def _plain(text: str) -> Said:
    plain = plain_text(text)
    if not plain:
        raise DisputeRefused("no_text")
    if len(plain) > MAX_TEXT_LENGTH:
        raise DisputeRefused("long_text")
    return Said(*mask_codes(plain))


def _hold_member(member: Member) -> None:
    """The member, unless they have left meanwhile: what they write now would never be erased."""
    try:
        hold_member(member)
    except MemberHasLeft as refusal:
        raise NotReachable from refusal


def _hold_own(member: Member, number: str) -> Dispute:
    held = Dispute.objects.select_for_update(no_key=True).filter(member=member, number=number).first()
    if held is None:
        raise NotReachable
    return held


def _hold_for(user: User, dispute_id: int) -> Dispute:
    access.access_dispute(user, dispute_id, Role.SUPPORT)
    return Dispute.objects.select_for_update(no_key=True).get(pk=dispute_id)


def _sent_before(dispute: Dispute, form_number: uuid.UUID) -> DisputeMessage | None:
    return dispute.messages.filter(form_number=form_number).first()


def _require_room(member: Member, at: datetime) -> None:
    _require_open_room(member)
    recent = Dispute.objects.filter(member=member, opened_at__gt=at - timedelta(days=1))
    if recent.count() >= MAX_PER_DAY:
        raise DisputeLimit("day")


def _require_open_room(member: Member) -> None:
    if Dispute.objects.filter(member=member).exclude(state=DisputeState.RESOLVED).count() >= MAX_OPEN:
        raise DisputeLimit("open")


def _require_turn(dispute: Dispute) -> None:
    newest = list(dispute.messages.order_by("-pk").values_list("act", flat=True)[:MAX_MESSAGES])
    if len(newest) >= MAX_MESSAGES:
        raise DisputeLimit("messages")
    if len(newest) >= MAX_IN_A_ROW and not set(newest[:MAX_IN_A_ROW]).intersection(OF_STAFF):
        raise DisputeLimit("turn")


def _require_as_seen(dispute: Dispute, seen: int) -> None:
    if dispute.state == DisputeState.RESOLVED:
        raise DisputeNotOpen(dispute.state)
    if dispute.messages.filter(pk__gt=seen).exists():
        raise DisputeChanged


def _withdraw(dispute: Dispute, at: datetime) -> None:
    Dispute.objects.filter(pk=dispute.pk).update(
        state=DisputeState.RESOLVED, waiting_since=None, resolution=Resolution.WITHDRAWN, resolved_at=at
    )


def _write(  # a line of a ticket, whole
    dispute: Dispute,
    form_number: uuid.UUID,
    act: Act,
    said: Said,
    at: datetime,
    *,
    staff: User | None = None,
    resolution: str = "",
) -> DisputeMessage:
    try:
        with transaction.atomic():
            return DisputeMessage.objects.create(
                dispute=dispute,
                form_number=form_number,
                act=act,
                resolution=resolution,
                text=said.text,
                masked_codes=said.codes,
                staff=staff,
                written_at=at,
            )
    except IntegrityError as taken:  # the form of another ticket
        raise DisputeRefused("number") from taken


def _tell(message: DisputeMessage, at: datetime) -> DisputeMessage:
    DisputeNotice.objects.create(message=message, due_at=at)
    return message
