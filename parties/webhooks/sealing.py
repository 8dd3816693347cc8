"""Secrets of webhook endpoints at rest: AES-256-GCM under a key of this purpose alone (HKDF from a master key
of CODE_MASTER_KEYS), bound to their endpoint. Neither the database nor the environment alone opens one.
"""

import secrets
import uuid
from typing import NamedTuple

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings

from parties.errors import WebhookKeysMissing

_NONCE = 12
_PURPOSE = b"parties/v1/webhook-secret"


class Sealed(NamedTuple):
    """A sealed secret, and the id of the master key that opens it."""

    content: bytes
    key_id: str


def seal(secret: bytes, *, endpoint: uuid.UUID) -> Sealed:
    """The secret under the newest master key."""
    key_id = next(iter(settings.CODE_MASTER_KEYS))
    nonce = secrets.token_bytes(_NONCE)
    return Sealed(nonce + _cipher(key_id).encrypt(nonce, secret, endpoint.bytes), key_id)


def unseal(sealed: Sealed, *, endpoint: uuid.UUID) -> bytes:
    """The secret. WebhookKeysMissing if its master key is not in the environment, or another stands under its
    id.
    """
    nonce, content = sealed.content[:_NONCE], sealed.content[_NONCE:]
    try:
        return _cipher(sealed.key_id).decrypt(nonce, content, endpoint.bytes)
    except InvalidTag as error:
        raise WebhookKeysMissing(f"master key {sealed.key_id} does not open endpoint {endpoint}") from error


def _cipher(key_id: str) -> AESGCM:
    master: bytes | None = settings.CODE_MASTER_KEYS.get(key_id)
    if master is None:
        raise WebhookKeysMissing(f"master key {key_id} is not in CODE_MASTER_KEYS")
    return AESGCM(HKDF(hashes.SHA256(), 32, salt=None, info=_PURPOSE).derive(master))
