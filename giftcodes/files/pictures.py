"""QR codes of claim addresses as pictures, in a folder per channel, named by serial number."""

from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Literal

import numpy as np

from giftcodes.files.archives import Files
from giftcodes.files.parts import ChannelCodes, stretches
from giftcodes.qr_codes import QUIET_MODULES, Modules, QrCodes

Run = tuple[int, int, int]
_PICTURES = 1_000


def qr_pictures(channels: Sequence[ChannelCodes], kind: Literal["png", "svg"], *, comment: str) -> Files:
    """One picture per code, and `comment` in each of them, which has no two hyphens beside each other."""
    cut = stretches(channels, _PICTURES)

    def part(place: int) -> Iterator[tuple[str, bytes]]:
        stretch = cut[place]
        codes, qr = texts(stretch.codes()), qr_codes_of(stretch.channel)
        # A sample of each part is compared with the library's: a wrong one would be seen when it is printed.
        qr.verify(codes[:1])
        pictures = qr.pngs(codes, note=comment) if kind == "png" else _svgs(qr, codes, comment)
        for serial, picture in zip(stretch.public_serials.tolist(), pictures, strict=True):
            yield f"{stretch.channel.folder}/{serial}.{kind}", picture

    return Files([stretch.length for stretch in cut], part, is_packed=kind == "svg")


def qr_codes_of(channel: ChannelCodes) -> QrCodes:
    """The tables of the channel's addresses, which take half a second to make."""
    return _tables(f"{channel.layout.url_base}#c=")


@lru_cache(maxsize=8)
def _tables(prefix: str) -> QrCodes:
    return QrCodes(prefix)


def texts(codes: "np.ndarray[tuple[int], np.dtype[np.bytes_]]") -> list[str]:
    """Codes as they stand in an address."""
    found: list[str] = codes.astype("U16").tolist()
    return found


def runs(modules: Modules) -> list[Run]:
    """The dark modules of one symbol as (column, row, length), from the upper left."""
    edges = np.diff(np.pad(modules, ((0, 0), (1, 1))).astype(np.int8), axis=1)
    rows, starts = np.nonzero(edges == 1)
    ends = np.nonzero(edges == -1)[1]
    return list(zip(starts.tolist(), rows.tolist(), (ends - starts).tolist(), strict=True))


def _svgs(qr: QrCodes, codes: list[str], comment: str) -> Iterator[bytes]:
    """One path each, for any size, with the quiet zone."""
    side = qr.size + 2 * QUIET_MODULES
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {side} {side}" shape-rendering="crispEdges">'
        f'<!-- {comment} --><path fill="#fff" d="M0 0h{side}v{side}H0z"/><path d="'
    )
    quiet = QUIET_MODULES
    for modules in qr.modules(codes):
        path = "".join(f"M{x + quiet} {y + quiet}h{n}v1h-{n}z" for x, y, n in runs(modules))
        yield f'{head}{path}"/></svg>\n'.encode()
