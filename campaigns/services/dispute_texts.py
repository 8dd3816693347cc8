"""What members wrote goes: when they are erased, and when it is old. Evidence and who did what when stay."""

from datetime import datetime, timedelta

from django.db import transaction

from campaigns.dispute_models import (
    OF_MEMBER,
    Act,
    Dispute,
    DisputeMessage,
    DisputeNotice,
    DisputeState,
    NoticeFailure,
    NoticeState,
)
from campaigns.services.disputes import withdraw_for_erased
from parties.models import Member

DAYS_TEXTS_KEPT = 730  # after the resolution
_TEXTS_AT_ONCE = 500


@transaction.atomic
def erase_dispute_texts(*, member: Member, at: datetime) -> int:
    """Empty everything that the member wrote, withdraw what was still open, and stop mails under way to them;
    how many texts went. What support wrote stays until its age, the evidence for good. Again is harmless.
    """
    Member.objects.select_for_update(no_key=True).get(pk=member.pk)
    held = Dispute.objects.select_for_update(no_key=True).filter(member=member).order_by("pk")
    for dispute in list(held):
        if dispute.state != DisputeState.RESOLVED:
            withdraw_for_erased(dispute, at=at)
    waiting = DisputeNotice.objects.filter(message__dispute__member=member, state=NoticeState.WAITING)
    waiting.update(state=NoticeState.GIVEN_UP, failure=NoticeFailure.NO_ADDRESS, ended_at=at)
    own = DisputeMessage.objects.filter(dispute__member=member, act__in=OF_MEMBER, erased_at=None)
    return own.exclude(act=Act.WITHDRAW).update(text="", erased_at=at)


@transaction.atomic
def prune_dispute_texts(*, at: datetime) -> int:
    """Empty the texts of both sides of tickets that were resolved 730 days ago; how many went."""
    before = at - timedelta(days=DAYS_TEXTS_KEPT)
    old = DisputeMessage.objects.filter(
        dispute__state=DisputeState.RESOLVED, dispute__resolved_at__lt=before, erased_at=None
    ).exclude(act=Act.WITHDRAW)
    ids = list(old.order_by("pk").values_list("pk", flat=True)[:_TEXTS_AT_ONCE])
    return DisputeMessage.objects.filter(pk__in=ids).update(text="", erased_at=at)
