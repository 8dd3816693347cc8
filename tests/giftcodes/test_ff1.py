"""FF1 against the standard's own samples and against another library (libffx), which is held to all nine."""

from concurrent.futures import ThreadPoolExecutor

import ffx
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from giftcodes.ff1 import FF1

KEY = bytes.fromhex("2B7E151628AED2A6ABF7158809CF4F3CEF4359D8D580AA4F7F036D6F04FC6A94")
TWEAK_OF_10 = bytes.fromhex("39383736353433323130")
TWEAK_OF_11 = bytes.fromhex("3737373770717273373737")

# NIST, "FF1 samples", published with SP 800-38G: number, key, radix, tweak, plaintext, ciphertext.
SAMPLES = [
    pytest.param(KEY[:16], 10, b"", "0123456789", "2433477484", id="1"),
    pytest.param(KEY[:16], 10, TWEAK_OF_10, "0123456789", "6124200773", id="2"),
    pytest.param(KEY[:16], 36, TWEAK_OF_11, "0123456789abcdefghi", "a9tv40mll9kdu509eum", id="3"),
    pytest.param(KEY[:24], 10, b"", "0123456789", "2830668132", id="4"),
    pytest.param(KEY[:24], 10, TWEAK_OF_10, "0123456789", "2496655549", id="5"),
    pytest.param(KEY[:24], 36, TWEAK_OF_11, "0123456789abcdefghi", "xbj3kv35jrawxv32ysr", id="6"),
    pytest.param(KEY, 10, b"", "0123456789", "6657667009", id="7"),
    pytest.param(KEY, 10, TWEAK_OF_10, "0123456789", "1001623463", id="8"),
    pytest.param(KEY, 36, TWEAK_OF_11, "0123456789abcdefghi", "xs8a0azh2avyalyzuwd", id="9"),
]
DECIMAL_SAMPLES = [sample for sample in SAMPLES if sample.values[1] == 10]

keys = st.sampled_from((16, 24, 32)).flatmap(lambda size: st.binary(min_size=size, max_size=size))


def encrypt_as_array(cipher: FF1, numbers: list[int], digits: int) -> list[int]:
    half = 10 ** (digits // 2)
    left, right = cipher.encrypt_halves(
        np.array([number // half for number in numbers], dtype=np.uint64),
        np.array([number % half for number in numbers], dtype=np.uint64),
    )
    return [int(a) * half + int(b) for a, b in zip(left, right, strict=True)]


@pytest.mark.parametrize(("key", "radix", "tweak", "plain", "sealed"), DECIMAL_SAMPLES)
def test_the_decimal_samples_of_the_standard_are_met(
    key: bytes, radix: int, tweak: bytes, plain: str, sealed: str
) -> None:
    cipher = FF1(key, digits=len(plain), tweak=tweak)
    assert f"{cipher.encrypt(int(plain)):010d}" == sealed
    assert f"{cipher.decrypt(int(sealed)):010d}" == plain
    assert encrypt_as_array(cipher, [int(plain)] * 3, 10) == [int(sealed)] * 3


@pytest.mark.parametrize(("key", "radix", "tweak", "plain", "sealed"), SAMPLES)
def test_the_library_that_judges_ours_meets_all_samples(
    key: bytes, radix: int, tweak: bytes, plain: str, sealed: str
) -> None:
    judge = ffx.FF1(key, radix=radix)
    assert judge.encrypt(plain, tweak=tweak) == sealed
    assert judge.decrypt(sealed, tweak=tweak) == plain


@given(data=st.data(), key=keys, digits=st.sampled_from(range(6, 19, 2)), tweak=st.binary(max_size=11))
def test_ours_and_the_other_library_agree_on_any_key_length_and_tweak(
    data: st.DataObject, key: bytes, digits: int, tweak: bytes
) -> None:
    numbers = data.draw(st.lists(st.integers(0, 10**digits - 1), min_size=1, max_size=8))
    cipher, judge = FF1(key, digits=digits, tweak=tweak), ffx.FF1(key, radix=10)
    judged = [int(judge.encrypt(f"{number:0{digits}d}", tweak=tweak)) for number in numbers]
    assert [cipher.encrypt(number) for number in numbers] == judged
    assert [cipher.decrypt(number) for number in judged] == numbers
    assert encrypt_as_array(cipher, numbers, digits) == judged


def test_ours_and_the_other_library_agree_on_thousands_of_code_bodies() -> None:
    random = np.random.default_rng(16)
    numbers = [0, 1, 10**7 - 1, 10**7, 10**14 - 1, *random.integers(0, 10**14, 3000).tolist()]
    cipher, judge = FF1(KEY, digits=14), ffx.FF1(KEY, radix=10)
    judged = [int(judge.encrypt(f"{number:014d}")) for number in numbers]
    assert encrypt_as_array(cipher, numbers, 14) == judged
    assert [cipher.decrypt(number) for number in judged] == numbers


def test_all_numbers_of_six_digits_go_to_all_numbers_of_six_digits() -> None:
    every = np.arange(10**6, dtype=np.uint64)
    left, right = FF1(KEY, digits=6).encrypt_halves(every // 1000, every % 1000)
    assert np.array_equal(np.sort(left * np.uint64(1000) + right), every)


def test_one_cipher_serves_many_threads_at_once() -> None:
    # Arrays above 2 KiB, for which the AES library lets other threads run in the middle of a call.
    cipher = FF1(KEY, digits=14)
    numbers = np.arange(4096, dtype=np.uint64)
    expected = cipher.encrypt_halves(numbers, numbers)

    def encrypt_again(_: int) -> bool:
        left, right = cipher.encrypt_halves(numbers, numbers)
        return np.array_equal(left, expected[0]) and np.array_equal(right, expected[1])

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(encrypt_again, range(64)))


def test_arrays_given_are_left_as_they_were() -> None:
    left, right = np.arange(5, dtype=np.uint64), np.arange(5, 10, dtype=np.uint64)
    FF1(KEY, digits=14).encrypt_halves(left, right)
    assert left.tolist() == [0, 1, 2, 3, 4]
    assert right.tolist() == [5, 6, 7, 8, 9]


@pytest.mark.parametrize("digits", [4, 7, 20])
def test_lengths_that_this_ff1_does_not_cover_are_refused(digits: int) -> None:
    with pytest.raises(ValueError, match="even number of digits"):
        FF1(KEY, digits=digits)


@pytest.mark.parametrize(("digits", "longest"), [(14, 12), (18, 11)])
def test_a_tweak_fills_the_block_and_no_more(digits: int, longest: int) -> None:
    tweak = bytes(range(longest))
    judge = ffx.FF1(KEY, radix=10)
    assert FF1(KEY, digits=digits, tweak=tweak).encrypt(7) == int(
        judge.encrypt(f"{7:0{digits}d}", tweak=tweak)
    )
    with pytest.raises(ValueError, match="tweak is too long"):
        FF1(KEY, digits=digits, tweak=tweak + b"x")


def test_a_key_of_another_length_is_refused() -> None:
    with pytest.raises(ValueError, match="key"):
        FF1(KEY[:31], digits=14)


@pytest.mark.parametrize("number", [-1, 10**14])
def test_a_number_outside_is_refused_both_ways(number: int) -> None:
    cipher = FF1(KEY, digits=14)
    with pytest.raises(ValueError, match="more digits"):
        cipher.encrypt(number)
    with pytest.raises(ValueError, match="more digits"):
        cipher.decrypt(number)


def test_printing_a_cipher_shows_no_key() -> None:
    shown = repr(FF1(KEY, digits=14)) + str(FF1(KEY, digits=14))
    assert repr(KEY)[2:10] not in shown
    assert KEY.hex()[:8] not in shown
