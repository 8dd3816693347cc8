"""The rules that an order keeps, as pure functions: a form asks them while somebody types, the services
decide by them.
"""

import unicodedata
from collections.abc import Sequence
from datetime import datetime

from campaigns.errors import (
    LotLifeOutOfRange,
    MostPointsTooFew,
    NoCodes,
    OneChannelNeeded,
    OpenedByHand,
    PointsOutOfRange,
    SameChannelTwice,
    TooManyChannels,
    TooManyCodes,
    WindowBackwards,
    WindowOutsideCampaign,
    WindowPassed,
)
from campaigns.models import MAX_LOT_LIFE_DAYS, Issuing
from giftcodes.models import MAX_CODES_PER_BATCH, Activation
from ledger.models import MAX_POINTS

MAX_CHANNELS = 200
Span = tuple[datetime, datetime]


def refuse_bad_quantities(*, face_points: int, quantities: Sequence[int]) -> None:
    """NoCodes, TooManyChannels, TooManyCodes, PointsOutOfRange."""
    codes = sum(quantities)
    if not quantities or min(quantities) < 1:
        raise NoCodes
    if len(quantities) > MAX_CHANNELS:
        raise TooManyChannels
    if codes > MAX_CODES_PER_BATCH:
        raise TooManyCodes(codes)
    if not 0 < face_points * codes <= MAX_POINTS:
        raise PointsOutOfRange


def refuse_same_names(names: Sequence[str]) -> None:
    """SameChannelTwice; wide and narrow forms of a letter are one (NFKC)."""
    if len({unicodedata.normalize("NFKC", name) for name in names}) < len(names):
        raise SameChannelTwice


def refuse_bad_issuing(
    *,
    issuing: Issuing,
    face_points: int,
    most_points: int | None,
    channels: int,
    activation: Activation = Activation.AT_START,
) -> None:
    """Of an order for the API: MostPointsTooFew, OneChannelNeeded, OpenedByHand."""
    if issuing != Issuing.API:
        return
    if most_points is None or most_points < face_points:
        raise MostPointsTooFew
    if channels != 1:
        raise OneChannelNeeded
    if activation != Activation.AT_START:
        raise OpenedByHand


def refuse_bad_lot_life(days: int) -> None:
    """LotLifeOutOfRange."""
    if not 1 <= days <= MAX_LOT_LIFE_DAYS:
        raise LotLifeOutOfRange


def refuse_bad_window(*, window: Span, period: Span, at: datetime) -> None:
    """WindowBackwards, WindowPassed, WindowOutsideCampaign; ends are exclusive."""
    if window[1] <= window[0]:
        raise WindowBackwards
    if window[1] <= at:
        raise WindowPassed
    if window[0] < period[0] or window[1] > period[1]:
        raise WindowOutsideCampaign(window=window, period=period)
