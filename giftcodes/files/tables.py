"""Codes as text: the CSV of a batch, as the order's own file has it, and lists of claim addresses."""

from collections.abc import Iterator, Sequence

from giftcodes import content
from giftcodes.files.parts import ChannelCodes, lines, stretches
from giftcodes.sealing import Piece

_ROWS = 16_384


class Csv:
    """The rows of `giftcodes.content`, channel after channel, under one line of labels."""

    ending = "csv"

    def __init__(self, channels: Sequence[ChannelCodes]) -> None:
        self._stretches = stretches(channels, _ROWS)
        self.sizes: Sequence[int] = [stretch.length for stretch in self._stretches]

    def part(self, place: int) -> Iterator[Piece]:
        if place == 0:
            yield content.header()
        stretch = self._stretches[place]
        yield content.rows(
            stretch.codes(),
            series=stretch.channel.series,
            first_serial=stretch.first_serial,
            layout=stretch.channel.layout,
        )


class Addresses:
    """One claim address a line, the code in its fragment, which browsers send to nobody."""

    ending = "txt"

    def __init__(self, channels: Sequence[ChannelCodes]) -> None:
        self._stretches = stretches(channels, _ROWS)
        self.sizes: Sequence[int] = [stretch.length for stretch in self._stretches]

    def part(self, place: int) -> Iterator[Piece]:
        stretch = self._stretches[place]
        prefix = stretch.channel.layout.url_base.encode("ascii") + b"#c="
        yield lines(stretch.length, [prefix, stretch.codes(), b"\r\n"])
