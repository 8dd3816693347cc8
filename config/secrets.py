"""Where the secrets come from, and what is too weak to start with."""

import os
import secrets
import tempfile
from pathlib import Path

from django.core.exceptions import ImproperlyConfigured

_HOW_TO_MAKE_ONE = 'python3 -c "import secrets; print(secrets.token_urlsafe(64))"'
_HOW_TO_MAKE_A_MASTER = "python3 -c \"import secrets; print('k1:' + secrets.token_hex(32))\""


def make_secrets() -> dict[str, str]:
    """Fresh random secrets under the names of their environment variables."""
    return {"SECRET_KEY": secrets.token_urlsafe(64), "CODE_MASTER_KEYS": f"k1:{secrets.token_hex(32)}"}


def keep_demo_secrets(folder: Path) -> dict[str, str]:
    """The demo's secrets, made at the first call into `folder`/secrets.env, which only its owner can read.

    Two first starts at once agree: the file is created by one of them, and both read it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "secrets.env"
    if not path.exists():
        descriptor, draft = tempfile.mkstemp(prefix="secrets.", dir=folder)  # which only its owner can read
        with os.fdopen(descriptor, "w") as file:
            file.writelines(f"{name}={value}\n" for name, value in make_secrets().items())
        try:
            os.link(draft, path)  # fails if another start was first; its secrets then count
        except FileExistsError:
            pass
        finally:
            Path(draft).unlink()
    return dict(line.split("=", 1) for line in path.read_text().splitlines() if "=" in line)


def check_secret_key(value: str) -> str:
    """`value`, if long and varied enough to sign sessions; else a sentence that says what to set."""
    if len(value) < 50 or len(set(value)) < 10 or value.startswith("django-insecure-"):
        raise ImproperlyConfigured(
            "SECRET_KEY is missing or weak: set it to at least 50 random characters, "
            f"for example from: {_HOW_TO_MAKE_ONE}"
        )
    return value


def read_master_keys(value: str) -> dict[str, bytes]:
    """Master keys by id from "id:64 hex digits[,id:64 hex digits...]", newest first; else a sentence that
    says what to set.
    """
    keys: dict[str, bytes] = {}
    for part in filter(None, (part.strip() for part in value.split(","))):
        key_id, _, digits = part.partition(":")
        try:
            key = bytes.fromhex(digits)
        except ValueError:
            key = b""
        if not key_id or len(key_id) > 16 or key_id in keys or len(key) != 32 or len(set(key)) < 8:
            raise ImproperlyConfigured(_MASTER_KEYS_WEAK)
        keys[key_id] = key
    if not keys:
        raise ImproperlyConfigured(_MASTER_KEYS_WEAK)
    return keys


_MASTER_KEYS_WEAK = (
    "CODE_MASTER_KEYS is missing or weak: set it to id:key, the key being 64 random hex digits, "
    f"for example from: {_HOW_TO_MAKE_A_MASTER} "
    "(keep a copy away from the database: without it no code can be claimed)"
)
