"""What the support desk can ask. Nothing here changes a row."""

from datetime import datetime
from typing import NamedTuple

from django.db.models import QuerySet

from giftcodes import guard_queries, queries
from giftcodes.guard_models import ClaimLock
from giftcodes.guarding.visitors import person_of
from giftcodes.models import Batch, Claim
from ledger.models import Account, AccountKind
from parties.models import Member

MOST_CLAIMS = 50


class MemberFacts(NamedTuple):
    """What a member did and is kept from: newest claims, wallets, strikes in 24 hours, the standing lock."""

    claims: list[Claim]
    wallets: list[Account]
    strikes: int
    lock: ClaimLock | None


def facts_of(member: Member, *, now: datetime) -> MemberFacts:
    """Nothing that says who the member is."""
    claims = Claim.objects.filter(member=member).select_related("batch__brand", "batch__order__campaign")
    person = person_of(member.pk)
    wallets = Account.objects.filter(member=member, kind=AccountKind.WALLET).select_related("program")
    return MemberFacts(
        claims=list(claims.order_by("-claimed_at")[:MOST_CLAIMS]),
        wallets=list(wallets.order_by("pk")),
        strikes=guard_queries.strikes_of(person, now=now),
        lock=guard_queries.standing_lock_of(person, now=now),
    )


def is_of(batches: QuerySet[Batch], serial_number: int) -> bool:
    """Whether the public serial number is one of these batches'."""
    batch = queries.batch_of_serial(serial_number)
    return batch is not None and batches.filter(pk=batch.pk).exists()
