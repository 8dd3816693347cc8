"""FF1 over decimal numbers: NIST SP 800-38G, algorithms 7 (encrypt) and 8 (decrypt), with AES.

Held to what a code needs, so that it can be fast: an even number of digits, so that both Feistel halves have
the same size, and a half and a tweak so short that

- a half fits in 4 bytes (the standard's b): its d is then 8, and y the first 8 bytes of R, a 64-bit number;
- tweak, padding, round number and half (the standard's Q) fit in one AES block: a round is then one AES call,
  because the block before it, P, is the same for every number under a key and is encrypted once.

This is not a validated module; the tests hold it against the standard's samples and another library.
"""

from collections.abc import Callable

import numpy as np
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from numpy.typing import NDArray

_ROUNDS = 10
_RADIX = 10
_BLOCK_BYTES = 16
_LOW_64_BITS = 0xFFFF_FFFF_FFFF_FFFF
# The standard asks for at least 10^6 different numbers; half of 20 digits would not fit in 4 bytes.
_DIGITS_ALLOWED = range(6, 19, 2)


class FF1:
    """The permutation of the numbers below 10^digits that one key and one tweak select.

    Safe to share between threads: nothing in it changes, and each call makes its own AES context (1.5
    microseconds), because two threads must not use one context at once.
    """

    def __init__(self, key: bytes, *, digits: int, tweak: bytes = b"") -> None:
        """Take an AES key of 16, 24 or 32 bytes. ValueError if it, `digits` or `tweak` has a wrong size."""
        if digits not in _DIGITS_ALLOWED:
            raise ValueError("FF1 here takes an even number of digits, from 6 to 18")
        self._modulus: int = _RADIX ** (digits // 2)
        half_bytes = ((self._modulus - 1).bit_length() + 7) // 8
        if len(tweak) + 1 + half_bytes > _BLOCK_BYTES:
            raise ValueError("the tweak is too long to share one AES block with a half of the number")
        # ECB is the bare block cipher here, from which FF1 builds its own mode.
        self._cipher = Cipher(algorithms.AES(key), modes.ECB())  # noqa: S305
        encrypted_p = self._cipher.encryptor().update(_first_block(digits, len(tweak)))
        padded_tweak = int.from_bytes(tweak.ljust(_BLOCK_BYTES, b"\0"), "big")
        chained = int.from_bytes(encrypted_p, "big") ^ padded_tweak
        # What a round encrypts is one of these, exclusive-or the half that it reads.
        self._round_inputs = [chained ^ (i << 8 * half_bytes) for i in range(_ROUNDS)]

    def encrypt(self, number: int) -> int:
        """A number below 10^digits to another one. ValueError if it is outside."""
        left, right = self._halves(number)
        update = self._cipher.encryptor().update
        for round_input in self._round_inputs:
            left, right = right, (left + _y(update, round_input ^ right)) % self._modulus
        return left * self._modulus + right

    def decrypt(self, number: int) -> int:
        """The inverse of `encrypt`."""
        left, right = self._halves(number)
        update = self._cipher.encryptor().update
        for round_input in reversed(self._round_inputs):
            left, right = (right - _y(update, round_input ^ left)) % self._modulus, left
        return left * self._modulus + right

    def encrypt_halves(
        self, left: NDArray[np.uint64], right: NDArray[np.uint64]
    ) -> tuple[NDArray[np.uint64], NDArray[np.uint64]]:
        """`encrypt` for many numbers, each given and given back as its upper and its lower half of digits.

        The halves must be below 10^(digits/2); that is not checked. It uses 60 bytes of memory per number,
        and is fastest while these stay in the processor's second-level cache.
        """
        modulus = np.uint64(self._modulus)
        blocks = np.empty((left.size, 2), dtype=">u8")
        blocks[:, 0] = self._round_inputs[0] >> 64  # half and round number only touch the lower 8 bytes
        encrypted = np.empty((left.size + 1, 2), dtype=">u8")  # update_into wants room for one block more
        update_into = self._cipher.encryptor().update_into
        for round_input in self._round_inputs:
            blocks[:, 1] = right ^ np.uint64(round_input & _LOW_64_BITS)
            update_into(blocks.view(np.uint8).data, encrypted.view(np.uint8).data)
            y = encrypted[:-1, 0].astype(np.uint64)
            # numpy divides by a constant ten times as fast as it takes the remainder.
            y -= y // modulus * modulus
            y += left
            # y is below twice the modulus. Where nothing is to be subtracted, y - modulus wraps and is huge.
            left, right = right, np.minimum(y, y - modulus)
        return left, right

    def _halves(self, number: int) -> tuple[int, int]:
        left, right = divmod(number, self._modulus)
        if not 0 <= left < self._modulus:
            raise ValueError("the number has more digits than this FF1 takes")
        return left, right


def _first_block(digits: int, tweak_bytes: int) -> bytes:
    """The standard's P: algorithm 7, step 5."""
    return (
        bytes([1, 2, 1])
        + _RADIX.to_bytes(3, "big")
        + bytes([_ROUNDS, digits // 2])
        + digits.to_bytes(4, "big")
        + tweak_bytes.to_bytes(4, "big")
    )


def _y(update: Callable[[bytes], bytes], block: int) -> int:
    return int.from_bytes(update(block.to_bytes(_BLOCK_BYTES, "big"))[:8], "big")
