"""What the code engine can be asked. Nothing here changes a row, and nothing gives a code back."""

from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple

from django.db import models
from django.db.models import Count, QuerySet, Sum
from django.utils.translation import gettext_lazy as _

from giftcodes import codec, directory
from giftcodes.gift_models import Gift, GiftState
from giftcodes.models import (
    MAX_LIVE_CODES,
    SANDBOX_SERIES,
    SERIALS_PER_SERIES,
    WARN_LIVE_CODES,
    Batch,
    BatchState,
    Channel,
    Claim,
    Series,
    Void,
    claim_id_of,
)
from parties.models import Member


class BatchCounts(NamedTuple):
    """The codes of a batch, in codes: size = unclaimed + claimed + voided + expired (invariant 11)."""

    size: int
    claimed: int
    voided: int
    expired: int

    @property
    def unclaimed(self) -> int:
        return self.size - self.claimed - self.voided - self.expired


class SeriesOutlook(NamedTuple):
    """What a series would look like with some more codes: its live codes, and how the density stop and
    warning see it.
    """

    live_codes: int
    is_full: bool
    is_warning: bool


class SerialState(models.TextChoices):
    """What support is told of one code."""

    CLAIMED = "claimed", _("claimed")
    VOID = "void", _("withdrawn")
    EXPIRED = "expired", _("expired")
    NOT_ACTIVE = "not_active", _("not active yet")
    PAUSED = "paused", _("paused")
    NOT_ISSUED = "not_issued", _("not issued yet")
    UNCLAIMED = "unclaimed", _("unclaimed")


class SerialStatus(NamedTuple):
    """One code by its public serial number. `claim` tells when and by whom; `voided_at` stays None if it was
    spared.
    """

    serial_number: int
    batch: Batch
    channel: Channel
    state: SerialState
    claim: Claim | None
    voided_at: datetime | None
    gift: Gift | None

    @property
    def points(self) -> int:
        return self.batch.face_points if self.gift is None else self.gift.points

    @property
    def claim_until(self) -> datetime:
        return self.batch.claim_until if self.gift is None else self.gift.claim_until


def claim_of(member: Member, claim_id: int) -> Claim | None:
    """The claim of that code, if this member made it."""
    return Claim.objects.filter(pk=claim_id, member=member).first()


def claims_between(batch: Batch, first_serial: int, last_serial: int) -> int:
    """How many codes of the range (both ends within it) are claimed; a scan of the primary key."""
    start = batch.first_claim_id - batch.first_serial
    return Claim.objects.filter(pk__gte=start + first_serial, pk__lte=start + last_serial).count()


def counts_of(batch: Batch) -> BatchCounts:
    """Where the codes of the batch are now. Gifts that expired before their batch are counted as expired."""
    if batch.issues_gifts:
        return _counts_of_gifts(batch)
    claimed = Claim.objects.filter(pk__gte=batch.first_claim_id, pk__lt=batch.end_claim_id).count()
    voided = Void.objects.filter(batch=batch).aggregate(codes=Sum("codes"))["codes"] or 0
    return BatchCounts(size=batch.size, claimed=claimed, voided=voided, expired=batch.expired_codes or 0)


def counts_of_closed(closed: Iterable[Batch]) -> list[BatchCounts]:
    """The same of closed batches, without a look at the claims of files: at its end a code was claimed,
    voided or has expired.
    """
    batches = list(closed)
    files = [batch.pk for batch in batches if not batch.issues_gifts]
    voids = Void.objects.filter(batch__in=files).order_by().values_list("batch")
    voided = dict(voids.annotate(total=Sum("codes")))
    return [
        counts_of(batch) if batch.issues_gifts else _at_its_end(batch, voided.get(batch.pk, 0))
        for batch in batches
    ]


def _at_its_end(batch: Batch, voided: int) -> BatchCounts:
    expired = batch.expired_codes or 0
    return BatchCounts(batch.size, batch.size - voided - expired, voided, expired)


def _counts_of_gifts(batch: Batch) -> BatchCounts:
    states = dict(gifts_in_range(batch).order_by().values_list("state").annotate(Count("pk")))
    return BatchCounts(
        size=batch.size,
        claimed=states.get(GiftState.CLAIMED, 0),
        voided=states.get(GiftState.VOIDED, 0),
        expired=states.get(GiftState.EXPIRED, 0) if batch.expired_codes is None else batch.expired_codes,
    )


def gifts_in_range(batch: Batch) -> QuerySet[Gift]:
    """All that the batch has issued, by a scan of the primary key."""
    return Gift.objects.filter(pk__gte=batch.first_claim_id, pk__lt=batch.end_claim_id)


def outlook(codes: int, *, is_sandbox: bool = False) -> SeriesOutlook:
    """The series that `codes` more codes would come from, after them."""
    rows = (
        Series.objects.order_by("digit").filter(digit=SANDBOX_SERIES)
        if is_sandbox
        else (Series.objects.order_by("digit").exclude(digit=SANDBOX_SERIES))
    )
    live = [series.live_codes + codes for series in rows] or [codes]
    best = next((count for count in live if count <= MAX_LIVE_CODES), min(live))
    return SeriesOutlook(live_codes=best, is_full=best > MAX_LIVE_CODES, is_warning=best > WARN_LIVE_CODES)


def batch_of_serial(serial_number: int) -> Batch | None:
    """The batch whose range holds the public serial number (ten digits: series, then serial)."""
    digit, serial = divmod(serial_number, SERIALS_PER_SERIES)
    if not 1 <= digit <= 9:
        return None
    batch = Batch.objects.filter(series_id=digit, first_serial__lte=serial).order_by("-first_serial").first()
    return batch if batch is not None and serial < batch.first_serial + batch.size else None


def points_of_serial(batch: Batch, serial_number: int) -> int:
    """What that code of the batch is worth."""
    points = Gift.objects.filter(pk=serial_number).values_list("points", flat=True).first()
    return batch.face_points if points is None else points


def unminted_batch_ids(*, limit: int) -> list[int]:
    """Batches whose file is not finished yet, the oldest first, at most `limit`."""
    unminted = Batch.objects.filter(state__in=[BatchState.APPROVED, BatchState.MINTING])
    return list(unminted.order_by("approved_at", "pk").values_list("pk", flat=True)[:limit])


def serial_number_of(text: object) -> int | None:
    """The public serial number of the code that somebody typed, None if no such code was issued. NotACode,
    KeysMissing.
    """
    code = codec.normalise(text)
    found = directory.find(code)
    return None if found is None else claim_id_of(int(code[0]), found[0])


def status_of_serial(serial_number: int, *, at: datetime) -> SerialStatus | None:
    """What is known of the code at the instant `at`, None if the serial number was never issued."""
    batch = batch_of_serial(serial_number)
    if batch is None:
        return None
    serial = serial_number % SERIALS_PER_SERIES
    claim = Claim.objects.select_related("member").filter(pk=serial_number).first()
    void = Void.objects.filter(batch=batch, first_serial__lte=serial, last_serial__gte=serial).first()
    channel = Channel.objects.filter(batch=batch, first_serial__lte=serial).order_by("-first_serial")[0]
    gift = Gift.objects.filter(pk=serial_number).first() if batch.issues_gifts else None
    return SerialStatus(
        serial_number=serial_number,
        batch=batch,
        channel=channel,
        state=_state_of_gift(batch, gift, at) if batch.issues_gifts else _state_of(batch, claim, void, at),
        claim=claim,
        voided_at=_voided_at(claim, void, gift),
        gift=gift,
    )


def _voided_at(claim: Claim | None, void: Void | None, gift: Gift | None) -> datetime | None:
    if gift is not None and gift.state == GiftState.VOIDED:
        return gift.ended_at
    return void.voided_at if void is not None and claim is None else None


def _state_of_gift(batch: Batch, gift: Gift | None, at: datetime) -> SerialState:
    if gift is None:
        return SerialState.NOT_ISSUED
    if gift.state == GiftState.ISSUED:
        is_over = at >= gift.claim_until
        return SerialState.EXPIRED if is_over else _state_of(batch, None, None, at)
    ended = {GiftState.CLAIMED: SerialState.CLAIMED, GiftState.VOIDED: SerialState.VOID}
    return ended.get(GiftState(gift.state), SerialState.EXPIRED)


def _state_of(batch: Batch, claim: Claim | None, void: Void | None, at: datetime) -> SerialState:
    if claim is not None:
        return SerialState.CLAIMED
    if void is not None:
        return SerialState.VOID
    if batch.state == BatchState.CLOSED or at >= batch.claim_until:
        return SerialState.EXPIRED
    if batch.state == BatchState.PAUSED:
        return SerialState.PAUSED
    if batch.state != BatchState.ACTIVE or at < batch.claim_from:
        return SerialState.NOT_ACTIVE
    return SerialState.UNCLAIMED
