"""Addresses of mailings at rest: sealed with AES-256-GCM, and known again by a keyed digest. Both keys are
made (HKDF, RFC 5869) from the master keys of CODE_MASTER_KEYS, each for its purpose alone: the database alone
names nobody, and tells of no address whether it is in a list.
"""

import base64
import hashlib
import hmac
import json
import secrets
import unicodedata
from collections.abc import Mapping
from typing import NamedTuple

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings

from campaigns.errors import MailKeysMissing

_NONCE = 12
_SEALING, _DIGESTING, _SIGNING = (
    b"campaigns/v1/mailing-recipients",
    b"campaigns/v1/mailing-digests",
    b"campaigns/v1/mailing-numbers",
)
_SIGNATURE_HEX = 20  # 80 bits: a report of a bounce can't be forged, and fits before the @


class Person(NamedTuple):
    """Whom a row names, with the fields of their row that texts may use."""

    address: str
    fields: Mapping[str, str]

    def __repr__(self) -> str:  # must not reach a log or a traceback
        return "Person()"


def seal(person: Person) -> str:
    """The row under the newest master key, as "key id:base64"."""
    key_id = next(iter(settings.CODE_MASTER_KEYS))
    nonce = secrets.token_bytes(_NONCE)
    text = json.dumps([person.address, dict(person.fields)], ensure_ascii=False)
    content = nonce + AESGCM(_key(key_id, _SEALING)).encrypt(nonce, text.encode(), None)
    return f"{key_id}:{base64.b64encode(content).decode()}"


def unseal(sealed: str) -> Person:
    """Whom it names. MailKeysMissing if its master key is not in the environment, or does not open it."""
    key_id, _colon, text = sealed.partition(":")
    try:
        content = base64.b64decode(text, validate=True)
        plain = AESGCM(_key(key_id, _SEALING)).decrypt(content[:_NONCE], content[_NONCE:], None)
    except (InvalidTag, ValueError) as error:
        raise MailKeysMissing(f"master key {key_id} does not open this recipient") from error
    address, fields = json.loads(plain)
    return Person(address, fields)


def plain_address(address: str) -> str:
    """The address as it is compared: what differs in case or width only is one address."""
    return unicodedata.normalize("NFKC", address).strip().casefold()


def digests_of(brand_id: int, address: str) -> list[str]:
    """How an address is known to the brand under each master key, the newest first, which is the one that is
    written. Another brand knows it by others.
    """
    message = f"{brand_id}:{plain_address(address)}".encode()
    return [
        hmac.new(_key(key_id, _DIGESTING), message, hashlib.sha256).hexdigest()
        for key_id in settings.CODE_MASTER_KEYS
    ]


def number_of(recipient_id: int) -> str:
    """A recipient's number as mails carry it: signed, of small letters and digits, and without an address."""
    key_id = next(iter(settings.CODE_MASTER_KEYS))
    return f"{recipient_id}.{_signature(key_id, recipient_id)}"


def recipient_numbered(text: str) -> int | None:
    """Whose number it is; None for what was not signed here."""
    number, _dot, signature = text.strip().lower().partition(".")
    if not (number.isascii() and number.isdigit() and len(number) < 19 and signature.isascii()):
        return None
    known = [_signature(key_id, int(number)) for key_id in settings.CODE_MASTER_KEYS]
    return int(number) if any(hmac.compare_digest(signature, right) for right in known) else None


def _signature(key_id: str, recipient_id: int) -> str:
    key = _key(key_id, _SIGNING)
    return hmac.new(key, str(recipient_id).encode(), hashlib.sha256).hexdigest()[:_SIGNATURE_HEX]


def _key(key_id: str, purpose: bytes) -> bytes:
    master: bytes | None = settings.CODE_MASTER_KEYS.get(key_id)
    if master is None:
        raise MailKeysMissing(f"master key {key_id} is not in CODE_MASTER_KEYS")
    return HKDF(hashes.SHA256(), 32, salt=None, info=purpose).derive(master)
