"""Which key opens what. The master keys come from the environment, salts and wrapped batch keys from the
database.
"""

import secrets

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings

from giftcodes import codec
from giftcodes.delivery_models import FurtherDelivery
from giftcodes.errors import KeysMissing
from giftcodes.models import Batch, Delivery, Series


def newest_master_key_id() -> str:
    """The id under which new series and batches are made: the first of CODE_MASTER_KEYS."""
    return next(iter(settings.CODE_MASTER_KEYS))


def _master_key(key_id: str) -> bytes:
    key: bytes | None = settings.CODE_MASTER_KEYS.get(key_id)
    if key is None:
        raise KeysMissing(f"master key {key_id} is not in CODE_MASTER_KEYS")
    return key


def series_key(series: Series) -> bytes:
    """The key of the series. KeysMissing if its master key is not in the environment."""
    return codec.derive_series_key(_master_key(series.master_key_id), bytes(series.salt), series.digit)


def make_batch_key(batch: Batch) -> None:
    """Give a new batch its random key, wrapped for its public id under the newest master key."""
    batch.master_key_id = newest_master_key_id()
    batch.wrapped_key = codec.wrap_batch_key(
        _master_key(batch.master_key_id), secrets.token_bytes(32), batch_id=batch.public_id.bytes
    )


def batch_key(batch: Batch) -> bytes:
    """The key of the batch. KeysMissing if its master key is not in the environment, or another stands under
    its id.
    """
    master_key = _master_key(batch.master_key_id)
    try:
        return codec.unwrap_batch_key(master_key, bytes(batch.wrapped_key), batch_id=batch.public_id.bytes)
    except codec.KeyUnwrapFailed as error:
        raise KeysMissing(
            f"master key {batch.master_key_id} is not the one that wrapped batch {batch.pk}"
        ) from error


def delivery_secret(delivery: Delivery | FurtherDelivery, *, purpose: bytes, length: int) -> bytes:
    """Secret bytes of one sealed file, derived, never stored: the master key alone or the database alone
    gives none.
    """
    kdf = HKDF(
        hashes.SHA256(),
        length,
        salt=bytes(delivery.salt),
        info=b"delivery/v1/" + purpose + delivery.public_id.bytes,
    )
    return kdf.derive(_master_key(delivery.batch.master_key_id))
