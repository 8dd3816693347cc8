"""Signatures of webhooks as Standard Webhooks 1.0 has them (standardwebhooks.com, symmetric, `v1`)."""

import base64
import hashlib
import hmac
import secrets
from collections.abc import Sequence
from datetime import datetime

PREFIX = "whsec_"
_BYTES = 32  # the standard asks for 24 to 64


def make_secret() -> bytes:
    """Fresh random bytes to sign with."""
    return secrets.token_bytes(_BYTES)


def secret_text(secret: bytes) -> str:
    """The secret as a receiver is told it, once."""
    return PREFIX + base64.b64encode(secret).decode()


def headers(*, event: str, body: bytes, keys: Sequence[bytes], at: datetime) -> dict[str, str]:
    """The three headers of the standard. Each of the secrets has signed, so that a receiver who knows any of
    them can verify; the moment is that of the attempt, so that a repeat is not taken for a replay.
    """
    seconds = str(int(at.timestamp()))
    signed = b".".join([event.encode(), seconds.encode(), body])
    return {
        "webhook-id": event,
        "webhook-timestamp": seconds,
        "webhook-signature": " ".join(f"v1,{_signature(key, signed)}" for key in keys),
    }


def _signature(key: bytes, signed: bytes) -> str:
    return base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()
