"""Digits as pictures that tills read, as SVG paths: black modules on a white field with its quiet zones.
Pure.
"""

from typing import NamedTuple

from qrcode import QRCode
from qrcode.constants import ERROR_CORRECT_Q
from reportlab.graphics.barcode.code128 import Code128Auto

QUIET_MODULES = 10  # left and right of Code 128 (ISO/IEC 15417)
QUIET_MODULES_OF_QR = 4  # on each side (ISO/IEC 18004)
BAR_HEIGHT = 42  # modules; the norm asks for 15 % of the length


class Picture(NamedTuple):
    """Width and height in modules, and the black ones as the data of one SVG path."""

    width: int
    height: int
    path: str


def code128(digits: str) -> Picture:
    """A barcode of an even number of digits, two to a symbol: 10 pairs take 165 modules, quiet zones
    included.
    """
    bars = Code128Auto(digits, quiet=0)
    bars.validate()
    bars.encode()
    at, path = QUIET_MODULES, ""
    for run in bars.decompose():  # "A" to "D": a bar of 1 to 4 modules; in small letters, a space
        width = ord(run.upper()) - ord("A") + 1
        if run.isupper():
            path += f"M{at} 0h{width}v{BAR_HEIGHT}h-{width}z"
        at += width
    return Picture(at + QUIET_MODULES, BAR_HEIGHT, path)


def qr(digits: str) -> Picture:
    """A QR code that stays readable with a quarter of it damaged (level Q): 20 digits fit the smallest
    size.
    """
    code = QRCode(error_correction=ERROR_CORRECT_Q, border=QUIET_MODULES_OF_QR)
    code.add_data(digits)
    code.make()
    rows = code.get_matrix()
    path = "".join(
        f"M{x} {y}h1v1h-1z" for y, row in enumerate(rows) for x, is_black in enumerate(row) if is_black
    )
    return Picture(len(rows), len(rows), path)
