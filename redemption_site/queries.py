"""What the pages show: campaigns by address, one claimed code, wallets with their lots and history."""

from datetime import datetime
from typing import NamedTuple

from django.db.models import QuerySet, Sum

from campaigns.models import Campaign
from giftcodes.models import Batch, Claim
from ledger import queries as ledger_queries
from ledger.models import Account, AccountKind, Lot, Posting, Reason
from parties.models import Brand, Member, Program

LOTS_SHOWN = 50
ENTRIES_SHOWN = 50


class Origin(NamedTuple):
    """Where points came from: the brand, and the campaign if the codes were ordered for one."""

    brand: Brand
    campaign: Campaign | None


class Gift(NamedTuple):
    """A claimed code as its member sees it. `balance` is the wallet's now; `expires_at` an exclusive end."""

    claim: Claim
    origin: Origin
    program: Program
    balance: int
    expires_at: datetime


class Holdings(NamedTuple):
    """A wallet at an instant: `usable_points` and `lots` are not expired; `next_points` end first."""

    wallet: Account
    usable_points: int
    next_points: int
    next_expires_at: datetime | None
    lots: list[Lot]
    more_lots: int
    expired_lots: list[Lot]


class Entry(NamedTuple):
    """A line of a wallet's history. `points` carry their sign; the rest is known for claims."""

    posting_id: int
    posted_at: datetime
    points: int
    reason: Reason
    claim: Claim | None
    origin: Origin | None


class HistoryPage(NamedTuple):
    """Entries, newest first, and the posting id before which the next page begins (None at the end)."""

    entries: list[Entry]
    older_than: int | None


def campaign_at(slug: str) -> Campaign | None:
    """The campaign of that page address."""
    return Campaign.objects.filter(slug=slug).select_related("brand").first()


def gift_of(member: Member, serial_number: int) -> Gift | None:
    """The claimed code of that public serial number, if this member claimed it."""
    claim = _claims(member).filter(pk=serial_number).select_related("batch__brand__program").first()
    if claim is None:
        return None
    lot = Lot.objects.get(transfer_id=claim.transfer_id)
    program = claim.batch.brand.program
    balance = ledger_queries.wallet_balance(member, program.pk)
    return Gift(claim, _origin(claim.batch), program, balance, lot.expires_at)


def wallets_of(member: Member) -> list[Account]:
    """The member's wallets, one per program they hold points in."""
    wallets = Account.objects.filter(kind=AccountKind.WALLET, member=member)
    return list(wallets.select_related("program").order_by("program__name", "pk"))


def holdings_of(wallet: Account, *, at: datetime) -> Holdings:
    """What the wallet holds at `at`. Lots past their end count no more, booked out already or not."""
    lots = ledger_queries.open_lots(wallet)
    expired, live = lots.filter(expires_at__lte=at), lots.filter(expires_at__gt=at)
    gone = expired.aggregate(points=Sum("remaining_points"))["points"] or 0
    shown = list(live[:LOTS_SHOWN])
    soonest = shown[0].expires_at if shown else None
    ends_next = live.filter(expires_at=soonest) if soonest else live.none()
    return Holdings(
        wallet=wallet,
        usable_points=(wallet.balance or 0) - gone,
        next_points=ends_next.aggregate(points=Sum("remaining_points"))["points"] or 0,
        next_expires_at=soonest,
        lots=shown,
        more_lots=live.count() - len(shown) if len(shown) == LOTS_SHOWN else 0,
        expired_lots=list(expired.order_by("-expires_at")[:LOTS_SHOWN]),
    )


def history_page(wallet: Account, *, older_than: int | None, size: int) -> HistoryPage | None:
    """`size` entries, the newest of those before the posting `older_than`; None if the wallet has no such
    posting."""
    postings = ledger_queries.history_of(wallet)
    if older_than is not None:
        edge = postings.filter(pk=older_than).first()
        if edge is None:
            return None
        postings = postings.filter(posted_at__lte=edge.posted_at).exclude(
            posted_at=edge.posted_at, pk__gte=edge.pk
        )
    rows = list(postings[: size + 1])
    claims = _claims_behind(wallet, rows[:size])
    entries = [_entry(wallet, posting, claims) for posting in rows[:size]]
    return HistoryPage(entries, entries[-1].posting_id if len(rows) > size else None)


def _claims_behind(wallet: Account, postings: list[Posting]) -> dict[object, Claim]:
    """The claims that made these postings, by transfer: a claim and its transfer share their instant."""
    moments = [posting.posted_at for posting in postings if posting.transfer.reason == Reason.CLAIM]
    if wallet.member_id is None or not moments:
        return {}
    claims = _claims(wallet.member_id).filter(claimed_at__in=moments)
    return {claim.transfer_id: claim for claim in claims}


def _entry(wallet: Account, posting: Posting, claims: dict[object, Claim]) -> Entry:
    claim = claims.get(posting.transfer_id)
    return Entry(
        posting_id=posting.pk,
        posted_at=posting.posted_at,
        points=posting.points if posting.target_id == wallet.pk else -posting.points,
        reason=Reason(posting.transfer.reason),
        claim=claim,
        origin=_origin(claim.batch) if claim else None,
    )


def _claims(member: Member | int) -> QuerySet[Claim]:
    return Claim.objects.filter(member=member).select_related("batch__brand", "batch__order__campaign")


def _origin(batch: Batch) -> Origin:
    order = getattr(batch, "order", None)
    return Origin(batch.brand, order.campaign if order else None)
