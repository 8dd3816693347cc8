"""Gifts into their journal, and their withdrawals into that of the claims. What partners wrote about a gift,
its recipient and metadata, stays in the database.
"""

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from django.db.models import Max, Q, QuerySet

from giftcodes import journal, restores
from giftcodes.errors import DatabaseOlder, JournalMissing
from giftcodes.gift_models import Gift, GiftRequest, GiftVoid
from giftcodes.journal import Entry, Journal, Kind
from giftcodes.services.final_ids import final_id
from giftcodes.services.gift_ends import void_key
from ledger.models import Reason, transfer_id_of

GIFTS_PER_STEP = 2_000
_NAMED = ("batch__brand__program", "request__client")


def ship_gifts(folder: Path, *, begin: bool) -> bool:
    """Append to the journal of gifts what was issued since its last line; whether that is all there was at
    the call, as nobody's transaction hides some.

    As `ship_claims`, which calls it; raises what that does.
    """
    with journal.opened(restores.gifts_folder(folder)) as book:
        if book.last is None:
            if not begin and Gift.objects.exists():
                raise JournalMissing(f"there are gifts, but no journal of them in {folder}")
            book.append([Entry(Kind.BEGUN, 0)])
        elif not restores.gift_stands(book.last):
            raise DatabaseOlder("the database is older than its journal of gifts")
        until = final_id(GiftRequest)
        _ship(book, until=until)
        return until > 0 or not GiftRequest.objects.exists()


def ship_unjournaled_gifts(book: Journal, is_journaled: Callable[[int], bool]) -> None:
    """Append every gift of the database that its journal does not have. Only while nothing else writes."""
    entries: list[Entry] = []
    for gift in _in_order(Gift.objects.all()).iterator(chunk_size=GIFTS_PER_STEP):
        if not is_journaled(gift.pk):
            entries.append(_entry(gift))
        if len(entries) == GIFTS_PER_STEP:
            book.append(entries)
            entries = []
    if entries:
        book.append(entries)


def release_gifts(book: Journal) -> None:
    """From here on request ids count anew."""
    newest = GiftRequest.objects.aggregate(newest=Max("pk"))["newest"] or 0
    digest = GiftRequest.objects.get(pk=newest).key_digest if newest else ""
    # `transfer` names the request, as no line of this kind has a field for it.
    book.append([Entry(Kind.RESTORED, newest, transfer=digest)])


def gift_voids(postings: Sequence[Any]) -> Iterator[Entry]:
    """The withdrawals of gifts among the postings."""
    prefix = void_key(0).removesuffix("0")
    voided = {
        int(key.removeprefix(prefix)): posting_id
        for posting_id, reason, key, _ in postings
        if reason == Reason.VOID and key.startswith(prefix) and key.removeprefix(prefix).isdecimal()
    }
    voids = GiftVoid.objects.filter(gift__in=voided).select_related("gift__batch", "client")
    for void in voids:
        yield Entry(
            Kind.GIFT_VOID,
            voided[void.gift_id],
            transfer=transfer_id_of(void_key(void.gift_id)).hex,
            claim=void.gift_id,
            batch=void.gift.batch.public_id.hex,
            client=void.client.public_id.hex,
        )


def _ship(book: Journal, *, until: int) -> None:
    while book.last is not None:
        last = book.last.entry
        # Within a request the places go on where a write was torn.
        behind = Q(request__gt=last.posting)
        if last.kind == Kind.GIFT:
            behind |= Q(request=last.posting, position__gt=last.position)
        rows = _in_order(Gift.objects.filter(behind, request__gte=last.posting, request__lte=until))
        entries = [_entry(gift) for gift in rows[:GIFTS_PER_STEP]]
        if not entries:
            break
        book.append(entries)


def _in_order(gifts: QuerySet[Gift]) -> QuerySet[Gift]:
    return gifts.select_related(*_NAMED).order_by("request_id", "position")


def _entry(gift: Gift) -> Entry:
    batch, request = gift.batch, gift.request
    return Entry(
        Kind.GIFT,
        gift.request_id,
        claim=gift.pk,
        batch=batch.public_id.hex,
        batch_end=batch.end_claim_id,
        brand=batch.brand.slug,
        program=batch.brand.program.slug,
        points=gift.points,
        claimed_at=_moment(gift.issued_at),
        expires_at=_moment(gift.claim_until),
        gift=gift.public_id.hex,
        client=request.client.public_id.hex,
        key_digest=request.key_digest,
        fingerprint=request.fingerprint,
        gifts=request.gifts,
        position=gift.position,
    )


def _moment(instant: datetime) -> str:
    return instant.astimezone(UTC).isoformat(timespec="microseconds")
