"""QR codes of claim addresses by the hundred thousand.

For one version, error level and mask, and a payload of one shape, every module of a QR code (ISO/IEC 18004)
is the exclusive or of a constant and of some bits of the payload: Reed-Solomon codes are linear over
GF(2^8), which makes them so over its bits, and the mask is a constant. So the address in front is drawn once
by `qrcode`, the sixteen digits behind it are six numbers of ten bits or four, and a code is the exclusive or
of one row out of each of six tables. The tables are made by asking `qrcode` for the codes whose digits are
zero but for one power of two, and `verify` compares with it.
"""

import struct
import zlib
from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from qrcode.constants import ERROR_CORRECT_M
from qrcode.main import QRCode
from qrcode.util import QRData

DIGITS = 16
QUIET_MODULES = 4
_GROUPS = (3, 3, 3, 3, 3, 1)  # three digits are ten bits, one alone is four
_MASK = 0
_NUMBER: Literal[1] = 1  # the modes of ISO/IEC 18004
_BYTES: Literal[4] = 4
_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_UP = 2  # the PNG filter that says: as in the line above

Modules = npt.NDArray[np.bool_]


class QrCodes:
    """The QR codes of `prefix` and sixteen digits, all of one version, the smallest that holds them.

    ValueError for a prefix that no QR code can hold, or that is not ASCII.
    """

    def __init__(self, prefix: str) -> None:
        if not prefix.isascii():
            raise ValueError("an address in a QR code is ASCII")
        self._prefix = prefix.encode()
        first = self._drawn("0" * DIGITS, version=None)
        self.version: int = first.version
        self.size: int = first.modules_count

    def modules(self, codes: Sequence[str]) -> Modules:
        """Dark modules of each code: (codes, size, size), without the quiet zone. ValueError for what is not
        sixteen digits.
        """
        digits = _digits_of(codes)
        packed = np.broadcast_to(self._constant, (len(codes), self._constant.size)).copy()
        place = 0
        for length, table in zip(_GROUPS, self._tables, strict=True):
            powers = 10 ** np.arange(length - 1, -1, -1)
            packed ^= table[digits[:, place : place + length] @ powers]
            place += length
        flat = np.unpackbits(packed, axis=1, count=self.size**2)
        return flat.reshape(len(codes), self.size, self.size).astype(np.bool_)

    def pngs(self, codes: Sequence[str], *, scale: int = 8, note: str = "") -> Iterator[bytes]:
        """Each code as a PNG of one bit per pixel, `scale` pixels per module, with the quiet zone. A `note`
        stands in it as its comment.
        """
        side = (self.size + 2 * QUIET_MODULES) * scale
        head = _SIGNATURE + _chunk(b"IHDR", struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0))
        if note:
            head += _chunk(b"iTXt", b"Comment\0\0\0\0\0" + note.encode())
        tail = _chunk(b"IEND", b"")
        width = (side + 7) // 8
        for start in range(0, len(codes), _AT_ONCE):
            dark = self.modules(codes[start : start + _AT_ONCE])
            framed = np.pad(dark, ((0, 0), (QUIET_MODULES,) * 2, (QUIET_MODULES,) * 2))
            pixels = np.packbits(~np.repeat(framed, scale, axis=2), axis=2)
            # A line of modules is one line of pixels, and then that line again, which is zeros to PNG.
            lines = np.zeros((*framed.shape[:2], scale, 1 + width), np.uint8)
            lines[:, :, 0, 1:] = pixels
            lines[:, :, 1:, 0] = _UP
            for image in lines:
                yield head + _chunk(b"IDAT", zlib.compress(image.tobytes(), 1)) + tail

    def verify(self, codes: Sequence[str]) -> None:
        """ValueError if one of them is not what `qrcode` draws: asked of a sample before a file is handed
        out.
        """
        for code, found in zip(codes, self.modules(codes), strict=True):
            if not np.array_equal(found, self._drawn(code, version=self.version).get_matrix()):
                raise ValueError("a QR code differs from the library's")

    def _drawn(self, digits: str, *, version: int | None) -> "QRCode[Any]":
        code: QRCode[Any] = QRCode(
            version=version, error_correction=ERROR_CORRECT_M, border=0, mask_pattern=_MASK
        )
        code.add_data(QRData(self._prefix, mode=_BYTES))
        code.add_data(QRData(digits, mode=_NUMBER))
        code.make(fit=version is None)
        return code

    def _packed(self, digits: str) -> npt.NDArray[np.uint8]:
        modules = self._drawn(digits, version=self.version).get_matrix()
        return np.packbits(np.array(modules, np.bool_).reshape(-1))

    @cached_property
    def _constant(self) -> npt.NDArray[np.uint8]:
        return self._packed("0" * DIGITS)

    @cached_property
    def _tables(self) -> list[npt.NDArray[np.uint8]]:
        """For each group, by its number: what it changes in the constant."""
        tables, place = [], 0
        for length in _GROUPS:
            table = np.zeros((10**length, self._constant.size), np.uint8)
            for bit in range(10 if length == 3 else 4):
                digits = f"{1 << bit:0{length}d}".rjust(place + length, "0").ljust(DIGITS, "0")
                change = self._packed(digits) ^ self._constant
                table[np.arange(10**length) >> bit & 1 == 1] ^= change
            tables.append(table)
            place += length
        return tables


_AT_ONCE = 200


def _digits_of(codes: Sequence[str]) -> npt.NDArray[np.int64]:
    text = "".join(codes)
    if any(len(code) != DIGITS for code in codes) or not (text.isascii() and (text.isdecimal() or not text)):
        raise ValueError("a code has sixteen digits")
    return np.frombuffer(text.encode(), np.uint8).reshape(-1, DIGITS).astype(np.int64) - ord("0")


def _chunk(kind: bytes, content: bytes) -> bytes:
    checked = kind + content
    return struct.pack(">I", len(content)) + checked + struct.pack(">I", zlib.crc32(checked))
