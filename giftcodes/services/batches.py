"""The life of a batch: made at approval, activated, closed."""

import logging
import secrets
import unicodedata
import uuid
from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from django.db import transaction
from django.db.models import F

from giftcodes import keys, locking, queries
from giftcodes.errors import BatchRefused, GiftcodesError, SeriesFull
from giftcodes.models import (
    MAX_CODES_PER_BATCH,
    MAX_LIVE_CODES,
    SANDBOX_SERIES,
    SERIALS_PER_SERIES,
    Activation,
    Batch,
    BatchState,
    Channel,
    Delivery,
    Series,
)
from giftcodes.services import draws
from giftcodes.services.gift_ends import expire_all, return_points
from ledger import services as ledger
from ledger.errors import KeyReused, LedgerError
from ledger.models import MAX_POINTS, AccountKind, Reason
from ledger.services import Move
from parties import audit_log
from parties.models import Brand, User
from parties.staff_models import Act

MAX_CHANNELS = 200
_CLOSABLE = (BatchState.MINTED, BatchState.ACTIVE, BatchState.PAUSED)

logger = logging.getLogger(__name__)


class Terms(NamedTuple):
    """What a batch promises, frozen at approval. `claim_until` is exclusive; claims are counted per
    `limit_group`. With `most_points` its codes are issued one by one, as gifts of up to so many points.
    """

    face_points: int
    claim_from: datetime
    claim_until: datetime
    lot_life_days: int
    limit_per_member: int | None
    limit_group: str
    claim_url_base: str
    activation: Activation
    most_points: int | None = None


class ChannelSize(NamedTuple):
    """A channel to be made, in the order of its serials, and how many codes it gets."""

    name: str
    size: int


@transaction.atomic
def open_series(*, digit: int, at: datetime) -> Series:
    """The series of that digit (9: sandbox), made with a fresh salt under the newest master key at the first
    call.
    """
    defaults = {
        "master_key_id": keys.newest_master_key_id(),
        "salt": secrets.token_bytes(32),
        "created_at": at,
    }
    series, is_new = Series.objects.get_or_create(digit=digit, defaults=defaults)
    if is_new:  # by a command: nobody's name is known
        audit_log.record(Act.KEY_MADE, by=None, subject=series)
    return series


@transaction.atomic
def create_batch(
    *,
    order_key: str,
    brand: Brand,
    terms: Terms,
    channels: Sequence[ChannelSize],
    recipient: User,
    at: datetime,
) -> Batch:
    """Reserve the money and a range of serials for an approved order; nothing is minted yet.

    A batch that issues gifts is active at once, without a file: `recipient` gets none. One batch per
    `order_key`. Raises BatchRefused (a rule of the order), SeriesFull (density stop or no serials left),
    InsufficientPoints (the brand's funds); in each case nothing is reserved.
    """
    _refuse_unfit(terms, channels, at)
    size = sum(channel.size for channel in channels)
    public_id = uuid.uuid4()
    funds = ledger.open_funds(brand=brand, at=at)
    unclaimed = ledger.open_account(
        program=brand.program, kind=AccountKind.UNCLAIMED, label=f"unclaimed:{public_id}", brand=brand, at=at
    )
    reserve = Move(funds.pk, unclaimed.pk, terms.face_points * size)
    try:
        ledger.post_transfer(key=f"approve:{order_key}", reason=Reason.APPROVE, moves=[reserve], at=at)
    except KeyReused as error:  # another batch's account, so never the same moves
        raise BatchRefused("this order has its batch already", rule="has_batch") from error
    series, first_serial = _take_range(size, is_sandbox=brand.program.is_sandbox, at=at)
    batch = Batch(
        public_id=public_id,
        order_key=order_key,
        brand=brand,
        series=series,
        first_serial=first_serial,
        size=size,
        unclaimed=unclaimed,
        approved_at=at,
        **terms._asdict(),
    )
    keys.make_batch_key(batch)
    if batch.issues_gifts:
        batch.state, batch.minted_codes = BatchState.ACTIVE, size
        batch.minted_at = batch.activated_at = at
    batch.save(force_insert=True)
    _make_channels(batch, channels)
    if batch.issues_gifts:
        draws.cut_strands(batch)
        return batch
    Delivery.objects.create(batch=batch, recipient=recipient, salt=secrets.token_bytes(32))
    return batch


def _refuse_unfit(terms: Terms, channels: Sequence[ChannelSize], at: datetime) -> None:
    size = sum(channel.size for channel in channels)
    names = [channel.name for channel in channels]
    rules = {
        "channels": (f"an order has 1 to {MAX_CHANNELS} channels", 1 <= len(channels) <= MAX_CHANNELS),
        "channel_size": ("each channel needs at least one code", all(chan.size >= 1 for chan in channels)),
        "codes": (f"an order has 1 to {MAX_CODES_PER_BATCH:,} codes", 1 <= size <= MAX_CODES_PER_BATCH),
        "same_channel_twice": ("channel names differ", len(set(names)) == len(names)),
        "channel_name": (
            "a channel name has 1 to 40 printable characters",
            all(map(_is_channel_name, names)),
        ),
        "points": ("a code has at least 1 point", terms.face_points >= 1),
        "window": ("the claim window ends after it begins", terms.claim_from < terms.claim_until),
        "window_passed": ("the claim window ends in the future", terms.claim_until > at),
        "lot_life": ("points live for at least one day", 1 <= terms.lot_life_days <= 3_660),
        "limit": (
            "the limit per member is at least 1",
            terms.limit_per_member is None or terms.limit_per_member >= 1,
        ),
        "most_points": (
            "a gift may have as many points as one has by itself",
            terms.most_points is None or terms.face_points <= terms.most_points <= MAX_POINTS,
        ),
        "gifts_at_once": (
            "gifts have one channel, and can be claimed without anybody's opening them",
            terms.most_points is None or (len(channels) == 1 and terms.activation == Activation.AT_START),
        ),
    }
    for rule, (message, is_kept) in rules.items():
        if not is_kept:
            raise BatchRefused(message, rule=rule)


def _is_channel_name(name: str) -> bool:
    # Control, format (bidi, zero-width) and surrogate characters have no place in a file that people open.
    unprintable = any(
        unicodedata.category(char) in {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"} for char in name
    )
    return 1 <= len(name) <= 40 and name == name.strip() and not unprintable


def _take_range(size: int, *, is_sandbox: bool, at: datetime) -> tuple[Series, int]:
    """The next `size` serials of the first series with room: of the one of the sandbox, or of all others.
    Raced orders queue here, for the length of an approval.
    """
    if is_sandbox:
        open_series(digit=SANDBOX_SERIES, at=at)
    for series in Series.objects.order_by("digit"):
        if (series.digit == SANDBOX_SERIES) != is_sandbox:
            continue
        room = Series.objects.filter(
            pk=series.pk, next_serial__lte=SERIALS_PER_SERIES - size, live_codes__lte=MAX_LIVE_CODES - size
        )
        if room.update(next_serial=F("next_serial") + size, live_codes=F("live_codes") + size):
            series.refresh_from_db()
            return series, series.next_serial - size
    raise SeriesFull("no series has room for so many codes: open another one (manage.py open_series)")


def _make_channels(batch: Batch, channels: Sequence[ChannelSize]) -> None:
    first_serial = batch.first_serial
    rows = []
    for channel in channels:
        rows.append(Channel(batch=batch, name=channel.name, first_serial=first_serial, size=channel.size))
        first_serial += channel.size
    Channel.objects.bulk_create(rows)


def activate_batch(*, batch_id: int, at: datetime) -> None:
    """Open the codes of a minted batch for claiming (from the start of their window). Repeating it is
    harmless.

    BatchRefused if it is not minted yet, or closed.
    """
    if not Batch.objects.filter(pk=batch_id, state=BatchState.MINTED).update(
        state=BatchState.ACTIVE, activated_at=at
    ):
        state = Batch.objects.values_list("state", flat=True).get(pk=batch_id)
        if state != BatchState.ACTIVE:
            raise BatchRefused(f"a batch that is {state} can't be activated", rule="state")


@transaction.atomic
def close_batch(*, batch_id: int, at: datetime) -> int:
    """End a batch whose window has passed: the points of its unclaimed codes go back to the brand's funds.

    Gives back how many codes expired; repeating it is harmless. BatchRefused before the end of the window and
    before the batch is minted. Claims under way are waited for; later ones find the batch closed.
    """
    locking.own_batch(batch_id)
    batch = Batch.objects.select_related("brand__program").get(pk=batch_id)
    if batch.state == BatchState.CLOSED:
        return batch.expired_codes or 0
    if batch.state not in _CLOSABLE:
        raise BatchRefused(f"a batch that is {batch.state} can't be closed")
    if at < batch.claim_until:
        raise BatchRefused("the claim window has not ended")
    points = _end_gifts(batch, at) if batch.issues_gifts else None
    counts = queries.counts_of(batch)
    expired = counts.unclaimed + counts.expired
    if points is None:
        points = expired * batch.face_points
    closable = Batch.objects.filter(pk=batch_id, state=batch.state)
    if not closable.update(state=BatchState.CLOSED, closed_at=at, expired_codes=expired):
        raise BatchRefused("the batch has just changed its state: try again")
    return_points(batch, points=points, key=f"close:{batch.public_id}", reason=Reason.CLOSE, at=at)
    # A gift that is withdrawn stays counted as live until here: its series is a row that all batches share.
    live = batch.size - (0 if batch.issues_gifts else counts.voided)
    Series.objects.filter(pk=batch.series_id).update(live_codes=F("live_codes") - live)
    return expired


def _end_gifts(batch: Batch, at: datetime) -> int:
    """Draw all that could still be issued, and end what nobody has claimed: the points of both."""
    return draws.empty(batch.pk) + expire_all(batch, at)


def close_due_batches(*, at: datetime, limit: int = 100) -> int:
    """Close up to `limit` batches whose window has passed; gives back how many.

    One that can't be closed now (its brand's funds are full, say) is logged and doesn't hold up the others.
    """
    ended = Batch.objects.filter(state__in=_CLOSABLE, claim_until__lte=at)
    closed = 0
    for batch_id in list(ended.order_by("claim_until").values_list("pk", flat=True)[:limit]):
        try:
            close_batch(batch_id=batch_id, at=at)
            closed += 1
        except (GiftcodesError, LedgerError):
            logger.exception("Batch %s can't be closed now: the next sweep tries again.", batch_id)
    return closed
