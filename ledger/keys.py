"""Keys of what is kept outside the database: sealed days and the claim journal."""

import hashlib
import hmac

from django.conf import settings

from ledger.errors import SealKeyMissing


def newest_seal_key_id() -> str:
    """The id of the key that new seals are made with: the first one of LEDGER_SEAL_KEYS."""
    return next(iter(settings.LEDGER_SEAL_KEYS))


def seal_key(key_id: str, *, purpose: str) -> bytes:
    """The key of that id for one purpose (32 bytes): HMAC-SHA256 of the purpose under the configured key.

    Two purposes never share a key. SealKeyMissing if LEDGER_SEAL_KEYS no longer has the id.
    """
    root = settings.LEDGER_SEAL_KEYS.get(key_id)
    if root is None:
        raise SealKeyMissing(f"LEDGER_SEAL_KEYS has no key {key_id!r}: add it behind the newer ones")
    return hmac.digest(root, purpose.encode(), hashlib.sha256)
