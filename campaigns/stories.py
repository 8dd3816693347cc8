"""The whole story of one code, from its order to what became of its points, for the support desk.

Nothing here changes a row, and nothing gives a code back. Members are masks.
"""

from collections.abc import Iterator
from datetime import datetime
from itertools import chain
from typing import NamedTuple

from django.db import models
from django.db.models import Q, QuerySet
from django.utils.translation import gettext_lazy as _

from campaigns.dispute_models import Dispute
from campaigns.mailing_models import Recipient, Replacement
from campaigns.models import Order
from giftcodes import queries, void_queries
from giftcodes.gift_models import Gift, GiftState
from giftcodes.guard_models import Attempt, Outcome
from giftcodes.models import SERIALS_PER_SERIES, Batch, BatchState, Claim, Delivery, Void
from giftcodes.queries import SerialState, SerialStatus
from giftcodes.void_models import VoidState
from ledger.models import Lot, LotUse, Transfer

MOST_TRIES, MOST_USES = 50, 50


class Step(models.TextChoices):
    """What can happen to a code."""

    SUBMITTED = "submitted", _("order submitted")
    APPROVED = "approved", _("order approved, points reserved")
    MINTED = "minted", _("code made")
    DOWNLOADED = "downloaded", _("file handed over")
    ACTIVATED = "activated", _("activated")
    OPENED = "opened", _("claim window began")
    PAUSED = "paused", _("paused")
    RESUMED = "resumed", _("went on")
    EXTENDED = "extended", _("claim window extended")
    ISSUED = "issued", _("issued as a gift")
    MAILED = "mailed", _("handed to the mail server for its recipient")
    REPLACED = "replaced", _("replaced by another code")
    REPLACES = "replaces", _("issued in place of another code")
    REVEALED = "revealed", _("shown to the partner again")
    TRIED = "tried", _("tried and refused")
    CLAIMED = "claimed", _("claimed")
    WITHDRAWAL_ASKED = "withdrawal_asked", _("withdrawal asked for")
    WITHDRAWAL_DROPPED = "withdrawal_dropped", _("withdrawal rejected or taken back")
    WITHDRAWN = "withdrawn", _("withdrawn")
    SPARED = "spared", _("spared by a withdrawal, being claimed")
    EXPIRED = "expired", _("expired unclaimed")
    REVERSED = "reversed", _("claim taken back")
    DISPUTED = "disputed", _("a member asked about it")


class Event(NamedTuple):
    """One step: when, who (a person of staff, a system, a masked member; "" where nobody did it), and a
    detail. `link` is the key of a row that the page may link to.
    """

    at: datetime
    step: Step
    who: str = ""
    note: str = ""
    link: int | None = None


class Story(NamedTuple):
    """A code by its public serial number. `lot` and `uses` are what became of its points, if it was claimed;
    `tries` are refused ones as far as they are kept.
    """

    status: SerialStatus
    order: Order | None
    events: list[Event]
    tries: list[Attempt]
    lot: Lot | None
    uses: list[LotUse]

    @property
    def is_withdrawable(self) -> bool:
        """Whether somebody at the desk could withdraw it now."""
        batch = self.status.batch
        ended = {SerialState.CLAIMED, SerialState.VOID, SerialState.EXPIRED}
        is_open = batch.state != BatchState.CLOSED and not batch.issues_gifts
        return is_open and self.status.state not in ended


def story_of(serial_number: int, *, disputes: QuerySet[Dispute], at: datetime) -> Story | None:
    """Everything that is known of the code at the instant `at`, the oldest first; None if it was never
    issued. `disputes` are the tickets that the asker may see.
    """
    status = queries.status_of_serial(serial_number, at=at)
    if status is None:
        return None
    batch, claim = status.batch, status.claim
    order = Order.objects.select_related("campaign__brand__program", "requested_by", "decided_by")
    found = order.filter(batch=batch).first()
    tries = list(Attempt.objects.filter(serial_number=serial_number).order_by("-at", "-pk")[:MOST_TRIES])
    lot = None if claim is None else Lot.objects.filter(transfer=claim.transfer_id).first()
    events = chain(
        _of_order(found),
        _of_batch(batch, at),
        _of_extensions(batch),
        _of_gift(status.gift),
        _of_mailing(status.gift),
        (Event(one.at, Step.TRIED, note=str(Outcome(one.outcome).label), link=one.pk) for one in tries),
        _of_claim(claim),
        _of_withdrawals(batch, serial_number % SERIALS_PER_SERIES, claim),
        _of_end(status),
        _of_disputes(disputes, serial_number),
    )
    return Story(
        status=status,
        order=found,
        events=sorted(events, key=lambda event: event.at),
        tries=tries,
        lot=lot,
        uses=[] if lot is None else _uses_of(lot),
    )


def _of_order(order: Order | None) -> Iterator[Event]:
    if order is not None and order.submitted_at is not None:
        yield Event(order.submitted_at, Step.SUBMITTED, str(order.requested_by), link=order.pk)
    if order is not None and order.decided_at is not None:
        yield Event(order.decided_at, Step.APPROVED, str(order.decided_by), link=order.pk)


def _of_batch(batch: Batch, at: datetime) -> Iterator[Event]:
    delivery = Delivery.objects.select_related("recipient").filter(batch=batch).first()
    if delivery is not None:
        if batch.minted_at is not None:
            yield Event(batch.minted_at, Step.MINTED)
        if delivery.downloaded_at is not None:
            yield Event(delivery.downloaded_at, Step.DOWNLOADED, str(delivery.recipient))
        if batch.activated_at is not None:
            yield Event(batch.activated_at, Step.ACTIVATED)
    if batch.approved_at < batch.claim_from <= at:  # else the approval says it
        yield Event(batch.claim_from, Step.OPENED)
    for switch in batch.switches.select_related("switched_by"):
        step = Step.PAUSED if switch.is_pause else Step.RESUMED
        yield Event(switch.switched_at, step, str(switch.switched_by), switch.reason)


def _of_extensions(batch: Batch) -> Iterator[Event]:
    for extension in batch.extensions.select_related("requested_by", "approved_by"):
        who = f"{extension.requested_by}, {extension.approved_by}"
        yield Event(extension.extended_at, Step.EXTENDED, who, extension.reason)


def _of_gift(gift: Gift | None) -> Iterator[Event]:
    if gift is None:
        return
    yield Event(gift.issued_at, Step.ISSUED, str(gift.request.client), gift.recipient_ref)
    for reveal in gift.reveals.select_related("client"):
        yield Event(reveal.revealed_at, Step.REVEALED, str(reveal.client))
    if gift.state == GiftState.VOIDED and gift.ended_at is not None:
        void = getattr(gift, "void", None)
        yield Event(gift.ended_at, Step.WITHDRAWN, *((str(void.client), void.reason) if void else ()))


def _of_mailing(gift: Gift | None) -> Iterator[Event]:
    """By e-mail, and in the place of which code."""
    if gift is None:
        return
    for recipient in Recipient.objects.select_related("mailing").filter(gift=gift, handed_at__isnull=False):
        if recipient.handed_at is not None:
            note = f"{recipient.mailing} · {recipient.get_state_display()}"
            yield Event(recipient.handed_at, Step.MAILED, note=note)
    for one in Replacement.objects.select_related("replaced_by").filter(Q(old_gift=gift) | Q(new_gift=gift)):
        is_old = one.old_gift_id == gift.pk
        step, other = (Step.REPLACED, one.new_gift_id) if is_old else (Step.REPLACES, one.old_gift_id)
        if is_old and one.old_handed_at is not None:
            yield Event(one.old_handed_at, Step.MAILED)
        yield Event(one.replaced_at, step, str(one.replaced_by), f"{other}: {one.reason}")


def _of_claim(claim: Claim | None) -> Iterator[Event]:
    if claim is None:
        return
    yield Event(claim.claimed_at, Step.CLAIMED, str(claim.member), link=claim.member_id)
    for reversal in Transfer.objects.filter(original=claim.transfer_id):
        yield Event(reversal.posted_at, Step.REVERSED)


def _of_withdrawals(batch: Batch, serial: int, claim: Claim | None) -> Iterator[Event]:
    for asked in void_queries.requests_about(batch, serial):
        yield Event(
            asked.requested_at, Step.WITHDRAWAL_ASKED, str(asked.requested_by), asked.reason, asked.pk
        )
        if asked.decided_at is not None and asked.state != VoidState.APPROVED:
            who, note = str(asked.decided_by), asked.decision_note
            yield Event(asked.decided_at, Step.WITHDRAWAL_DROPPED, who, note, asked.pk)
    void = void_queries.void_of(batch, serial)
    if void is not None:
        step = Step.WITHDRAWN if claim is None else Step.SPARED
        yield Event(void.voided_at, step, _people_of(void), void.reason, void.request_id)


def _people_of(void: Void) -> str:
    alone = void.requested_by_id == void.approved_by_id
    return str(void.approved_by) if alone else f"{void.requested_by}, {void.approved_by}"


def _of_end(status: SerialStatus) -> Iterator[Event]:
    if status.state == SerialState.EXPIRED:
        yield Event(status.claim_until, Step.EXPIRED)


def _of_disputes(disputes: QuerySet[Dispute], serial_number: int) -> Iterator[Event]:
    about = Q(evidence__serial_number=serial_number) | Q(stated_serial=serial_number)
    for dispute in disputes.filter(about).distinct():
        note = f"{dispute.number} · {dispute.get_kind_display()}"
        yield Event(dispute.opened_at, Step.DISPUTED, note=note, link=dispute.pk)


def _uses_of(lot: Lot) -> list[LotUse]:
    uses = LotUse.objects.filter(lot=lot).select_related("acceptor", "store")
    return list(uses.order_by("posted_at", "pk")[:MOST_USES])
