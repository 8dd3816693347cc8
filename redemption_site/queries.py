"""What the pages show: campaigns by address, one claimed code, wallets with their lots and history."""

import unicodedata
from datetime import datetime
from typing import NamedTuple

from django.db.models import F, Q, QuerySet, Sum

from campaigns.models import Campaign, KnownBy
from giftcodes.models import Batch, Claim, Void
from ledger import queries as ledger_queries
from ledger import reports
from ledger.models import Account, AccountKind, Hold, HoldState, Lot, Posting, Reason
from ledger.reports import Sought, StatementEntry, Story
from parties.models import Brand, Member, Program, Store

LOTS_SHOWN = 50
ENTRIES_SHOWN = 50
MOST_COUNTED = 1_000
MOST_PLACES = 200
EVERYTHING = Sought()


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


class End(NamedTuple):
    """Points that can be used until the same exclusive instant."""

    points: int
    expires_at: datetime


class Holdings(NamedTuple):
    """A wallet at an instant: `usable_points` and `lots` are not expired; `ends` are the next two instants at
    which some of them will be. `held_points` are set aside for checkouts, and in no lot until they come back.
    """

    wallet: Account
    usable_points: int
    held_points: int
    ends: list[End]
    lots: list[Lot]
    more_lots: int
    expired_lots: list[Lot]


class Entry(NamedTuple):
    """A line of a wallet's history. `points` carry their sign; claim and origin are known for claims, `told`
    is the ledger's own entry.
    """

    posting_id: int
    posted_at: datetime
    points: int
    reason: Reason
    claim: Claim | None
    origin: Origin | None
    told: StatementEntry

    @property
    def what(self) -> str:
        """What happened, as a word that the page has a text for."""
        if self.reason == Reason.REVERSE:
            return "given_back" if self.points > 0 else "taken_back"
        if self.reason == Reason.HOLD and self.told.hold and self.told.hold.state == HoldState.CAPTURED:
            return "checkout"
        return self.reason.value


class HistoryPage(NamedTuple):
    """Entries, newest first, and the posting id before which the next page begins (None at the end)."""

    entries: list[Entry]
    older_than: int | None


class EntryPage(NamedTuple):
    """One entry with its story; `related` are the wallet's other entries about the same points."""

    entry: Entry
    story: Story
    related: list[Entry]


class Places(NamedTuple):
    """Keys of brands and stores."""

    brand_ids: list[int]
    store_ids: list[int]


def campaign_at(slug: str) -> Campaign | None:
    """The campaign whose page has that address, if the page is public."""
    public = Campaign.objects.filter(published_at__isnull=False)
    return public.filter(slug=slug).select_related("brand").first()


def campaign_by_number(slug: str) -> Campaign | None:
    """The campaign of that public page, if its members are known by a number and the brand has a pattern for
    it; looked up each time, so that the brand can go back to the sign-in at once.
    """
    asks = Campaign.objects.filter(known_by=KnownBy.MEMBERSHIP_NUMBER, brand__number_pattern__isnull=False)
    asks = asks.filter(published_at__isnull=False)
    return asks.filter(slug=slug).select_related("brand__program", "brand__number_pattern").first()


def asks_for_number(campaign: Campaign) -> bool:
    """Whether the page of the campaign asks for a membership number instead of a sign-in."""
    return campaign.known_by == KnownBy.MEMBERSHIP_NUMBER and hasattr(campaign.brand, "number_pattern")


def is_stopped(campaign: Campaign) -> bool:
    """Whether all codes of the campaign were withdrawn, but for those that had been claimed.

    Nothing is counted: this is asked on every visit, and most campaigns have no withdrawn range.
    """
    spans = F("last_serial") - F("first_serial") + 1  # no two ranges of a batch overlap
    withdrawn = Void.objects.filter(batch__order__campaign=campaign).aggregate(codes=Sum(spans))["codes"]
    if not withdrawn:
        return False
    batches = Batch.objects.filter(order__campaign=campaign)
    return bool(withdrawn == batches.aggregate(codes=Sum("size"))["codes"])


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
    ends = live.order_by("expires_at").values_list("expires_at").annotate(points=Sum("remaining_points"))
    held = Hold.objects.filter(wallet=wallet, state=HoldState.OPEN).aggregate(points=Sum("points"))
    return Holdings(
        wallet=wallet,
        usable_points=(wallet.balance or 0) - gone,
        held_points=held["points"] or 0,
        ends=[End(points, expires_at) for expires_at, points in ends[:2]],
        lots=shown,
        more_lots=live.count() - len(shown) if len(shown) == LOTS_SHOWN else 0,
        expired_lots=list(expired.order_by("-expires_at")[:LOTS_SHOWN]),
    )


def history_page(
    wallet: Account, *, older_than: int | None, size: int, sought: Sought = EVERYTHING
) -> HistoryPage | None:
    """`size` entries of those that are sought, the newest before the posting `older_than`; None if the wallet
    has no such posting.
    """
    edge = None
    if older_than is not None:
        edge = reports.postings_of(wallet).filter(pk=older_than).first()
        if edge is None:
            return None
    rows = reports.search_entries(wallet, sought, older_than=edge, size=size + 1)
    claims = _claims_behind(wallet, rows[:size])
    entries = [_entry(told, claims) for told in reports.entries_of(wallet, rows[:size])]
    return HistoryPage(entries, entries[-1].posting_id if len(rows) > size else None)


def entry_page(wallet: Account, posting_id: int) -> EntryPage | None:
    """The entry that this posting made in the wallet, with all that is known; None if it made none there."""
    story = reports.story_of(wallet, posting_id)
    if story is None:
        return None
    told = [story.told, *story.related]
    claims = _claims_behind(wallet, [entry.posting for entry in told])
    entry, *related = [_entry(entry, claims) for entry in told]
    return EntryPage(entry, story, related)


def places_named(program: Program, text: str) -> Places:
    """Brands and stores of the program with that text in their name, in any width of its letters; at most
    `MOST_PLACES` of each, and one more if there are more.
    """
    named = Q(name__icontains=text) | Q(name__icontains=unicodedata.normalize("NFKC", text))
    brands = Brand.objects.filter(named, program=program).values_list("pk", flat=True)
    stores = Store.objects.filter(named, brand__program=program).values_list("pk", flat=True)
    return Places(list(brands[: MOST_PLACES + 1]), list(stores[: MOST_PLACES + 1]))


def _claims_behind(wallet: Account, postings: list[Posting]) -> dict[object, Claim]:
    """The claims that made these postings, by transfer: a claim and its transfer share their instant."""
    moments = [posting.posted_at for posting in postings if posting.transfer.reason == Reason.CLAIM]
    if wallet.member_id is None or not moments:
        return {}
    claims = _claims(wallet.member_id).filter(claimed_at__in=moments)
    return {claim.transfer_id: claim for claim in claims}


def _entry(told: StatementEntry, claims: dict[object, Claim]) -> Entry:
    claim = claims.get(told.posting.transfer_id)
    return Entry(
        posting_id=told.posting.pk,
        posted_at=told.posting.posted_at,
        points=told.points,
        reason=told.reason,
        claim=claim,
        origin=_origin(claim.batch) if claim else None,
        told=told,
    )


def _claims(member: Member | int) -> QuerySet[Claim]:
    return Claim.objects.filter(member=member).select_related("batch__brand", "batch__order__campaign")


def _origin(batch: Batch) -> Origin:
    order = getattr(batch, "order", None)
    return Origin(batch.brand, order.campaign if order else None)
