"""Proof of work for the time of an attack: ALTCHA's challenge, version 2, made and checked here.

The browser derives keys from counters until one fits, at most MOST_COUNTERS of them; we derive one. A
challenge is for one person and ten minutes, and the guard takes each proof once.
"""

import json
import secrets
from datetime import datetime, timedelta
from functools import lru_cache

import altcha
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings
from django.utils import timezone

from giftcodes.guarding.rules import PROOF_SECONDS

ALGORITHM, ITERATIONS = "PBKDF2/SHA-256", 5_000
LEAST_COUNTERS, MOST_COUNTERS = 128, 256  # half a second for a laptop, some seconds for an old phone
MOST_LETTERS = 4_096
_PREFIX_BYTES = 16


def new_challenge(person: str) -> str:
    """A challenge for that person, as JSON for the page's script."""
    expires_at: datetime = timezone.now() + timedelta(seconds=PROOF_SECONDS)
    challenge = altcha.create_challenge(
        ALGORITHM,
        ITERATIONS,
        counter=LEAST_COUNTERS + secrets.randbelow(MOST_COUNTERS - LEAST_COUNTERS),
        key_prefix_length=_PREFIX_BYTES,
        expires_at=expires_at,
        data={"person": person},
        hmac_secret=_secret(settings.SECRET_KEY, b"challenge"),
        hmac_key_secret=_secret(settings.SECRET_KEY, b"key"),
    )
    return json.dumps(challenge.to_dict())


def proof_id(text: str, person: str) -> str:
    """The unique name of a right proof by that person; "" for anything else."""
    if not text or len(text) > MOST_LETTERS:
        return ""
    try:
        payload = altcha.Payload.from_base64(text)
        result = altcha.verify_solution(
            payload,
            _secret(settings.SECRET_KEY, b"challenge"),
            hmac_key_secret=_secret(settings.SECRET_KEY, b"key"),
        )
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):  # it came from a form
        return ""
    is_theirs = (payload.challenge.parameters.data or {}).get("person") == person
    return str(payload.challenge.signature)[:32] if result.verified and is_theirs else ""


@lru_cache(maxsize=4)
def _secret(secret: str, purpose: bytes) -> bytes:
    return HKDF(hashes.SHA256(), 32, salt=None, info=b"redemption_site/v1/proof/" + purpose).derive(
        secret.encode()
    )
