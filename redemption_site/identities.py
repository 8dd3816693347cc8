"""Who a provider says somebody is, which user that is, and the ways in that each user has."""

from contextlib import suppress
from typing import NamedTuple

from allauth.mfa.models import Authenticator
from allauth.socialaccount.models import SocialAccount
from django.conf import settings
from django.contrib.auth.hashers import make_password
from django.db import IntegrityError, transaction
from django.db.models import QuerySet

from parties.models import User

_MOST_WINNERS = 2  # whoever took the address, and whoever connected the account


class Identity(NamedTuple):
    """Somebody at a provider. `uid` is the provider's own constant name for them.

    `name` is what they call themselves there: plain text, and no proof of anything. `email` is there only if
    the provider has verified it and the settings trust it to.
    """

    provider_id: str
    uid: str
    name: str
    email: str | None = None


class ConnectedElsewhere(Exception):
    """That account signs somebody else in."""


class LastWayIn(Exception):
    """Without it the user could never sign in again."""


def admit_person(identity: Identity) -> User:
    """The user of this identity; a newcomer becomes one.

    Of first sign-ins at once, by this provider or by the mailbox, the unique keys let one in; the others look
    once more and find that user. Without an address that counts, a newcomer gets a user without one, never
    somebody else's. Staff and people who were shut out are given back as they are, and nothing is connected
    to them: they can't sign in here.
    """
    for _ in range(_MOST_WINNERS):
        with suppress(IntegrityError):
            return _admit(identity)
    return _admit(identity)


def _admit(identity: Identity) -> User:
    account = _account_of(identity)
    if account is not None:
        user: User = account.user
        return user
    known = User.objects.filter(email__iexact=identity.email).first() if identity.email else None
    if known is not None and (known.is_staff or not known.is_active):
        return known
    return _take_in(identity, known)


@transaction.atomic
def _take_in(identity: Identity, known: User | None) -> User:
    user = known or User.objects.create(
        email=identity.email, name=identity.name, password=make_password(None)
    )
    _connect(user, identity)
    return user


def connect_account(*, user: User, identity: Identity) -> bool:
    """Let this identity sign the user in. Whether it is new: twice is harmless. ConnectedElsewhere if it is
    another user's.
    """
    try:
        with transaction.atomic():
            _connect(user, identity)
    except IntegrityError:
        account = _account_of(identity)
        if account is None or account.user_id != user.pk:
            raise ConnectedElsewhere from None
        return False
    return True


@transaction.atomic
def disconnect_account(*, user: User, account_id: int) -> bool:
    """Forget a connected account of the user. Whether it was there. LastWayIn if nothing else is left."""
    _keep_a_way_in(user)
    gone, _rows = SocialAccount.objects.filter(user_id=user.pk, pk=account_id).delete()
    return bool(gone)


@transaction.atomic
def remove_passkey(*, user: User, passkey_id: int) -> None:
    """Forget a passkey of the user, if it is there. LastWayIn if nothing else is left."""
    _keep_a_way_in(user)
    passkeys_of(user).filter(pk=passkey_id).delete()


def passkeys_of(user: User) -> "QuerySet[Authenticator]":
    """The user's passkeys, oldest first."""
    found: QuerySet[Authenticator] = Authenticator.objects.filter(
        user_id=user.pk, type=Authenticator.Type.WEBAUTHN
    ).order_by("pk")
    return found


def accounts_of(user: User) -> "QuerySet[SocialAccount]":
    """The user's accounts at providers, oldest first, those of providers that are gone included."""
    found: QuerySet[SocialAccount] = SocialAccount.objects.filter(user_id=user.pk).order_by("pk")
    return found


def has_spare_way_in(user: User) -> bool:
    """Whether one passkey or account may go: a mailbox is a way in, and so is each of the others."""
    usable = accounts_of(user).filter(provider__in=settings.SIGN_IN_PROVIDERS)
    return bool(user.email) or passkeys_of(user).count() + usable.count() > 1


def _keep_a_way_in(user: User) -> None:
    # Two removals at once would each count the other's way in: one after the other, per user.
    locked = User.objects.select_for_update(no_key=True).get(pk=user.pk)
    if not has_spare_way_in(locked):
        raise LastWayIn


def _account_of(identity: Identity) -> SocialAccount | None:
    found = SocialAccount.objects.select_related("user")
    return found.filter(provider=identity.provider_id, uid=identity.uid).first()


def _connect(user: User, identity: Identity) -> None:
    SocialAccount.objects.create(
        user=user, provider=identity.provider_id, uid=identity.uid, extra_data={"name": identity.name}
    )
