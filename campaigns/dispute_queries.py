"""What tickets can be asked. Nothing here changes a row."""

from datetime import datetime, timedelta
from typing import Any

from django.db.models import QuerySet

from campaigns.dispute_models import Dispute, DisputeMessage, DisputeState, Resolution, SerialSource
from giftcodes import guard_queries
from giftcodes import queries as giftcodes_queries
from giftcodes.guarding.visitors import person_of
from giftcodes.models import Claim
from parties.models import Member

REOPEN_DAYS = 14
MAX_OPEN = 3
MAX_PER_DAY = 5
MAX_IN_A_ROW = 5  # messages of a member before support has said anything
MAX_MESSAGES = 100


def disputes_of(member: Member) -> QuerySet[Dispute]:
    """The member's own tickets, the newest first."""
    return Dispute.objects.filter(member=member).order_by("-opened_at", "-pk")


def dispute_of(member: Member, number: str) -> Dispute | None:
    """The ticket, if it is this member's."""
    return Dispute.objects.filter(member=member, number=number).first()


def messages_of(dispute: Dispute) -> QuerySet[DisputeMessage]:
    """What was written, in its order, with the mails that told of it."""
    return dispute.messages.select_related("staff", "notice").order_by("pk")


def may_add(dispute: Dispute, *, at: datetime) -> bool:
    """Whether the member can write: while the ticket is open or answered, and for 14 days after support has
    resolved it. What the member withdrew stays so.
    """
    if dispute.state != DisputeState.RESOLVED:
        return True
    is_withdrawn = dispute.resolution == Resolution.WITHDRAWN
    return not is_withdrawn and dispute.resolved_at is not None and at < reopens_until(dispute.resolved_at)


def reopens_until(resolved_at: datetime) -> datetime:
    """The exclusive end of the time in which the member can still write."""
    return resolved_at + timedelta(days=REOPEN_DAYS)


def evidence_for(
    member: Member, *, reference: str, stated_serial: int | None, at: datetime
) -> dict[str, Any]:
    """What is known, as the fields of a DisputeEvidence.

    A reference number of somebody else's try counts like one that does not exist. The serial number of the
    member's own try goes before the one that they state.
    """
    person = person_of(member.pk)
    found = guard_queries.by_reference(reference) if reference else None
    attempt = found.attempt if found is not None and found.attempt.person == person else None
    lock = guard_queries.standing_lock_of(person, now=at)
    facts: dict[str, Any] = {
        "collected_at": at,
        "wallet": str(member),
        "strikes": guard_queries.strikes_of(person, now=at),
        "lock_reference": lock.reference if lock else "",
        "locked_until": lock.locked_until if lock else None,
    }
    if attempt is not None:
        facts |= {
            "reference": attempt.reference,
            "tried_at": attempt.at,
            "outcome": attempt.outcome,
            "network": attempt.network,
        }
    if attempt is not None and attempt.serial_number is not None:
        return facts | _code_facts(attempt.serial_number, SerialSource.TRY, member, at)
    if stated_serial is not None:
        return facts | _code_facts(stated_serial, SerialSource.STATED, member, at)
    return facts


def _code_facts(serial_number: int, source: SerialSource, member: Member, at: datetime) -> dict[str, Any]:
    status = giftcodes_queries.status_of_serial(serial_number, at=at)
    if status is None:
        return {}
    facts = {
        "serial_number": serial_number,
        "serial_source": source,
        "serial_state": status.state,
        "batch": status.batch,
        "channel_name": status.channel.name,
        "voided_at": status.voided_at,
    }
    return facts | (_claim_facts(status.claim, member) if status.claim is not None else {})


def _claim_facts(claim: Claim, member: Member) -> dict[str, Any]:
    return {
        "claimed_at": claim.claimed_at,
        "claimer": str(claim.member),
        "is_own_claim": claim.member_id == member.pk,
    }
