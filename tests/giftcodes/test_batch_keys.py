"""A wrapped batch key opens with its master key, for its batch, unchanged, and in no other case."""

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given
from hypothesis import strategies as st

from giftcodes import codec
from giftcodes.codec import KeyUnwrapFailed

MASTER_KEY, OTHER_MASTER_KEY, BATCH_KEY = (bytes([i]) * 32 for i in (1, 2, 3))
BATCH_ID = bytes(range(16))
WRAPPED = codec.wrap_batch_key(MASTER_KEY, BATCH_KEY, batch_id=BATCH_ID)

keys = st.binary(min_size=32, max_size=32)


@given(master_key=keys, batch_key=keys, batch_id=st.binary(max_size=40))
def test_a_wrapped_key_opens_again(master_key: bytes, batch_key: bytes, batch_id: bytes) -> None:
    wrapped = codec.wrap_batch_key(master_key, batch_key, batch_id=batch_id)
    assert codec.unwrap_batch_key(master_key, wrapped, batch_id=batch_id) == batch_key


def test_the_layout_is_nonce_then_aes_gcm_under_the_wrapping_key() -> None:
    assert len(WRAPPED) == 12 + 32 + 16
    opener = AESGCM(codec.derive_kek(MASTER_KEY))
    assert opener.decrypt(WRAPPED[:12], WRAPPED[12:], BATCH_ID) == BATCH_KEY


def test_wrapping_twice_never_uses_a_nonce_twice() -> None:
    nonces = {codec.wrap_batch_key(MASTER_KEY, BATCH_KEY, batch_id=BATCH_ID)[:12] for _ in range(1000)}
    assert len(nonces) == 1000


def test_another_master_key_does_not_open_it() -> None:
    with pytest.raises(KeyUnwrapFailed):
        codec.unwrap_batch_key(OTHER_MASTER_KEY, WRAPPED, batch_id=BATCH_ID)


def test_it_does_not_open_for_another_batch() -> None:
    with pytest.raises(KeyUnwrapFailed):
        codec.unwrap_batch_key(MASTER_KEY, WRAPPED, batch_id=BATCH_ID[::-1])


@given(bit=st.integers(0, 60 * 8 - 1))
def test_one_changed_bit_anywhere_keeps_it_closed(bit: int) -> None:
    damaged = (int.from_bytes(WRAPPED, "big") ^ 1 << bit).to_bytes(60, "big")
    with pytest.raises(KeyUnwrapFailed):
        codec.unwrap_batch_key(MASTER_KEY, damaged, batch_id=BATCH_ID)


@pytest.mark.parametrize("kept", [0, 1, 7, 11, 12, 13, 27, 28, 59])
def test_a_piece_of_it_does_not_open(kept: int) -> None:
    with pytest.raises(KeyUnwrapFailed):
        codec.unwrap_batch_key(MASTER_KEY, WRAPPED[:kept], batch_id=BATCH_ID)


def test_the_refusal_shows_neither_key_nor_wrapped_key() -> None:
    with pytest.raises(KeyUnwrapFailed) as refusal:
        codec.unwrap_batch_key(OTHER_MASTER_KEY, WRAPPED, batch_id=BATCH_ID)
    said = f"{refusal.value!r} {refusal.value.__cause__!r}"
    assert "\\x" not in said
    assert WRAPPED.hex()[:8] not in said
