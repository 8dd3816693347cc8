"""Claims into the journal, in commit order, behind the claims' back: claiming pays nothing for it.

Posting ids are given out before the commit; `final_ids` knows up to which none is missing any more.
"""

import logging
from collections.abc import Callable, Collection, Container, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db.models import Q

from giftcodes import journal, restores
from giftcodes.errors import DatabaseOlder, JournalMissing
from giftcodes.gift_models import GiftVoid
from giftcodes.journal import Entry, Journal, Kind
from giftcodes.models import Claim, Void, claim_id_of, claim_key
from giftcodes.services.final_ids import final_id
from giftcodes.services.gift_ends import void_key
from giftcodes.services.gift_shipping import gift_voids, ship_gifts
from giftcodes.services.voids import VOID, VOID_REQUEST, transfer_key
from ledger.models import Posting, Reason, transfer_id_of
from parties.models import User

POSTINGS_PER_STEP = 5_000
MARK_EVERY = 10_000  # postings without a claim, before the journal says that it has seen them
_COLUMNS = ("pk", "transfer__reason", "transfer__key", "transfer__lot__expires_at")

logger = logging.getLogger(__name__)


def ship_claims(*, begin: bool) -> int:
    """Append to the claim journal what was claimed since its last line; gives back how many claims.

    Repeating it, or two at once, is harmless. `begin` allows a new journal beside claims that exist: all of
    them are shipped. Raises JournalMissing without it, JournalBusy, JournalBroken, DatabaseOlder (restored:
    replay first), SealKeyMissing, and OSError if the disk refuses; nothing is lost then, the next call goes
    on from the last line.
    """
    folder = Path(settings.CLAIM_JOURNAL_DIR)
    with journal.opened(folder) as book:
        if book.last is None:
            if not begin and (sentence := restores.empty_beside_claims(folder)):
                raise JournalMissing(sentence)
            book.append([Entry(Kind.BEGUN, 0)])
        elif not restores.stands(book.last):
            raise DatabaseOlder(restores.disagreement(folder) or "the database is older than its journal")
        until = final_posting_id()
        # Gifts behind that moment, and so all whose claims are shipped now: no claim without its gift.
        has_all_gifts = ship_gifts(folder, begin=begin)
        return _ship(book, until=until) if has_all_gifts else 0


def ship_unjournaled(
    book: Journal,
    is_journaled: Callable[[int], bool],
    journaled_voids: Container[tuple[int, int]],
    journaled_gift_voids: Collection[int],
) -> int:
    """Append every claim and withdrawal of the database that the journal does not have, in their order; gives
    back how many claims. Only while nothing else writes. A withdrawal is known by its range (`range_of`).
    """
    claims = Claim.objects.order_by("pk").values_list("pk", flat=True).iterator(chunk_size=POSTINGS_PER_STEP)
    lacking = (transfer_id_of(claim_key(claim_id)) for claim_id in claims if not is_journaled(claim_id))
    postings: list[Any] = []
    while step := list(islice(lacking, POSTINGS_PER_STEP)):
        postings += Posting.objects.filter(transfer__in=step).values_list(*_COLUMNS)
    voids = [void for void in Void.objects.select_related("batch") if range_of(void) not in journaled_voids]
    keys = list({transfer_id_of(transfer_key(void)) for void in voids})
    gifts = GiftVoid.objects.exclude(gift__in=journaled_gift_voids).values_list("gift", flat=True)
    keys += [transfer_id_of(void_key(gift_id)) for gift_id in gifts]
    postings += Posting.objects.filter(transfer__in=keys).values_list(*_COLUMNS)
    postings.sort()
    shipped = 0
    for start in range(0, len(postings), POSTINGS_PER_STEP):
        shipped += _append(book, postings[start : start + POSTINGS_PER_STEP])
    return shipped


def final_posting_id() -> int:
    """An id up to which no posting can appear any more: the newest one, unless some transaction does not end
    (then 0).
    """
    return final_id(Posting)


def mark(kind: Kind, posting_id: int) -> Entry:
    """An entry that says how far the journal has seen, without a claim."""
    if posting_id == 0:
        return Entry(kind, 0)
    transfer_id = Posting.objects.values_list("transfer_id", flat=True).get(pk=posting_id)
    return Entry(kind, posting_id, transfer=transfer_id.hex)


def _ship(book: Journal, *, until: int) -> int:
    shipped, seen = 0, book.last.entry.posting if book.last else 0
    while ids := _postings(seen, until):
        shipped += _append(book, ids)
        seen = ids[-1][0]
    if book.last and seen - book.last.entry.posting >= MARK_EVERY:
        book.append([mark(Kind.MARK, seen)])
    return shipped


def _postings(after: int, until: int) -> list[Any]:
    rows = Posting.objects.filter(pk__gt=after, pk__lte=until).order_by("pk")
    return list(rows.values_list(*_COLUMNS)[:POSTINGS_PER_STEP])


def _append(book: Journal, postings: Sequence[Any]) -> int:
    claims = list(_claims(postings))
    voids = [*_voids(postings), *gift_voids(postings)]
    if entries := sorted([*claims, *voids], key=lambda entry: entry.posting):
        book.append(entries)
    return len(claims)


def range_of(void: Void) -> tuple[int, int]:
    """The first serial number of a withdrawn range, and its end (exclusive)."""
    first = claim_id_of(void.batch.series_id, void.first_serial)
    return first, first + void.last_serial - void.first_serial + 1


def person_of(user: User) -> str:
    """A user by number and moment of joining: after a restore the number may become somebody else's."""
    return f"{user.pk}@{user.date_joined.astimezone(UTC):%Y%m%dT%H%M%S.%f}"


def _voids(postings: Sequence[Any]) -> Iterator[Entry]:
    """The withdrawals among the postings. Their reason is free text, and stays in the database."""
    voided = {key: posting_id for posting_id, reason, key, _ in postings if reason == Reason.VOID}
    # A key names a range, or a request of which all ranges share the transfer.
    of_range, of_request = (_numbers_behind(prefix, voided) for prefix in (VOID, VOID_REQUEST))
    acts = Void.objects.filter(Q(pk__in=of_range, request=None) | Q(request__in=of_request)).order_by("pk")
    for void in acts.select_related("batch__brand__program", "requested_by", "approved_by"):
        first, end = range_of(void)
        key = transfer_key(void)
        yield Entry(
            Kind.VOID,
            voided[key],
            transfer=transfer_id_of(key).hex,
            claim=first,
            batch=void.batch.public_id.hex,
            batch_end=end,
            brand=void.batch.brand.slug,
            program=void.batch.brand.program.slug,
            requested_by=person_of(void.requested_by),
            approved_by=person_of(void.approved_by),
        )


def _numbers_behind(prefix: str, keys: Iterable[str]) -> list[int]:
    rests = (key.removeprefix(prefix) for key in keys)
    return [int(rest) for rest in rests if rest.isdecimal()]


def _claims(postings: Sequence[Any]) -> Iterator[Entry]:
    """The claims among the postings, in their order. A claim transfer without its claim is the audit's to
    name.
    """
    claimed = [
        (posting_id, int(key.removeprefix("claim:")), expires_at)
        for posting_id, reason, key, expires_at in postings
        if reason == Reason.CLAIM and key.removeprefix("claim:").isdecimal()
    ]
    claims = {row[0]: row[1:] for row in _rows([claim_id for _, claim_id, _ in claimed])}
    for posting_id, claim_id, expires_at in claimed:
        if claim_id in claims and expires_at is not None:
            batch, series, first_serial, size, brand, program, member, points, at = claims[claim_id]
            yield Entry(
                Kind.CLAIM,
                posting_id,
                claim=claim_id,
                batch=batch.hex,
                batch_end=claim_id_of(series, first_serial) + size,
                brand=brand,
                program=program,
                member=member.hex,
                points=points,
                claimed_at=_moment(at),
                expires_at=_moment(expires_at),
            )


def _rows(claim_ids: Sequence[int]) -> Iterable[Any]:
    """Id, batch number, series, first serial, size, brand, program, member, points and moment of claims."""
    batch = [f"batch__{name}" for name in ("public_id", "series_id", "first_serial", "size", "brand__slug")]
    rest = ["batch__brand__program__slug", "member__public_id", "points", "claimed_at"]
    return Claim.objects.filter(pk__in=claim_ids).values_list("pk", *batch, *rest)


def _moment(instant: datetime) -> str:
    return instant.astimezone(UTC).isoformat(timespec="microseconds")
