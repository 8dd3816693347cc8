"""Passkeys (WebAuthn level 2): made and checked by python-fido2, kept in django-allauth's table.

Challenges are ours: signed, for one purpose and one person, half an hour, and one answer. So a page that
offers a passkey needs no session. A passkey proves its person by itself (user verification is required) and
is no second factor for members: there is nothing beside it to type. Staff show one after their password.
"""

import hmac
import json
import secrets
import struct
import time
from typing import Any

from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.mfa.models import Authenticator
from allauth.mfa.webauthn.internal import auth
from cryptography.exceptions import UnsupportedAlgorithm
from django.conf import settings
from django.core.cache import cache
from django.core.exceptions import ValidationError
from django.utils.crypto import salted_hmac
from fido2.utils import websafe_encode
from fido2.webauthn import (
    AuthenticationResponse,
    CollectedClientData,
    RegistrationResponse,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from parties import factor_sealing
from parties.models import User
from redemption_site.identities import passkeys_of

MOST_PASSKEYS = 10  # of one user
SECONDS_OPEN = 30 * 60
_MOST_LETTERS = 20_000
_RANDOM, _CLOCK = 16, 8  # bytes
_SIGN_IN, _ADD, _CONFIRM = "sign-in", "add", "confirm"


class PasskeyRefused(Exception):
    """Not an answer to a challenge of ours by a passkey that we know; or one too many."""


class PasskeyAdapter(DefaultMFAAdapter):  # type: ignore[misc]  # allauth ships no types
    """Whom a passkey is for, as the browser's own dialogue names it; and how secrets of staff's authenticator
    apps and recovery codes are kept.
    """

    def encrypt(self, text: str) -> str:
        return factor_sealing.seal(text)

    def decrypt(self, encrypted_text: str) -> str:
        return factor_sealing.unseal(encrypted_text)

    def get_public_key_credential_rp_entity(self) -> dict[str, str]:
        return {"id": settings.PASSKEY_HOST, "name": "Tokuten"}


def options_to_sign_in() -> str:
    """What the page hands to the browser to sign in with any passkey of this site, as JSON."""
    options, _state = auth.get_server().authenticate_begin(
        user_verification=UserVerificationRequirement.REQUIRED, challenge=_new_challenge(_SIGN_IN)
    )
    return json.dumps(_plain(options))


def options_to_add(user: User) -> str:
    """What the page hands to the browser to make a passkey for the user, as JSON."""
    options, _state = auth.get_server().register_begin(
        user=auth.build_user_payload(user),
        credentials=auth.get_credentials(user),
        resident_key_requirement=ResidentKeyRequirement.REQUIRED,
        user_verification=UserVerificationRequirement.REQUIRED,
        challenge=_new_challenge(_add_for(user)),
    )
    return json.dumps(_plain(options))


def options_to_confirm(user: User) -> str:
    """What the page hands to the browser so that this user shows one of their passkeys, as JSON."""
    options, _state = auth.get_server().authenticate_begin(
        credentials=auth.get_credentials(user),
        user_verification=UserVerificationRequirement.REQUIRED,
        challenge=_new_challenge(_confirm_for(user)),
    )
    return json.dumps(_plain(options))


def passkey_behind(credential: str) -> Authenticator:
    """The passkey that gave this answer to a challenge of the sign-in. PasskeyRefused for anything else."""
    return _passkey_behind(credential, _SIGN_IN)


def passkey_of(user: User, credential: str) -> Authenticator:
    """The user's passkey that gave this answer to a challenge made for them to confirm who they are.
    PasskeyRefused for anything else.
    """
    return _passkey_behind(credential, _confirm_for(user), user)


def _passkey_behind(credential: str, purpose: str, owner: User | None = None) -> Authenticator:
    try:
        answer = _parsed(credential)
        client_data = AuthenticationResponse.from_dict(answer).response.client_data
        state = _state_of(client_data, purpose)
        user = owner or auth.extract_user_from_response(answer)
        found = auth.get_server().authenticate_complete(state, auth.get_credentials(user), answer)
        passkey = auth.get_authenticator_by_credential_id(user, found.credential_id)
    except _NOT_AN_ANSWER as reason:
        raise PasskeyRefused from reason
    if passkey is None:
        raise PasskeyRefused
    return passkey


def add_passkey(*, user: User, name: str, credential: str) -> Authenticator:
    """Keep the new passkey of the user under a name. PasskeyRefused if it answers no challenge of ours, or
    the user has enough of them.
    """
    if passkeys_of(user).count() >= MOST_PASSKEYS:
        raise PasskeyRefused
    try:
        answer = _parsed(credential)
        client_data = RegistrationResponse.from_dict(answer).response.client_data
        auth.get_server().register_complete(_state_of(client_data, _add_for(user)), answer)
    except _NOT_AN_ANSWER as reason:
        raise PasskeyRefused from reason
    passkey: Authenticator = auth.WebAuthn.add(user, name, answer).instance
    return passkey


# It came with a form, so it may be anything; what is no answer fails in one of these ways (a cache or a
# database that is away does not: that is a 503).
_NOT_AN_ANSWER = (
    ArithmeticError,
    AssertionError,  # python-fido2 asserts what it expects of a device
    AttributeError,
    LookupError,
    RecursionError,
    TypeError,
    UnsupportedAlgorithm,
    ValidationError,
    ValueError,
    struct.error,
)


def _parsed(credential: str) -> dict[str, Any]:
    if len(credential) > _MOST_LETTERS:
        raise ValueError("too long")
    answer = json.loads(credential)
    if not isinstance(answer, dict):
        raise TypeError("not an object")
    return answer


def _state_of(client_data: CollectedClientData, purpose: str) -> dict[str, str]:
    """The state that python-fido2 compares with, if the challenge is ours, open, and unanswered so far.

    It would take any https origin below our host; only our own one makes forms for us.
    """
    challenge = client_data.challenge
    if client_data.origin != settings.PASSKEY_ORIGIN or not hmac.compare_digest(
        challenge, _signed(challenge[: _RANDOM + _CLOCK], purpose)
    ):
        raise ValueError("not made here")
    age = time.time() - int.from_bytes(challenge[_RANDOM : _RANDOM + _CLOCK])
    # One atomic step for all processes; without the cache nobody gets further.
    if age > SECONDS_OPEN or not cache.add(f"passkey:{challenge[:_RANDOM].hex()}", 1, SECONDS_OPEN + 60):
        raise ValueError("too old, or answered before")
    return {"challenge": websafe_encode(challenge), "user_verification": UserVerificationRequirement.REQUIRED}


def _new_challenge(purpose: str) -> bytes:
    return _signed(secrets.token_bytes(_RANDOM) + int(time.time()).to_bytes(_CLOCK), purpose)


def _signed(start: bytes, purpose: str) -> bytes:
    salt = f"redemption_site/v1/passkey/{purpose}"
    return start + salted_hmac(salt, start, algorithm="sha256").digest()[:_RANDOM]


def _add_for(user: User) -> str:
    return f"{_ADD}/{user.pk}"


def _confirm_for(user: User) -> str:
    return f"{_CONFIRM}/{user.pk}"


def _plain(value: Any) -> Any:
    """python-fido2's options as the browser's JSON form of them: bytes are base64url."""
    if isinstance(value, bytes):
        return websafe_encode(value)
    if hasattr(value, "items"):
        return {name: _plain(part) for name, part in value.items() if part is not None}
    return [_plain(part) for part in value] if isinstance(value, (list, tuple)) else value
