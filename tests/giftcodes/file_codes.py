"""Channels with made-up codes, for tests of what files make of them."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from giftcodes import codec
from giftcodes.content import RowLayout
from giftcodes.files.kinds import folder_of
from giftcodes.files.parts import ChannelCodes, Content, whole

BASE = "https://points.example.jp/c/morning/"


def code_at(serial: int) -> str:
    """Sixteen digits that look like nothing, the first of which is no zero and the last the check digit."""
    digits = f"{1 + serial % 8}{serial * 7_919_999_993 % 10**14:014d}"
    return digits + codec.check_digit(digits)


def derive(serials: NDArray[np.int64]) -> NDArray[np.bytes_]:
    return np.array([code_at(int(serial)).encode() for serial in serials], "S16")


def channels(*sizes: int, **names: int) -> list[ChannelCodes]:
    """One after the other in series 3, from serial 5 on."""
    found, first = list[ChannelCodes](), 5
    named: dict[str, Any] = {f"店頭 {place}": size for place, size in enumerate(sizes, 1)} | names
    for place, (name, size) in enumerate(named.items(), 1):
        layout = RowLayout(url_base=BASE, channel=name, points=500, claim_until_text="2027-06-30 23:59")
        found.append(
            ChannelCodes(
                name=name,
                folder=folder_of(place, name),
                series=3,
                first_serial=first,
                size=size,
                layout=layout,
                derive=derive,
            )
        )
        first += size
    return found


def bytes_of(content: Content) -> bytes:
    return b"".join(bytes(piece) for piece in whole(content))


def in_any_order(content: Content) -> bytes:
    """The same, made from its end to its beginning."""
    places = range(len(content.sizes))
    made = {place: b"".join(bytes(piece) for piece in content.part(place)) for place in reversed(places)}
    return b"".join(made[place] for place in places)
