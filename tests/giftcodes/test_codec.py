"""The code of a serial and back: against the vectors of the format, and against one put together by hand from
other people's parts (libffx for FF1, python-stdnum for Damm, RFC 5869 written out)."""

import hashlib
import hmac
import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import ffx
import numpy as np
import pytest
import stdnum.damm
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from hypothesis import given
from hypothesis import strategies as st

from giftcodes import codec
from giftcodes.codec import NotACode

SERIES = 9
SERIES_KEY, BATCH_KEY, OTHER_KEY = (hashlib.sha256(name).digest() for name in (b"series", b"batch", b"other"))
KEYS = {"series_key": SERIES_KEY, "batch_key": BATCH_KEY}
LAST_SERIAL = 999_999_999
VECTORS = json.loads(Path(__file__).with_name("code-vectors.json").read_text())

serials = st.integers(0, LAST_SERIAL)
all_series = st.integers(1, 9)
keys = st.binary(min_size=32, max_size=32)


def encode_list(numbers: list[int], *, series: int = SERIES, **keys: bytes) -> list[str]:
    codes = codec.encode(np.array(numbers, dtype=np.int64), series=series, **(keys or KEYS))
    return [code.decode("ascii") for code in codes.tolist()]


def tag_by_hand(serial: int, *, series: int, batch_key: bytes) -> int:
    block = bytes(7) + bytes([series]) + serial.to_bytes(8, "big")
    encrypted = Cipher(algorithms.AES256(batch_key), modes.ECB()).encryptor().update(block)  # noqa: S305
    return int(encrypted[:8].hex(), 16) % 100_000


def code_by_hand(serial: int, *, series: int, series_key: bytes, batch_key: bytes) -> str:
    tag = tag_by_hand(serial, series=series, batch_key=batch_key)
    digits15 = str(series) + ffx.FF1(series_key, radix=10).encrypt(f"{serial:09d}{tag:05d}")
    return f"{digits15}{stdnum.damm.calc_check_digit(digits15)}"


@pytest.mark.parametrize("vector", VECTORS, ids=range(len(VECTORS)))
def test_the_vectors_of_the_format_are_met(vector: dict[str, Any]) -> None:
    series, batch_key = vector["series"], bytes.fromhex(vector["batch_key"])
    master_key, salt = bytes.fromhex(vector["master_key"]), bytes.fromhex(vector["series_salt"])
    series_key = codec.derive_series_key(master_key, salt, series)
    both = {"series_key": series_key, "batch_key": batch_key}
    assert encode_list(vector["serials"], series=series, **both) == vector["codes"]
    for serial, code in zip(vector["serials"], vector["codes"], strict=True):
        assert codec.encode_one(serial, series=series, **both) == code
        tag = codec.tag_of(serial, series=series, batch_key=batch_key)
        assert codec.decode(code, series_key=series_key) == (serial, tag)


@given(numbers=st.lists(serials, min_size=1, max_size=8), series=all_series, series_key=keys, batch_key=keys)
def test_many_at_once_one_by_one_and_by_hand_give_the_same_codes(
    numbers: list[int], series: int, series_key: bytes, batch_key: bytes
) -> None:
    both = {"series_key": series_key, "batch_key": batch_key}
    by_hand = [code_by_hand(serial, series=series, **both) for serial in numbers]
    assert [codec.encode_one(serial, series=series, **both) for serial in numbers] == by_hand
    assert encode_list(numbers, series=series, **both) == by_hand


@given(serial=serials, series=all_series, series_key=keys, batch_key=keys)
def test_a_code_gives_back_its_serial_and_its_tag(
    serial: int, series: int, series_key: bytes, batch_key: bytes
) -> None:
    code = codec.encode_one(serial, series=series, series_key=series_key, batch_key=batch_key)
    assert code[0] == str(series)
    assert codec.decode(code, series_key=series_key) == (
        serial,
        tag_by_hand(serial, series=series, batch_key=batch_key),
    )


@pytest.mark.parametrize("serial", [0, 1, 99, 100, 99_999_999, 100_000_000, LAST_SERIAL])
def test_the_ends_of_the_range_come_back_too(serial: int) -> None:
    [code] = encode_list([serial])
    assert code == code_by_hand(serial, series=SERIES, **KEYS)
    assert codec.decode(code, series_key=SERIES_KEY)[0] == serial


@given(digits15=st.from_regex(r"[1-9][0-9]{14}", fullmatch=True))
def test_every_well_formed_code_has_one_serial_and_tag_that_no_other_has(digits15: str) -> None:
    serial, tag = codec.decode(digits15 + stdnum.damm.calc_check_digit(digits15), series_key=SERIES_KEY)
    assert 0 <= serial <= LAST_SERIAL
    assert 0 <= tag <= 99_999
    assert ffx.FF1(SERIES_KEY, radix=10).encrypt(f"{serial:09d}{tag:05d}") == digits15[1:]


def test_two_hundred_thousand_serials_have_as_many_codes_all_well_formed() -> None:
    codes = codec.encode(np.arange(400_000_000, 400_200_000), series=SERIES, **KEYS)
    assert len(np.unique(codes)) == 200_000
    assert np.unique(codes.astype("S1")).tolist() == [b"9"]
    for code in codes[::101].tolist():
        assert codec.normalise(code.decode("ascii")) == code.decode("ascii")
        assert stdnum.damm.is_valid(code.decode("ascii"))


def test_order_and_size_of_the_batch_do_not_change_a_code() -> None:
    numbers = np.random.default_rng(7).integers(0, LAST_SERIAL, 40_000)
    codes = codec.encode(numbers, series=SERIES, **KEYS)
    backwards = codec.encode(numbers[::-1], series=SERIES, **KEYS)
    pieces = [
        codec.encode(piece, series=SERIES, **KEYS) for piece in np.split(numbers, [0, 1, 16_384, 16_385])
    ]
    assert np.array_equal(codes, backwards[::-1])
    assert np.array_equal(codes, np.concatenate(pieces))
    for i in (0, 1, 16_383, 16_384, 32_767, 32_768, 39_999):
        assert codes[i].decode("ascii") == codec.encode_one(int(numbers[i]), series=SERIES, **KEYS)


@pytest.mark.parametrize("kind", ["int64", "uint64", "int32", "uint32", "uint16", ">i8"])
def test_any_kind_of_integer_array_will_do(kind: str) -> None:
    numbers = np.array([0, 7, 65_535]).astype(kind)
    numbers.flags.writeable = False
    expected = [codec.encode_one(serial, series=SERIES, **KEYS) for serial in (0, 7, 65_535)]
    assert codec.encode(numbers, series=SERIES, **KEYS).tolist() == [code.encode() for code in expected]


def test_no_serials_give_no_codes() -> None:
    codes = codec.encode(np.array([], dtype=np.int64), series=SERIES, **KEYS)
    assert codes.shape == (0,)
    assert codes.dtype == np.dtype("S16")


def test_many_threads_at_once_get_the_right_codes() -> None:
    numbers = np.arange(20_000)
    expected = codec.encode(numbers, series=SERIES, **KEYS)

    def there_and_back(i: int) -> bool:
        codes = codec.encode(numbers, series=SERIES, **KEYS)
        serial, _ = codec.decode(codes[i].decode("ascii"), series_key=SERIES_KEY)
        return np.array_equal(codes, expected) and serial == i

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(there_and_back, range(64)))


def test_another_batch_key_gives_other_tags() -> None:
    # By chance one in 100,000 agrees.
    agree = sum(
        codec.tag_of(serial, series=SERIES, batch_key=BATCH_KEY)
        == codec.tag_of(serial, series=SERIES, batch_key=OTHER_KEY)
        for serial in range(2000)
    )
    assert agree <= 2


def test_the_series_is_part_of_the_tag() -> None:
    assert len({codec.tag_of(5, series=series, batch_key=BATCH_KEY) for series in range(1, 10)}) == 9


def test_a_series_key_that_is_not_the_code_s_own_gives_no_tag_that_fits() -> None:
    code = codec.encode_one(5, series=SERIES, **KEYS)
    serial, tag = codec.decode(code, series_key=OTHER_KEY)
    assert serial != 5
    assert tag != codec.tag_of(serial, series=SERIES, batch_key=BATCH_KEY)


@given(digits15=st.from_regex(r"[0-9]{15}", fullmatch=True))
def test_the_check_digit_is_the_one_of_python_stdnum(digits15: str) -> None:
    digit = codec.check_digit(digits15)
    assert digit == stdnum.damm.calc_check_digit(digits15)
    for other in "0123456789":
        assert codec.is_check_digit_right(digits15 + other) == (other == digit)


@given(serial=serials)
def test_every_wrong_digit_and_every_swap_of_neighbours_is_noticed(serial: int) -> None:
    code = codec.encode_one(serial, series=SERIES, **KEYS)
    mistyped = {code[:i] + digit + code[i + 1 :] for i in range(16) for digit in "0123456789"}
    mistyped |= {code[:i] + code[i + 1] + code[i] + code[i + 2 :] for i in range(15)}
    for wrong in mistyped - {code}:
        with pytest.raises(NotACode):
            codec.normalise(wrong)
        with pytest.raises(NotACode):
            codec.decode(wrong, series_key=SERIES_KEY)


@pytest.mark.parametrize("digits", ["", "1" * 14, "1" * 16, "1" * 14 + "a", "1" * 14 + "١", "-" + "1" * 14])
def test_a_check_digit_of_anything_but_15_ascii_digits_is_refused(digits: str) -> None:
    with pytest.raises(ValueError, match="15 ASCII digits"):
        codec.check_digit(digits)


def test_people_see_a_code_in_four_groups() -> None:
    assert codec.group("9712270268772681") == "9712-2702-6877-2681"


@pytest.mark.parametrize("serial", [-1, LAST_SERIAL + 1, 2**63 - 1])
def test_a_serial_outside_is_refused(serial: int) -> None:
    with pytest.raises(ValueError, match="serial"):
        codec.encode_one(serial, series=SERIES, **KEYS)
    with pytest.raises(ValueError, match="serial"):
        codec.tag_of(serial, series=SERIES, batch_key=BATCH_KEY)
    with pytest.raises(ValueError, match="serial"):
        encode_list([5, serial, 6])


@pytest.mark.parametrize("series", [-1, 0, 10])
def test_a_series_outside_is_refused(series: int) -> None:
    with pytest.raises(ValueError, match="series"):
        codec.encode_one(5, series=series, **KEYS)
    with pytest.raises(ValueError, match="series"):
        encode_list([5], series=series, **KEYS)
    with pytest.raises(ValueError, match="series"):
        encode_list([], series=series, **KEYS)
    with pytest.raises(ValueError, match="series"):
        codec.derive_series_key(OTHER_KEY, OTHER_KEY, series)


@pytest.mark.parametrize(
    "numbers",
    [np.array([1.0, 2.0]), np.array([[1, 2]]), np.array([True]), np.array(5), np.array(["5"])],
    ids=["floats", "a table", "booleans", "no array", "texts"],
)
def test_serials_that_are_no_list_of_integers_are_refused(numbers: np.ndarray[Any, np.dtype[Any]]) -> None:
    with pytest.raises(ValueError, match="one-dimensional array of integers"):
        codec.encode(numbers, series=SERIES, **KEYS)


@pytest.mark.parametrize("size", [0, 16, 24, 31, 33])  # 16 and 24 would be good AES keys
def test_a_key_of_another_length_is_refused(size: int) -> None:
    short, code = bytes(size), codec.encode_one(5, series=SERIES, **KEYS)
    calls: list[Callable[[], object]] = [
        lambda: codec.encode_one(5, series=SERIES, series_key=short, batch_key=BATCH_KEY),
        lambda: codec.encode_one(5, series=SERIES, series_key=SERIES_KEY, batch_key=short),
        lambda: encode_list([5], series_key=short, batch_key=BATCH_KEY),
        lambda: encode_list([5], series_key=SERIES_KEY, batch_key=short),
        lambda: codec.decode(code, series_key=short),
        lambda: codec.tag_of(5, series=SERIES, batch_key=short),
        lambda: codec.derive_series_key(short, OTHER_KEY, SERIES),
        lambda: codec.derive_series_key(OTHER_KEY, short, SERIES),
        lambda: codec.derive_kek(short),
        lambda: codec.wrap_batch_key(short, BATCH_KEY, batch_id=b"b"),
        lambda: codec.wrap_batch_key(OTHER_KEY, short, batch_id=b"b"),
        lambda: codec.unwrap_batch_key(short, bytes(60), batch_id=b"b"),
    ]
    for call in calls:
        with pytest.raises(ValueError, match="32 bytes"):
            call()


@given(master_key=keys, salt=keys, series=all_series)
def test_the_series_key_and_the_wrapping_key_are_hkdf_as_rfc_5869_writes_it(
    master_key: bytes, salt: bytes, series: int
) -> None:
    def hkdf(salt: bytes, info: bytes) -> bytes:
        extracted = hmac.digest(salt, master_key, "sha256")
        return hmac.digest(extracted, info + b"\x01", "sha256")

    derived = codec.derive_series_key(master_key, salt, series)
    assert derived == hkdf(salt, f"code/v1/series/{series}".encode())
    assert codec.derive_kek(master_key) == hkdf(bytes(32), b"code/v1/batch-kek")
