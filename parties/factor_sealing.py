"""Secrets of authenticator apps and of recovery codes at rest: AES-256-GCM under a key of this purpose alone
(HKDF from a master key of CODE_MASTER_KEYS). The database alone shows no factor of anybody.
"""

import base64
import secrets

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings

from parties.errors import FactorKeysMissing

_NONCE = 12
_PURPOSE = b"parties/v1/second-factor"


def seal(secret: str) -> str:
    """The secret under the newest master key, as "key id:base64"."""
    key_id = next(iter(settings.CODE_MASTER_KEYS))
    nonce = secrets.token_bytes(_NONCE)
    content = nonce + _cipher(key_id).encrypt(nonce, secret.encode(), None)
    return f"{key_id}:{base64.b64encode(content).decode()}"


def unseal(sealed: str) -> str:
    """The secret. FactorKeysMissing if its master key is not in the environment, or does not open it."""
    key_id, _colon, text = sealed.partition(":")
    try:
        content = base64.b64decode(text, validate=True)
        return _cipher(key_id).decrypt(content[:_NONCE], content[_NONCE:], None).decode()
    except (InvalidTag, ValueError) as error:
        raise FactorKeysMissing(f"master key {key_id} does not open this factor") from error


def _cipher(key_id: str) -> AESGCM:
    master: bytes | None = settings.CODE_MASTER_KEYS.get(key_id)
    if master is None:
        raise FactorKeysMissing(f"master key {key_id} is not in CODE_MASTER_KEYS")
    return AESGCM(HKDF(hashes.SHA256(), 32, salt=None, info=_PURPOSE).derive(master))
