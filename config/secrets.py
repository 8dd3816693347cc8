"""Where the secrets come from, and what is too weak to start with."""

import fcntl
import os
import secrets
import tempfile
from collections.abc import Callable, Container
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from django.core.exceptions import ImproperlyConfigured

_HOW_TO_MAKE_ONE = 'python3 -c "import secrets; print(secrets.token_urlsafe(64))"'
_HOW_TO_MAKE_A_MASTER = "python3 -c \"import secrets; print('k1:' + secrets.token_hex(32))\""
_HOW_TO_MAKE_A_SEAL = _HOW_TO_MAKE_A_MASTER.replace("k1:", "s1:")
_HOW_TO_MAKE_A_NUMBER_KEY = _HOW_TO_MAKE_A_MASTER.replace("k1:", "n1:")


_PEM_START, _PEM_END = (f"-----{where} PRIVATE KEY-----" for where in ("BEGIN", "END"))


def make_signing_key() -> str:
    """A PEM on one line, as a file of environment variables holds it, for the demo and the tests."""
    key = generate_private_key(public_exponent=65_537, key_size=2048)
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    return pem.strip().replace("\n", "\\n")


_MAKERS: dict[str, Callable[[], str]] = {
    "SECRET_KEY": lambda: secrets.token_urlsafe(64),
    "CODE_MASTER_KEYS": lambda: f"k1:{secrets.token_hex(32)}",
    "LEDGER_SEAL_KEYS": lambda: f"s1:{secrets.token_hex(32)}",
    "MEMBERSHIP_NUMBER_KEYS": lambda: f"n1:{secrets.token_hex(32)}",
    "IDP_OIDC_PRIVATE_KEY": make_signing_key,
}


def make_secrets(given: Container[str] = ()) -> dict[str, str]:
    """Fresh random secrets under the names of their environment variables, but for those that are given."""
    return {name: make() for name, make in _MAKERS.items() if name not in given}


def keep_demo_secrets(folder: Path) -> dict[str, str]:
    """The demo's secrets, made at the first call into `folder`/secrets.env, which only its owner can read.

    A secret that the file of an older version lacks is added; those it has stay. Starts at once agree: one
    after the other looks and writes, and the file is replaced whole.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "secrets.env"
    kept = _read_secrets(path)
    if kept.keys() >= _MAKERS.keys():
        return kept
    turn = os.open(folder, os.O_RDONLY)  # the folder is what they queue for: no lock file stays behind
    try:
        fcntl.flock(turn, fcntl.LOCK_EX)
        kept = _read_secrets(path)
        kept |= make_secrets(given=kept)
        _write_secrets(path, kept)
    finally:
        os.close(turn)
    return kept


def _read_secrets(path: Path) -> dict[str, str]:
    if not path.exists():
        return {}
    return dict(line.split("=", 1) for line in path.read_text().splitlines() if "=" in line)


def _write_secrets(path: Path, values: dict[str, str]) -> None:
    descriptor, draft = tempfile.mkstemp(prefix="secrets.", dir=path.parent)  # only its owner can read it
    with os.fdopen(descriptor, "w") as file:
        file.writelines(f"{name}={value}\n" for name, value in values.items())
        file.flush()
        os.fsync(file.fileno())
    Path(draft).replace(path)


def check_secret_key(value: str) -> str:
    """`value`, if long and varied enough to sign sessions; else a sentence that says what to set."""
    if len(value) < 50 or len(set(value)) < 10 or value.startswith("django-insecure-"):
        raise ImproperlyConfigured(
            "SECRET_KEY is missing or weak: set it to at least 50 random characters, "
            f"for example from: {_HOW_TO_MAKE_ONE}"
        )
    return value


def read_master_keys(value: str) -> dict[str, bytes]:
    """Master keys of the codes by id, newest first; else a sentence that says what to set."""
    return _read_keys(value, _MASTER_KEYS_WEAK)


def read_seal_keys(value: str) -> dict[str, bytes]:
    """Keys of sealed days and of the claim journal by id, newest first; else a sentence that says what to
    set.
    """
    return _read_keys(value, _SEAL_KEYS_WEAK)


def read_number_keys(value: str) -> dict[str, bytes]:
    """Keys that membership numbers are kept under, newest first; else a sentence that says what to set."""
    return _read_keys(value, _NUMBER_KEYS_WEAK)


def read_signing_keys(value: str) -> list[str]:
    """The PEM texts of the keys that identities are signed with, the one that signs first; none if nothing is
    set. A sentence that says what to set if one is weak, locked or no key.
    """
    text = value.replace("\\n", "\n").strip()
    keys = [f"{part.strip()}\n{_PEM_END}\n" for part in text.split(_PEM_END)[:-1]]
    if "".join(keys).split() != text.split() or len(set(keys)) != len(keys):
        raise ImproperlyConfigured(_SIGNING_KEY_WEAK)
    for pem in keys:
        if not pem.startswith(_PEM_START):
            raise ImproperlyConfigured(_SIGNING_KEY_WEAK)
        try:
            key = load_pem_private_key(pem.encode(), password=None)
        except (ValueError, TypeError):
            raise ImproperlyConfigured(_SIGNING_KEY_WEAK) from None  # the reason may quote the key
        if not isinstance(key, RSAPrivateKey) or key.key_size < 2048:
            raise ImproperlyConfigured(_SIGNING_KEY_WEAK)
    return keys


def _read_keys(value: str, advice: str) -> dict[str, bytes]:
    """Keys by id from "id:64 hex digits[,id:64 hex digits...]", in their order."""
    keys: dict[str, bytes] = {}
    for part in filter(None, (part.strip() for part in value.split(","))):
        key_id, _, digits = part.partition(":")
        try:
            key = bytes.fromhex(digits)
        except ValueError:
            key = b""
        if not key_id or len(key_id) > 16 or key_id in keys or len(key) != 32 or len(set(key)) < 8:
            raise ImproperlyConfigured(advice)
        keys[key_id] = key
    if not keys:
        raise ImproperlyConfigured(advice)
    return keys


_MASTER_KEYS_WEAK = (
    "CODE_MASTER_KEYS is missing or weak: set it to id:key, the key being 64 random hex digits, "
    f"for example from: {_HOW_TO_MAKE_A_MASTER} "
    "(keep a copy away from the database: without it no code can be claimed)"
)
_SEAL_KEYS_WEAK = (
    "LEDGER_SEAL_KEYS is missing or weak: set it to id:key, the key being 64 random hex digits, "
    f"for example from: {_HOW_TO_MAKE_A_SEAL} "
    "(keep a copy away from the database: without it no sealed day can be checked)"
)
_NUMBER_KEYS_WEAK = (
    "MEMBERSHIP_NUMBER_KEYS is missing or weak: set it to id:key, the key being 64 random hex digits, "
    f"for example from: {_HOW_TO_MAKE_A_NUMBER_KEY} "
    "(keep a copy away from the database: without it nobody is found by their membership number)"
)
_SIGNING_KEY_WEAK = (
    "IDP_OIDC_PRIVATE_KEY is weak or broken: leave it out (no single sign-on), or set it to an RSA key of at"
    " least 2048 bits as PEM (PKCS #8, without a password), for example from: openssl genpkey -algorithm RSA"
    " -pkeyopt rsa_keygen_bits:3072 (further keys after the first are published, but don't sign)"
)
