"""Whether the rows of a file are the codes that they should be: what a printer got, or sent back.

Everything stays in memory, and what is found is told by row and serial number, never by code.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import islice
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from giftcodes import codec
from giftcodes.files.parts import ChannelCodes, stretches
from giftcodes.files.uploads import Row

MOST_CODES = 1_000_000
MOST_TOLD = 200
_BLOCK = 10_000
_IN_ADDRESS = re.compile(r"#c=([0-9]*)")
_SERIAL = re.compile(r"[1-9][0-9]{9}")


class Verdict(StrEnum):
    """What is wrong with a row."""

    DAMAGED = "damaged"  # no code of 16 digits, a wrong check digit, or two codes that differ
    FOREIGN = "foreign"  # a code, but none of these
    MISMATCH = "mismatch"  # one of these, beside the serial number of another
    DOUBLE = "double"  # one of these that an earlier row had


class Finding(NamedTuple):
    """A row that is not right. `serial` is that of its code, else the one that stands in the row."""

    row: int
    verdict: Verdict
    serial: int | None


@dataclass
class Report:
    """What was found. `missing` are stretches of serial numbers, both ends in them; lists tell the first
    `MOST_TOLD` alone, the counts all.
    """

    rows: int = 0
    right: int = 0
    counts: Counter[Verdict] = field(default_factory=Counter)
    findings: list[Finding] = field(default_factory=list)
    missing_codes: int = 0
    missing: list[tuple[int, int]] = field(default_factory=list)

    @property
    def is_right(self) -> bool:
        """Whether every row is right and none is missing."""
        return self.rows > 0 and not self.counts and not self.missing_codes


class _Read(NamedTuple):
    row: int
    code: str | None
    serial: int | None


def check(rows: Iterable[Row], channels: Sequence[ChannelCodes]) -> Report:
    """Compare the rows with the codes of the channels. ValueError beyond `MOST_CODES` of them."""
    size = sum(channel.size for channel in channels)
    if size > MOST_CODES:
        raise ValueError("too many codes to compare with")
    wanted = _Wanted(channels)
    report, seen = Report(), np.zeros(size, np.bool_)
    read = _read(rows)
    while block := list(islice(read, _BLOCK)):
        _judge(block, wanted, seen, report)
    absent = np.flatnonzero(~seen)
    report.missing_codes = len(absent)
    report.missing = list(_stretches_of(wanted.serials[absent]))
    return report


class _Wanted:
    """The codes, sorted for looking up."""

    def __init__(self, channels: Sequence[ChannelCodes]) -> None:
        cut = stretches(channels, MOST_CODES)
        self.serials = np.concatenate([stretch.public_serials for stretch in cut])
        codes = np.concatenate([stretch.codes() for stretch in cut]).astype(np.int64)
        self._order = np.argsort(codes)
        self._sorted = codes[self._order]

    def places(self, codes: list[str | None]) -> list[int]:
        """Where each code is among them, -1 for what is none of them."""
        numbers = np.array([int(code) if code else 0 for code in codes], np.int64)
        at = np.minimum(np.searchsorted(self._sorted, numbers), len(self._sorted) - 1)
        found: list[int] = np.where(self._sorted[at] == numbers, self._order[at], -1).tolist()
        return found

    def is_of_them(self, serial: int | None) -> bool:
        """Whether it is one of their serial numbers, and so may be told."""
        return serial is not None and bool(np.any(self.serials == serial))


def _judge(block: Sequence[_Read], wanted: _Wanted, seen: NDArray[np.bool_], report: Report) -> None:
    for read, place in zip(block, wanted.places([read.code for read in block]), strict=True):
        report.rows += 1
        verdict, serial = None, read.serial
        if place >= 0:
            serial = int(wanted.serials[place])
            if seen[place]:
                verdict = Verdict.DOUBLE
            elif read.serial not in (None, serial):
                verdict = Verdict.MISMATCH
            seen[place] = True
        elif read.code is None or not codec.is_check_digit_right(read.code):
            verdict = Verdict.DAMAGED
        else:
            verdict = Verdict.FOREIGN
        if verdict is None:
            report.right += 1
            continue
        report.counts[verdict] += 1
        if len(report.findings) < MOST_TOLD:
            known = serial if place >= 0 or wanted.is_of_them(serial) else None
            report.findings.append(Finding(read.row, verdict, known))


def _read(rows: Iterable[Row]) -> Iterator[_Read]:
    """Code and serial number of each row, but of a first row that has only labels."""
    for row in rows:
        codes, serials = set[str](), list[int]()
        for cell in row.cells:
            text = cell if cell.isascii() else unicodedata.normalize("NFKC", cell)
            in_address = _IN_ADDRESS.search(text)
            plain = in_address[1] if in_address else text.translate(codec.DROPPED)
            if in_address or (len(plain) == codec.CODE_DIGITS and plain.isascii() and plain.isdigit()):
                codes.add(plain)
            elif _SERIAL.fullmatch(plain):
                serials.append(int(plain))
        if row.number == 1 and not codes and not serials:
            continue
        is_one = len(codes) == 1 and all(len(code) == codec.CODE_DIGITS for code in codes)
        yield _Read(row.number, codes.pop() if is_one else None, serials[0] if len(serials) == 1 else None)


def _stretches_of(serials: NDArray[np.int64]) -> Iterator[tuple[int, int]]:
    if not len(serials):
        return
    breaks = np.flatnonzero(np.diff(serials) != 1)
    firsts = serials[np.concatenate([[0], breaks + 1])]
    lasts = serials[np.concatenate([breaks, [len(serials) - 1]])]
    yield from list(zip(firsts.tolist(), lasts.tolist(), strict=True))[:MOST_TOLD]
