"""Signed identities (ID tokens): written, read back, and the public keys to read them with.

allauth chooses which key signs. It parses the key each time it needs it, which takes 59 ms of CPU; here each
is parsed once in a process.
"""

from functools import lru_cache
from typing import Any

import jwt
from allauth.core.internal import jwkkit
from allauth.idp.oidc.adapter import get_adapter
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from django.conf import settings

ALGORITHM = "RS256"


@lru_cache(maxsize=8)
def _parsed(pem: str) -> tuple[dict[str, Any], RSAPrivateKey]:
    found: tuple[dict[str, Any], RSAPrivateKey] = jwkkit.load_jwk_from_pem(pem)
    return found


def _published() -> list[tuple[dict[str, Any], RSAPrivateKey]]:
    return [_parsed(key.pem) for key in get_adapter().list_private_keys(is_active=True)]


def public_keys() -> list[dict[str, Any]]:
    """The key set, as JSON Web Keys: the one that signs, and those before and after it."""
    return [public for public, _private in _published()]


def sign_identity(claims: dict[str, Any]) -> str:
    """The claims, signed by the newest key."""
    public, private = _parsed(get_adapter().get_signing_key().pem)
    return jwt.encode(claims, private, algorithm=ALGORITHM, headers={"kid": public["kid"]})


def read_identity(token: str, *, audience: str | None = None) -> dict[str, Any]:
    """What an identity of ours says, for `audience` alone if one is named; nothing if it is not ours. One
    that has ended is still a hint at somebody.
    """
    try:
        key_id = jwt.get_unverified_header(token).get("kid")
        key = next(private for public, private in _published() if public["kid"] == key_id)
        return jwt.decode(
            token,
            key.public_key(),
            algorithms=[ALGORITHM],
            audience=audience,
            issuer=settings.SITE_URL,
            options={"verify_exp": False, "verify_aud": audience is not None},
        )
    except (jwt.PyJWTError, StopIteration):
        return {}
