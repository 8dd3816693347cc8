"""Entries of one wallet by kind, period and place, newest first.

Each direction is asked for by itself, so that PostgreSQL walks one index from its newest end
(`ledger_posting_in`, `ledger_posting_out`) and stops when a page is full, however old the wallet is.
"""

from collections.abc import Collection
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from django.db.models import CharField, Exists, OuterRef, Q, QuerySet, Value
from django.db.models.functions import Cast, Replace, Substr

from ledger.models import Account, Hold, HoldState, LotUse, Posting, Reason
from ledger.reports.wallets import StatementEntry, with_their_story

_RELEASE = "release:"


class EntryKind(StrEnum):
    """What people look for. Each entry of a wallet is of exactly one kind."""

    RECEIVED = "received"
    USED = "used"
    SET_ASIDE = "set_aside"
    GIVEN_BACK = "given_back"
    EXPIRED = "expired"
    TAKEN_BACK = "taken_back"
    GIVEN_UP = "given_up"


class Sought(NamedTuple):
    """Which entries: None stands for all. `ends_at` is exclusive; of the brands or of the stores."""

    kind: EntryKind | None = None
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    brand_ids: Collection[int] | None = None
    store_ids: Collection[int] = ()


_CAPTURED = Q(transfer__hold__state=HoldState.CAPTURED)
_INCOMING = {
    EntryKind.RECEIVED: Q(transfer__reason__in=(Reason.CLAIM, Reason.GRANT)),
    EntryKind.GIVEN_BACK: ~Q(transfer__reason__in=(Reason.CLAIM, Reason.GRANT)),
}
_NAMED = (Reason.SPEND, Reason.HOLD, Reason.EXPIRE, Reason.FORFEIT)
_OUTGOING = {
    EntryKind.USED: Q(transfer__reason=Reason.SPEND) | Q(transfer__reason=Reason.HOLD) & _CAPTURED,
    EntryKind.SET_ASIDE: Q(transfer__reason=Reason.HOLD) & ~_CAPTURED,
    EntryKind.EXPIRED: Q(transfer__reason=Reason.EXPIRE),
    EntryKind.GIVEN_UP: Q(transfer__reason=Reason.FORFEIT),
    EntryKind.TAKEN_BACK: ~Q(transfer__reason__in=_NAMED),
}


def kind_of(told: StatementEntry) -> EntryKind:
    """The one kind of an entry, as `search_entries` finds it."""
    if told.points > 0:
        return EntryKind.RECEIVED if told.reason in (Reason.CLAIM, Reason.GRANT) else EntryKind.GIVEN_BACK
    if told.reason == Reason.HOLD:
        is_used = told.hold is not None and told.hold.state == HoldState.CAPTURED
        return EntryKind.USED if is_used else EntryKind.SET_ASIDE
    named = {
        Reason.SPEND: EntryKind.USED,
        Reason.EXPIRE: EntryKind.EXPIRED,
        Reason.FORFEIT: EntryKind.GIVEN_UP,
    }
    return named.get(told.reason, EntryKind.TAKEN_BACK)


def search_entries(
    wallet: Account, sought: Sought, *, older_than: Posting | None, size: int
) -> list[Posting]:
    """At most `size` postings for `entries_of`, the newest of those before `older_than`. Three queries: a
    narrow one for each direction, and one for what the rows of the page need.
    """
    before = Q()
    if older_than is not None:
        moment = older_than.posted_at
        before = Q(posted_at__lt=moment) | Q(posted_at=moment, pk__lt=older_than.pk)
        before &= Q(posted_at__lte=moment)
    found: list[tuple[datetime, int]] = []
    for side in _sides(wallet, sought):
        narrow = side.filter(before).order_by("-posted_at", "-pk").values_list("posted_at", "pk")
        found += narrow[:size]
    newest = [pk for _, pk in sorted(found, reverse=True)[:size]]
    rows = with_their_story(Posting.objects.filter(pk__in=newest))
    return list(rows.order_by("-posted_at", "-pk"))


def count_entries(wallet: Account, sought: Sought, *, most: int) -> int:
    """How many there are, counted no further than to `most` + 1. Two queries."""
    return min(sum(side.order_by()[: most + 1].count() for side in _sides(wallet, sought)), most + 1)


def _sides(wallet: Account, sought: Sought) -> list[QuerySet[Posting]]:
    """What came into the wallet, and what left it; one of them for a kind that is only there."""
    when = Q()
    if sought.starts_at:
        when &= Q(posted_at__gte=sought.starts_at)
    if sought.ends_at:
        when &= Q(posted_at__lt=sought.ends_at)
    sides: list[QuerySet[Posting]] = []
    if sought.kind is None or sought.kind in _INCOMING:
        which = Q() if sought.kind is None else _INCOMING[sought.kind]
        keyed = Posting.objects.alias(key_after_verb=Substr("transfer__key", len(_RELEASE) + 1))
        sides.append(keyed.filter(when, which, _came_from(wallet, sought), target=wallet))
    if sought.kind is None or sought.kind in _OUTGOING:
        which = Q() if sought.kind is None else _OUTGOING[sought.kind]
        sides.append(Posting.objects.filter(when, which, _went_to(sought), source=wallet))
    return sides


def _came_from(wallet: Account, sought: Sought) -> Q:
    """By the account of a brand at the other end, by the store of a spend that was given back, and by that
    of a hold: what gives held points back is keyed by the hold, and has no other tie to it.
    """
    if sought.brand_ids is None:
        return Q()
    # SQLite keeps the id as 32 digits, PostgreSQL writes it with hyphens.
    digits = Replace(Cast("pk", CharField()), Value("-"), Value(""))
    holds = Hold.objects.filter(_at(sought, "store"), wallet=wallet).annotate(digits=digits)
    given_back = Q(transfer__reason=Reason.RELEASE, key_after_verb__in=holds.values("digits"))
    return Q(source__brand__in=sought.brand_ids) | _used_at(sought) | given_back


def _went_to(sought: Sought) -> Q:
    if sought.brand_ids is None:
        return Q()
    return Q(target__brand__in=sought.brand_ids) | _used_at(sought) | _at(sought, "transfer__hold__store")


def _used_at(sought: Sought) -> Q:
    return Q(Exists(LotUse.objects.filter(transfer=OuterRef("transfer"), store__in=sought.store_ids)))


def _at(sought: Sought, store: str) -> Q:
    return Q(**{f"{store}__in": sought.store_ids}) | Q(**{f"{store}__brand__in": sought.brand_ids or ()})
