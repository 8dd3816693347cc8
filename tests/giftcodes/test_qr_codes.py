"""QR codes out of tables are those of the library, whatever the address and the digits."""

import io
import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from giftcodes import qr_codes
from giftcodes.qr_codes import QrCodes

PREFIX = "https://points.example.jp/c/morning/#c="
some_codes = st.lists(st.from_regex(r"[0-9]{16}", fullmatch=True), min_size=1, max_size=20)


@given(codes=some_codes)
def test_any_digits_give_the_librarys_modules(codes: list[str]) -> None:
    QrCodes(PREFIX).verify(codes)


@pytest.mark.parametrize("length", [1, 20, 39, 60, 100, 200, 400])
def test_so_do_addresses_of_any_length(length: int) -> None:
    random_codes = random.Random(length)  # nothing secret
    drawn = QrCodes("x" * length)
    drawn.verify([f"{random_codes.randrange(10**16):016d}" for _ in range(50)])


def test_the_comparison_sees_a_single_wrong_module() -> None:
    drawn = QrCodes(PREFIX)
    drawn._tables[2][123, 7] ^= 1
    drawn.verify(["1" * 16])  # has no 123 there
    with pytest.raises(ValueError, match="differs"):
        drawn.verify(["0000001230000000"])


def test_a_picture_shows_the_modules_within_a_quiet_zone() -> None:
    drawn, codes = QrCodes(PREFIX), ["1234567890123456", "9999999999999999"]
    for png, modules in zip(drawn.pngs(codes, scale=3), drawn.modules(codes), strict=True):
        picture = Image.open(io.BytesIO(png))
        picture.load()
        assert picture.mode == "1"
        light = np.array(picture)[1::3, 1::3]
        assert np.array_equal(np.repeat(np.repeat(light, 3, 0), 3, 1), np.array(picture))
        quiet = qr_codes.QUIET_MODULES
        assert np.array_equal(~light[quiet:-quiet, quiet:-quiet], modules)
        assert light[:quiet].all()
        assert light[:, :quiet].all()
        assert light[-quiet:].all()
        assert light[:, -quiet:].all()


@pytest.mark.parametrize("code", ["", "123", "1" * 17, "12345678901234a6", "１" * 16, "²" * 16])
def test_what_is_no_code_is_refused(code: str) -> None:
    with pytest.raises(ValueError, match="sixteen digits"):
        QrCodes(PREFIX).modules([code])


def test_an_address_that_is_not_ascii_is_refused() -> None:
    with pytest.raises(ValueError, match="ASCII"):
        QrCodes("https://例え.jp/#c=")


def test_no_codes_are_no_pictures() -> None:
    assert list(QrCodes(PREFIX).pngs([])) == []
