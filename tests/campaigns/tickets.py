"""Tickets of members, and what surrounds them, for these tests."""

import uuid
from datetime import datetime, timedelta

import pytest

from campaigns import services as campaigns
from campaigns.dispute_models import Dispute, DisputeKind, DisputeMessage, Resolution
from campaigns.services import Asked
from giftcodes.errors import CodeNotUsable
from giftcodes.models import Batch
from parties.models import Brand, Member, Role, User
from tests import make
from tests.campaigns import promos
from tests.giftcodes.guarded import attempt
from tests.make import NOON

TEXT = "It says used, but I did not."


def opened(
    member: Member | None = None,
    *,
    text: str = TEXT,
    kind: DisputeKind = DisputeKind.NOT_USED,
    reference: str = "",
    serial_number: int | None = None,
    at: datetime = NOON,
    language: str = "en",
    form_number: uuid.UUID | None = None,
) -> Dispute:
    return campaigns.open_dispute(
        form_number=form_number or uuid.uuid4(),
        member=member or make.member(),
        asked=Asked(kind, text, reference, serial_number),
        language=language,
        at=at,
    )


def added(dispute: Dispute, text: str = "More.", *, at: datetime = NOON) -> DisputeMessage:
    return campaigns.add_to_dispute(
        number=dispute.number, form_number=uuid.uuid4(), member=dispute.member, text=text, at=at
    )


def withdrawn(dispute: Dispute, *, at: datetime = NOON) -> DisputeMessage:
    return campaigns.withdraw_dispute(
        number=dispute.number, form_number=uuid.uuid4(), member=dispute.member, at=at
    )


def newest(dispute: Dispute) -> int:
    return dispute.messages.order_by("-pk").values_list("pk", flat=True)[0]


def supporter(brand: Brand | None = None) -> User:
    return make.staff(Role.SUPPORT, brand)


def answered(
    dispute: Dispute, by: User | None = None, *, text: str = "We look.", at: datetime = NOON
) -> DisputeMessage:
    return campaigns.answer_dispute(
        dispute_id=dispute.pk,
        form_number=uuid.uuid4(),
        user=by or supporter(),
        text=text,
        seen=newest(dispute),
        at=at,
    )


def resolved(
    dispute: Dispute,
    by: User | None = None,
    *,
    resolution: Resolution = Resolution.FOR_MEMBER,
    text: str = "You get the points.",
    at: datetime = NOON,
) -> DisputeMessage:
    return campaigns.resolve_dispute(
        dispute_id=dispute.pk,
        form_number=uuid.uuid4(),
        user=by or supporter(),
        resolution=resolution,
        text=text,
        seen=newest(dispute),
        at=at,
    )


def ordered_batch(team: promos.Team) -> Batch:
    """Codes of an approved order of the team, claimable at NOON."""
    batch = promos.approve(promos.submitted(team), team.approver)
    Batch.objects.filter(pk=batch.pk).update(
        state="active", minted_codes=batch.size, minted_at=NOON, activated_at=NOON
    )
    batch.refresh_from_db()
    return batch


def refused(code: str, member: Member, *, at: datetime = NOON + timedelta(minutes=1)) -> str:
    """Try a code that can't be used; the reference number of the refusal."""
    with pytest.raises(CodeNotUsable) as refusal:
        attempt(code, member, at=at)
    return refusal.value.reference
