"""Codes = ledger = statements: the daily proof of each batch."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any, NamedTuple

from django.db.models import Count, Q, Sum

from giftcodes.models import Batch, Claim, Void
from ledger.models import Lot, Posting, Reason


class Difference(NamedTuple):
    """One number that two sides of the books tell differently. `rule` is stable; words are chosen at the
    edge.
    """

    rule: str
    expected: int
    found: int


class Proof(NamedTuple):
    """A batch seen from three sides up to an instant: its codes (in codes), the ledger and the statements
    of the wallets (in points, but for `lots`).
    """

    batch: Batch
    # Codes.
    claimed: int
    voided: int
    expired: int
    claimed_points: int
    # The ledger's account of unclaimed points. What a reversed claim brings back leaves it at once.
    approved_points: int
    ledger_claimed_points: int
    returned_points: int
    reversed_points: int
    handed_back_points: int
    balance_points: int
    # Wallets.
    lots: int
    lot_points: int

    @property
    def unclaimed(self) -> int:
        """Codes that are left when the others are taken off."""
        return self.batch.size - self.claimed - self.voided - self.expired

    @property
    def differences(self) -> list[Difference]:
        """Where the sides don't agree; empty for a sound batch."""
        face = self.batch.face_points
        pairs = [
            ("codes_left", max(0, self.unclaimed), self.unclaimed),
            ("approved", self.batch.size * face, self.approved_points),
            ("claims_face", self.claimed * face, self.claimed_points),
            ("claims_ledger", self.claimed_points, self.ledger_claimed_points),
            ("returned", (self.voided + self.expired) * face, self.returned_points),
            ("reversed", self.reversed_points, self.handed_back_points),
            ("balance", self.unclaimed * face, self.balance_points),
            ("lots", self.claimed, self.lots),
            ("lot_points", self.claimed_points, self.lot_points),
        ]
        return [Difference(rule, expected, found) for rule, expected, found in pairs if expected != found]


def prove(*, at: datetime | None = None, batch_id: int | None = None) -> Iterator[Proof]:
    """A proof of each batch that was approved by `at` (None: by now, counting all there is), the oldest
    first, or of one batch alone. One batch at a time: memory stays the same, however many there are.
    """
    batches = Batch.objects.order_by("pk")
    if at is not None:
        batches = batches.filter(approved_at__lte=at)
    if batch_id is not None:
        batches = batches.filter(pk=batch_id)
    for batch in batches.iterator(chunk_size=500):
        yield _prove(batch, at)


def _prove(batch: Batch, at: datetime | None) -> Proof:
    def until(column: str) -> Q:
        return Q() if at is None else Q(**{f"{column}__lte": at})

    of_range = Claim.objects.filter(pk__gte=batch.first_claim_id, pk__lt=batch.end_claim_id)
    claims = of_range.filter(until("claimed_at")).aggregate(codes=Count("pk"), points=Sum("points"))
    voids = Void.objects.filter(until("voided_at"), batch=batch).aggregate(codes=Sum("codes"))
    is_closed = batch.closed_at is not None and (at is None or batch.closed_at <= at)
    claim_postings = Posting.objects.filter(source=batch.unclaimed_id, transfer__reason=Reason.CLAIM)
    lots = Lot.objects.filter(until("granted_at"), transfer__in=claim_postings.values("transfer"))
    statements = lots.aggregate(lots=Count("pk"), points=Sum("granted_points"))
    return Proof(
        batch=batch,
        claimed=claims["codes"],
        voided=voids["codes"] or 0,
        expired=(batch.expired_codes or 0) if is_closed else 0,
        claimed_points=claims["points"] or 0,
        lots=statements["lots"],
        lot_points=statements["points"] or 0,
        **_account(batch, until("posted_at")),
    )


def _account(batch: Batch, until: Q) -> dict[str, Any]:
    came = _by_reason(Q(target=batch.unclaimed_id) & until)
    went = _by_reason(Q(source=batch.unclaimed_id) & until)
    return {
        "approved_points": came.get(Reason.APPROVE, 0),
        "ledger_claimed_points": went.get(Reason.CLAIM, 0),
        "returned_points": went.get(Reason.VOID, 0) + went.get(Reason.CLOSE, 0),
        "reversed_points": came.get(Reason.REVERSE, 0),
        "handed_back_points": went.get(Reason.RETURN, 0),
        "balance_points": sum(came.values()) - sum(went.values()),
    }


def _by_reason(of: Q) -> dict[str, int]:
    postings = Posting.objects.filter(of).order_by()
    return dict(postings.values_list("transfer__reason").annotate(Sum("points")))
