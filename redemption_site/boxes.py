"""Sealed boxes: what a browser or a provider carries for us, and can neither read nor change."""

import base64
from functools import lru_cache

from cryptography.fernet import Fernet
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings


def box(purpose: str) -> Fernet:
    """Encrypts and authenticates under a key derived from SECRET_KEY for this purpose alone."""
    return _box(settings.SECRET_KEY, purpose)


@lru_cache(maxsize=8)
def _box(secret: str, purpose: str) -> Fernet:
    kdf = HKDF(hashes.SHA256(), 32, salt=None, info=f"redemption_site/v1/{purpose}".encode())
    return Fernet(base64.urlsafe_b64encode(kdf.derive(secret.encode())))
