"""Codes = ledger = statements: the daily proof of each batch."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any, NamedTuple

from django.db.models import Count, Q, Sum

from giftcodes.gift_models import GiftState
from giftcodes.gift_queries import left_of
from giftcodes.models import Batch, Claim, Void
from giftcodes.queries import gifts_in_range
from ledger.models import Lot, Posting, Reason


class Difference(NamedTuple):
    """One number that two sides of the books tell differently. `rule` is stable; words are chosen at the
    edge.
    """

    rule: str
    expected: int
    found: int


class GiftSums(NamedTuple):
    """Points of gifts up to an instant, and whether their batch was closed by then. `left` is what can still
    be issued, None for an instant that has passed: nobody keeps what was left when.
    """

    is_closed: bool
    issued: int
    claimed: int
    given_back: int
    left: int | None


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
    # Of a batch that issues gifts.
    gifts: GiftSums | None = None

    @property
    def unclaimed(self) -> int:
        """Codes that are left when the others are taken off."""
        return self.batch.size - self.claimed - self.voided - self.expired

    @property
    def differences(self) -> list[Difference]:
        """Where the sides don't agree; empty for a sound batch."""
        pairs = [
            ("codes_left", max(0, self.unclaimed), self.unclaimed),
            ("approved", self.batch.size * self.batch.face_points, self.approved_points),
            ("claims_ledger", self.claimed_points, self.ledger_claimed_points),
            ("reversed", self.reversed_points, self.handed_back_points),
            ("lots", self.claimed, self.lots),
            ("lot_points", self.claimed_points, self.lot_points),
            *(self._of_codes() if self.gifts is None else self._of_gifts(self.gifts)),
        ]
        return [Difference(rule, expected, found) for rule, expected, found in pairs if expected != found]

    def _of_codes(self) -> list[tuple[str, int, int]]:
        face = self.batch.face_points
        return [
            ("claims_face", self.claimed * face, self.claimed_points),
            ("returned", (self.voided + self.expired) * face, self.returned_points),
            ("balance", self.unclaimed * face, self.balance_points),
        ]

    def _of_gifts(self, gifts: GiftSums) -> list[tuple[str, int, int]]:
        """When the batch is closed, what was not issued goes back with the gifts that nobody claimed."""
        not_issued = self.batch.size * self.batch.face_points - gifts.issued
        returned = gifts.given_back + (not_issued if gifts.is_closed else 0)
        balance = self.approved_points - gifts.claimed - returned
        pairs = [
            ("claims_face", gifts.claimed, self.claimed_points),
            ("returned", returned, self.returned_points),
            ("balance", balance, self.balance_points),
        ]
        if gifts.left is not None:
            pairs.append(("gifts_left", 0 if gifts.is_closed else not_issued, gifts.left))
        return pairs


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
    gifts, ended = _gifts(batch, at, is_closed=is_closed) if batch.issues_gifts else (None, Ended(0, 0))
    return Proof(
        batch=batch,
        claimed=claims["codes"],
        voided=(voids["codes"] or 0) + ended.voided,
        expired=(batch.expired_codes or 0) if is_closed else ended.expired,
        claimed_points=claims["points"] or 0,
        lots=statements["lots"],
        lot_points=statements["points"] or 0,
        gifts=gifts,
        **_account(batch, until("posted_at")),
    )


class Ended(NamedTuple):
    """How many gifts ended without a claim."""

    voided: int
    expired: int


def _gifts(batch: Batch, at: datetime | None, *, is_closed: bool) -> tuple[GiftSums, Ended]:
    sums: dict[str, tuple[int, int]] = {}
    issued = gifts_in_range(batch) if at is None else gifts_in_range(batch).filter(issued_at__lte=at)
    ended = issued if at is None else issued.filter(ended_at__lte=at)
    for state, gifts, points in ended.order_by().values_list("state").annotate(Count("pk"), Sum("points")):
        sums[state] = gifts, points
    claimed, voided, expired = (
        sums.get(state, (0, 0)) for state in (GiftState.CLAIMED, GiftState.VOIDED, GiftState.EXPIRED)
    )
    points = GiftSums(
        is_closed=is_closed,
        issued=issued.aggregate(points=Sum("points"))["points"] or 0,
        claimed=claimed[1],
        given_back=voided[1] + expired[1],
        left=left_of(batch).points if at is None else None,
    )
    return points, Ended(voided[0], expired[0])


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
