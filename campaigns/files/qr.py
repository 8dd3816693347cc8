"""QR codes (ISO/IEC 18004), black on white, with their quiet zone. Level Q: a quarter of the symbol may be
dirty, torn or covered.
"""

from collections.abc import Iterator
from io import BytesIO

import qrcode
from PIL import Image
from qrcode.constants import ERROR_CORRECT_Q

QUIET_MODULES = 4
PIXELS_PER_MODULE = 24


def runs(text: str) -> tuple[int, list[tuple[int, int, int]]]:
    """The side of the symbol in modules, quiet zone included, and its dark runs as (column, row, length) from
    the upper left.
    """
    code = qrcode.QRCode(error_correction=ERROR_CORRECT_Q, border=QUIET_MODULES)
    code.add_data(text)
    code.make(fit=True)
    rows = code.get_matrix()
    return len(rows), [
        (column, number, length) for number, row in enumerate(rows) for column, length in _dark_runs(row)
    ]


def svg(text: str) -> bytes:
    """The symbol as one path, for any size."""
    side, dark = runs(text)
    path = "".join(f"M{column} {row}h{length}v1h-{length}z" for column, row, length in dark)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {side} {side}" shape-rendering="crispEdges">'
        f'<path fill="#fff" d="M0 0h{side}v{side}H0z"/><path d="{path}"/></svg>\n'
    ).encode()


def png(text: str) -> bytes:
    """The symbol as a picture, 24 pixels a module: some 10 cm at 300 dpi."""
    side, dark = runs(text)
    picture = Image.new("1", (side, side), 1)
    for column, row, length in dark:
        picture.paste(0, (column, row, column + length, row + 1))
    target = BytesIO()
    whole = picture.resize((side * PIXELS_PER_MODULE,) * 2, Image.Resampling.NEAREST)
    whole.save(target, "PNG", optimize=True, dpi=(300, 300))
    return target.getvalue()


def _dark_runs(row: list[bool]) -> Iterator[tuple[int, int]]:
    start = None
    for column, is_dark in enumerate([*row, False]):
        if is_dark and start is None:
            start = column
        elif not is_dark and start is not None:
            yield start, column - start
            start = None
