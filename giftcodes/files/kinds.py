"""The kinds of deliveries, and what each makes of the codes of an order."""

import re
from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from giftcodes.files.archives import Archive, Files, Member
from giftcodes.files.parts import ChannelCodes, Content
from giftcodes.files.pictures import qr_pictures
from giftcodes.files.sheets import CODES_PER_SHEETS, PAPERS, Sheets, Words, sheet_files
from giftcodes.files.tables import Addresses, Csv
from giftcodes.files.workbooks import MAX_ROWS, workbook

CSV, XLSX, ADDRESSES = "csv", "xlsx", "urls"
QR_PNG, QR_SVG, LABELS, CARDS = "qr_png", "qr_svg", "labels", "cards"
# As many codes as a kind can have: what a sheet has rows, what a folder bears, what anybody prints by hand.
MOST_CODES = {
    CSV: 10_000_000,
    XLSX: MAX_ROWS,
    ADDRESSES: 10_000_000,
    QR_PNG: 200_000,
    QR_SVG: 100_000,
    LABELS: 10_000,
    CARDS: 10_000,
}
_PRINTED = (LABELS, CARDS)
_NOT_IN_NAMES = re.compile(r'[\\/:*?"<>|\x00-\x1f]')


class Wanted(NamedTuple):
    """A delivery's content: `number` and `recipient` stand in it as its watermark, `words` on printed sheets.
    `made_at` is a wall-clock time.
    """

    kind: str
    by_channel: bool
    number: str
    recipient: str
    made_at: datetime
    words: Words


def content_of(wanted: Wanted, channels: Sequence[ChannelCodes]) -> Content:
    """What will be sealed. ValueError if it is more than its kind can have."""
    if sum(channel.size for channel in channels) > MOST_CODES[wanted.kind]:
        raise ValueError(f"too many codes for {wanted.kind}")
    about = [f"Delivery {wanted.number}", f"Made for {wanted.recipient}"]
    note = Files([0], lambda _place: iter([("ABOUT.txt", "\r\n".join([*about, ""]).encode())]))
    files: list[Files | Member]
    if wanted.kind in (QR_PNG, QR_SVG):
        comment = re.sub("-(?=-)", "- ", f"{about[0]}, made for {wanted.recipient}")  # XML has no -- in one
        files = [qr_pictures(channels, "png" if wanted.kind == QR_PNG else "svg", comment=comment)]
    elif wanted.kind in _PRINTED:
        paper = PAPERS[wanted.kind]
        if not wanted.by_channel and sum(channel.size for channel in channels) <= CODES_PER_SHEETS:
            return Sheets(channels, paper, wanted.words)
        files = [sheet_files(channels, paper, wanted.words, in_folders=wanted.by_channel)]
    elif wanted.by_channel:
        files = [_member(wanted, channel, about) for channel in channels]
    else:
        return _table(wanted, channels, about)
    return Archive([note, *files], modified_at=wanted.made_at)


def _member(wanted: Wanted, channel: ChannelCodes, about: Sequence[str]) -> Member:
    table = _table(wanted, [channel], about)
    return Member(f"{channel.folder}/codes.{table.ending}", table)


def _table(wanted: Wanted, channels: Sequence[ChannelCodes], about: Sequence[str]) -> Content:
    if wanted.kind == XLSX:
        return workbook(channels, about=about, made_at=wanted.made_at)
    return Addresses(channels) if wanted.kind == ADDRESSES else Csv(channels)


def folder_of(place: int, channel: str) -> str:
    """A name that every file system takes, and no two channels of an order share: `place` counts from one."""
    # The number in front keeps clear of names that Windows reserves; it drops dots and spaces at the end.
    return f"{place:03d} {_NOT_IN_NAMES.sub('_', channel)}".rstrip(". ")
