"""The plain content of a file, in parts: what minting, sealing and reading back need to know of any kind.

A part is made by itself, whatever was made before it, and the same bytes each time: so a file that was
interrupted goes on behind its last part, and can be compared with itself afterwards. No part is longer than
some seconds of work and some megabytes.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from giftcodes.content import RowLayout
from giftcodes.sealing import Piece

Codes = NDArray[np.bytes_]
Derive = Callable[[NDArray[np.int64]], Codes]
_SERIALS_PER_SERIES = 10**9


class Content(Protocol):
    """A whole file. `sizes` says how many codes each part brings; `ending` is that of its name."""

    ending: str
    sizes: Sequence[int]

    def part(self, place: int) -> Iterator[Piece]:
        """The bytes of that part."""
        ...


@dataclass(frozen=True, kw_only=True)
class ChannelCodes:
    """The codes of one channel, derived when they are asked for. `folder` is its name as a file may have
    it.
    """

    name: str
    folder: str
    series: int
    first_serial: int
    size: int
    layout: RowLayout
    derive: Derive


class Stretch(NamedTuple):
    """Neighbouring codes of a channel: `first` and `length` within it, `before` in the whole file."""

    channel: ChannelCodes
    first: int
    length: int
    before: int

    @property
    def first_serial(self) -> int:
        return self.channel.first_serial + self.first

    @property
    def public_serials(self) -> NDArray[np.int64]:
        """The public serial numbers: the series before nine digits."""
        first = self.channel.series * _SERIALS_PER_SERIES + self.first_serial
        return np.arange(first, first + self.length, dtype=np.int64)

    def codes(self) -> Codes:
        """The codes, as 16 digits each."""
        serials = np.arange(self.first_serial, self.first_serial + self.length, dtype=np.int64)
        return np.ascontiguousarray(self.channel.derive(serials))


def stretches(channels: Sequence[ChannelCodes], most: int) -> list[Stretch]:
    """The channels cut into stretches of at most so many codes, none across two channels."""
    found, before = [], 0
    for channel in channels:
        for first in range(0, channel.size, most):
            count = min(most, channel.size - first)
            found.append(Stretch(channel, first, count, before))
            before += count
    return found


def whole(content: Content) -> Iterator[Piece]:
    """All of its bytes."""
    for place in range(len(content.sizes)):
        yield from content.part(place)


def lines(count: int, columns: Sequence[bytes | Codes]) -> memoryview:
    """`count` lines of one width: what is the same in all of them, and arrays of what differs."""
    widths = [len(part) if isinstance(part, bytes) else part.dtype.itemsize for part in columns]
    matrix, at = np.empty((count, sum(widths)), np.uint8), 0
    for part, width in zip(columns, widths, strict=True):
        if isinstance(part, bytes):
            matrix[:, at : at + width] = np.frombuffer(part, np.uint8)
        else:
            matrix[:, at : at + width] = np.ascontiguousarray(part).view(np.uint8).reshape(count, width)
        at += width
    return matrix.reshape(-1).data.toreadonly()


def digits(numbers: NDArray[np.int64], width: int) -> Codes:
    """Each number in so many decimal digits."""
    powers = 10 ** np.arange(width - 1, -1, -1, dtype=np.int64)
    figures = (numbers[:, None] // powers % 10 + ord("0")).astype(np.uint8)
    return figures.reshape(-1).view(f"S{width}")


def grouped(codes: Codes) -> list[bytes | Codes]:
    """The columns of codes with a hyphen after each four digits."""
    quarters = codes.view("S4").reshape(-1, 4)
    first, *others = (quarters[:, place] for place in range(4))
    return [first, *(column for other in others for column in (b"-", other))]
