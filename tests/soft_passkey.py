"""A passkey in software, for tests without a browser: makes credentials and assertions (WebAuthn level 2).

`changes` bend one answer: the origin, the flags, the challenge, the host, the key that signs.
"""

import base64
import json
import secrets
from hashlib import sha256
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from fido2 import cbor
from fido2.cose import ES256

PRESENT, VERIFIED, ATTESTED = 0x01, 0x04, 0x40


def text_of(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


class SoftPasskey:
    """One credential in a device, for the user that the site's options name."""

    def __init__(self) -> None:
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.id = secrets.token_bytes(16)
        self.user_handle = ""

    def create(self, options: str, *, origin: str, **changes: Any) -> str:
        """The answer to the options of the page that adds a passkey."""
        wanted = json.loads(options)["publicKey"]
        self.user_handle = wanted["user"]["id"]
        public_key = ES256.from_cryptography_key(self.key.public_key())  # type: ignore[no-untyped-call]
        cose = cbor.encode(dict(public_key))
        attested = bytes(16) + len(self.id).to_bytes(2) + self.id + cose
        flags = changes.pop("flags", PRESENT | VERIFIED) | ATTESTED
        data = self._data(changes.pop("host", wanted["rp"]["id"]), flags) + attested
        response = {
            "clientDataJSON": self._said("webauthn.create", wanted, origin, changes),
            "attestationObject": text_of(cbor.encode({"fmt": "none", "attStmt": {}, "authData": data})),
        }
        return self._credential(response)

    def sign(self, options: str, *, origin: str, **changes: Any) -> str:
        """The answer to the options of the sign-in page."""
        wanted = json.loads(options)["publicKey"]
        flags = changes.pop("flags", PRESENT | VERIFIED)
        data = self._data(changes.pop("host", wanted["rpId"]), flags)
        key = changes.pop("key", self.key)
        handle = changes.pop("user_handle", self.user_handle)
        said = self._said("webauthn.get", wanted, origin, changes)
        client_data = base64.urlsafe_b64decode(said + "==")
        signature = key.sign(data + sha256(client_data).digest(), ec.ECDSA(hashes.SHA256()))
        response = {
            "clientDataJSON": said,
            "authenticatorData": text_of(data),
            "signature": text_of(signature),
            "userHandle": handle,
        }
        return self._credential(response)

    def _data(self, host: str, flags: int) -> bytes:
        return sha256(host.encode()).digest() + bytes([flags]) + (0).to_bytes(4)

    def _said(self, kind: str, wanted: dict[str, Any], origin: str, changes: dict[str, Any]) -> str:
        client_data = {"type": kind, "challenge": wanted["challenge"], "origin": origin} | changes
        return text_of(json.dumps(client_data).encode())

    def _credential(self, response: dict[str, str]) -> str:
        name = text_of(self.id)
        credential = {"id": name, "rawId": name, "type": "public-key", "response": response}
        return json.dumps(credential | {"clientExtensionResults": {}})
