"""What withdrawing codes would do. Nothing here changes a row.

However many serial numbers are named, each question is asked of the database once, or once per five hundred
of them, and never once per code.
"""

import hashlib
import json
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from django.db.models import QuerySet

from giftcodes import queries
from giftcodes.models import SERIALS_PER_SERIES, Batch, Claim, Void
from giftcodes.void_models import VoidRequest

_FEW_SPANS = 100  # up to here each is counted by itself
_FEW_CODES = 20_000  # up to here claims are looked up by their keys
_KEYS_PER_LOOKUP = 500


class Span(NamedTuple):
    """Serials of one batch, both ends included."""

    first: int
    last: int

    @property
    def codes(self) -> int:
        return self.last - self.first + 1


class VoidEffect(NamedTuple):
    """What withdrawing does, in codes: so many are withdrawn, so many are claimed and stay, so many were
    withdrawn before. `points` go back to the brand's funds.
    """

    codes: int
    claimed: int
    void_before: int
    points: int


class OpenSpan(NamedTuple):
    """A part of what was named that no earlier withdrawal covers, and how many of its codes are claimed."""

    span: Span
    claimed: int


def spans_of(serials: Iterable[int]) -> list[Span]:
    """The fewest spans that hold exactly these serials, in order."""
    spans: list[Span] = []
    for serial in sorted(set(serials)):
        if spans and serial == spans[-1].last + 1:
            spans[-1] = Span(spans[-1].first, serial)
        else:
            spans.append(Span(serial, serial))
    return spans


def serial_in(batch: Batch, serial_number: int) -> int | None:
    """The serial within its series of a public serial number, if it is one of the batch's."""
    is_inside = batch.first_claim_id <= serial_number < batch.end_claim_id
    return serial_number % SERIALS_PER_SERIES if is_inside else None


def open_spans(batch: Batch, spans: Sequence[Span]) -> list[OpenSpan]:
    """The parts of `spans` (in order, apart from each other) that can be withdrawn, with what is claimed."""
    parts = list(_not_yet_void(batch, spans))
    return [OpenSpan(part, claimed) for part, claimed in zip(parts, _claimed(batch, parts), strict=True)]


def effect_of(batch: Batch, spans: Sequence[Span]) -> VoidEffect:
    """What withdrawing `spans` would do now; claims may come in between."""
    return effect_of_open(batch, spans, open_spans(batch, spans))


def effect_of_open(batch: Batch, spans: Sequence[Span], parts: Sequence[OpenSpan]) -> VoidEffect:
    """The same, for parts that were looked up before."""
    named = sum(span.codes for span in spans)
    still_open = sum(part.span.codes for part in parts)
    claimed = sum(part.claimed for part in parts)
    return VoidEffect(
        codes=still_open - claimed,
        claimed=claimed,
        void_before=named - still_open,
        points=(still_open - claimed) * batch.face_points,
    )


def spans_asked(request: VoidRequest) -> list[Span]:
    """What the request names, in order."""
    rows = request.spans.order_by("first_serial").values_list("first_serial", "last_serial")
    return [Span(first, last) for first, last in rows]


def fingerprint_of(request: VoidRequest, spans: Sequence[Span]) -> str:
    """SHA-256, in hex, of what is asked for: the serials of the batch and the reason, who asked, and the
    number of the request; JSON with sorted keys, no spaces, in UTF-8.
    """
    content = {
        "batch": request.batch.public_id.hex,
        "public_id": request.public_id.hex,
        "reason": request.reason,
        "requested_by": request.requested_by_id,
        "spans": [list(span) for span in spans],
    }
    canonical = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(canonical.encode()).hexdigest()


def void_of(batch: Batch, serial: int) -> Void | None:
    """The withdrawal that covers the serial; whether it withdrew the code or spared it, the claim tells."""
    people = ("requested_by", "approved_by", "request")
    covers = Void.objects.filter(batch=batch, first_serial__lte=serial, last_serial__gte=serial)
    return covers.select_related(*people).first()


def requests_about(batch: Batch, serial: int) -> QuerySet[VoidRequest]:
    """Every request that names the serial, whatever became of it, the oldest first."""
    named = VoidRequest.objects.filter(
        batch=batch, spans__first_serial__lte=serial, spans__last_serial__gte=serial
    )
    return named.select_related("requested_by", "decided_by", "channel").order_by("requested_at", "pk")


def requests_of(batch: Batch | None) -> QuerySet[VoidRequest]:
    """All requests about codes of the batch, the newest first; none of no batch."""
    asked = VoidRequest.objects.none() if batch is None else VoidRequest.objects.filter(batch=batch)
    return asked.select_related("channel").order_by("-requested_at", "-pk")


def withdrawn_by_channel(request_id: int) -> dict[str, int]:
    """How many codes an approved request withdrew of each channel that it reached, in the file's order."""
    voids = list(Void.objects.filter(request=request_id).select_related("batch").order_by("first_serial"))
    if not voids:
        return {}
    batch, found = voids[0].batch, {}
    for channel in batch.channels.order_by("first_serial"):
        end = channel.first_serial + channel.size - 1
        parts = [
            Span(max(void.first_serial, channel.first_serial), min(void.last_serial, end))
            for void in voids
            if void.first_serial <= end and void.last_serial >= channel.first_serial
        ]
        codes = sum(part.codes for part in parts) - sum(_claimed(batch, parts))
        if codes:
            found[channel.name] = codes
    return found


def _not_yet_void(batch: Batch, spans: Sequence[Span]) -> Iterator[Span]:
    """One pass over the spans and one over the voids that lie between their ends, both in order."""
    if not spans:
        return
    touching = Void.objects.filter(
        batch=batch, last_serial__gte=spans[0].first, first_serial__lte=spans[-1].last
    )
    voids = [
        Span(*row) for row in touching.order_by("first_serial").values_list("first_serial", "last_serial")
    ]
    place = 0
    for first, last in spans:
        while place < len(voids) and voids[place].last < first:
            place += 1
        rest, ahead = first, place
        while ahead < len(voids) and voids[ahead].first <= last:
            if rest < voids[ahead].first:
                yield Span(rest, voids[ahead].first - 1)
            rest = voids[ahead].last + 1
            ahead += 1
        if rest <= last:
            yield Span(rest, last)


def _claimed(batch: Batch, spans: Sequence[Span]) -> list[int]:
    """How many codes of each span are claimed."""
    if len(spans) <= _FEW_SPANS:
        return [queries.claims_between(batch, span.first, span.last) for span in spans]
    counts, firsts = [0] * len(spans), [span.first for span in spans]
    for serial in _claimed_serials(batch, spans):
        place = bisect_right(firsts, serial) - 1
        if place >= 0 and serial <= spans[place].last:
            counts[place] += 1
    return counts


def _claimed_serials(batch: Batch, spans: Sequence[Span]) -> Iterator[int]:
    """Claimed serials in the spans, and possibly some between them."""
    zero = batch.first_claim_id - batch.first_serial
    if sum(span.codes for span in spans) > _FEW_CODES:
        between = Claim.objects.filter(pk__gte=zero + spans[0].first, pk__lte=zero + spans[-1].last)
        yield from (pk - zero for pk in between.values_list("pk", flat=True).iterator(chunk_size=10_000))
        return
    keys = [zero + serial for span in spans for serial in range(span.first, span.last + 1)]
    for start in range(0, len(keys), _KEYS_PER_LOOKUP):
        some = Claim.objects.filter(pk__in=keys[start : start + _KEYS_PER_LOOKUP])
        yield from (pk - zero for pk in some.values_list("pk", flat=True))
