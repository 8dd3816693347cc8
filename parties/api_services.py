"""API clients and their keys: made, looked at by each call, put out."""

import hmac
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from ipaddress import ip_address, ip_network
from typing import Any

from django.db import transaction
from django.db.models import Q
from django.db.models.functions import Now

from parties import audit_log
from parties.api_keys import digest_of, make_key_text, prefix_of
from parties.api_models import ApiClient, ApiKey, Scope
from parties.errors import AddressNotAllowed, KeyMadeWrong, KeyNotValid
from parties.models import Brand, Program, User
from parties.prepared import PreparedQuery, Run, by_cursor
from parties.sandboxes import ask_to_fill
from parties.staff_models import Act

MAX_ADDRESSES = 50
SANDBOX_SLUG = "sandbox-"  # no live program or brand is called so
SANDBOX_MARK = "[Sandbox] "
_LONGEST_NAME = 80
_USE_IS_NOTED_EVERY = timedelta(minutes=1)
_NOBODY = "0" * 64
# Of each call the first question.
_KEYS: PreparedQuery[Any] = PreparedQuery(
    lambda: ApiKey.objects.select_related("client__brand__program").annotate(now=Now()).filter(prefix="")
)


@transaction.atomic
def make_key(
    *,
    client: ApiClient,
    scopes: Sequence[Scope],
    addresses: Sequence[str] = (),
    expires_at: datetime | None = None,
    by: User,
    at: datetime,
) -> tuple[ApiKey, str]:
    """A new key of the client and its text, which is told this once.

    `addresses` are networks (`203.0.113.0/24`, `2001:db8::/32`) or single addresses from which it may be
    used; none: from anywhere. KeyMadeWrong if there is no scope, an address is none, or its end has passed.
    """
    rules = {
        "scopes": bool(scopes) and set(scopes) <= set(Scope.values),
        "expires_at": expires_at is None or expires_at > at,
        "addresses": len(addresses) <= MAX_ADDRESSES,
        "client": client.disabled_at is None,
    }
    for field, is_kept in rules.items():
        if not is_kept:
            raise KeyMadeWrong(field)
    new = make_key_text(is_test=client.brand.sandbox_of_id is not None)
    key = ApiKey.objects.create(
        client=client,
        prefix=new.prefix,
        digest=new.digest,
        scopes=[scope.value for scope in Scope if scope in scopes],
        addresses=_networks(addresses),
        created_at=at,
        created_by=by,
        expires_at=expires_at,
    )
    audit_log.record(Act.KEY_MADE, by=by, subject=key, label=f"{client.name} {new.prefix}")
    return key, new.text


def _networks(addresses: Sequence[str]) -> list[str]:
    try:
        return [str(ip_network(address.strip())) for address in addresses]
    except ValueError as error:
        raise KeyMadeWrong("addresses") from error


@transaction.atomic
def replace_key(
    *,
    key_id: int,
    scopes: Sequence[Scope],
    addresses: Sequence[str] = (),
    expires_at: datetime | None = None,
    old_ends_at: datetime,
    by: User,
    at: datetime,
) -> tuple[ApiKey, str]:
    """A successor of the key, and its text, told this once; the key itself is good until `old_ends_at` at
    most. Raises what `make_key` raises.
    """
    old = ApiKey.objects.select_related("client__brand").get(pk=key_id)
    made = make_key(
        client=old.client, scopes=scopes, addresses=addresses, expires_at=expires_at, by=by, at=at
    )
    end_key(key_id=key_id, ends_at=old_ends_at, at=at)
    return made


@transaction.atomic
def open_sandbox(*, brand: Brand, at: datetime) -> Brand:
    """The brand's twin in the sandbox of its program, where nothing is worth anything; the same at every
    call. The twin of a twin is itself.

    All brands of a program have their twins in one sandbox program, as they are together in the live one.
    What isolates brands and programs from each other isolates sandboxes: there is no other rule for them.
    What a first key is tried with is put in behind the commit (`sandboxes.fill_with`).
    """
    twin = brand if brand.sandbox_of_id is not None else _twin_of(brand, at)
    ask_to_fill(twin)
    return twin


def _twin_of(brand: Brand, at: datetime) -> Brand:
    live = brand.program
    program, _is_new = Program.objects.get_or_create(
        slug=f"{SANDBOX_SLUG}{live.pk}",
        is_sandbox=True,
        defaults={
            "name": _sandbox_name(live.name),
            "unit_label": live.unit_label,
            "yen_per_point": live.yen_per_point,
            "created_at": at,
        },
    )
    twin, _is_new = Brand.objects.get_or_create(
        sandbox_of=brand,
        defaults={
            "program": program,
            "slug": f"{SANDBOX_SLUG}{brand.pk}",
            "name": _sandbox_name(brand.name),
            "created_at": at,
        },
    )
    return twin


def _sandbox_name(name: str) -> str:
    """The mark stands in the name itself, so that no list, file or choice can leave it out."""
    return f"{SANDBOX_MARK}{name}"[:_LONGEST_NAME]


def end_key(*, key_id: int, ends_at: datetime, at: datetime) -> None:
    """The key is good until `ends_at` at most: how a key that was replaced overlaps with its successor."""
    later = Q(expires_at=None) | Q(expires_at__gt=ends_at)
    ApiKey.objects.filter(later, pk=key_id, created_at__lt=ends_at).update(expires_at=max(ends_at, at))


@transaction.atomic
def revoke_key(*, key_id: int, by: User, at: datetime) -> None:
    """The key opens nothing from now on. Repeating it is harmless: the first time and person stay."""
    if ApiKey.objects.filter(pk=key_id, revoked_at=None).update(revoked_at=at, revoked_by=by):
        key = ApiKey.objects.select_related("client").get(pk=key_id)
        audit_log.record(Act.KEY_ENDED, by=by, subject=key, label=f"{key.client.name} {key.prefix}")


def disable_client(*, client_id: int, at: datetime) -> None:
    """None of its keys opens anything from now on. Repeating it is harmless."""
    ApiClient.objects.filter(pk=client_id, disabled_at=None).update(disabled_at=at)


def enable_client(*, client_id: int) -> None:
    """Its keys open again, but for those that were revoked or have ended."""
    ApiClient.objects.filter(pk=client_id).update(disabled_at=None)


def authenticate(
    *, text: str, address: Callable[[], str], at: datetime | None = None, run: Run = by_cursor
) -> ApiKey:
    """The key of that text, with its client, brand and program in the same query. `address` is asked for only
    if the key may not be used from anywhere. `at` None (what doors pass) means the database's own clock;
    `run` sends the query.

    KeyNotValid for every reason why it opens nothing: unknown, wrong, revoked, ended, of a disabled client.
    AddressNotAllowed if it is good but not from there.
    """
    prefix = prefix_of(text)
    found = _KEYS.rows(prefix, run=run) if prefix else []
    key: ApiKey | None = found[0] if found else None
    is_the_text = hmac.compare_digest(digest_of(text), key.digest if key else _NOBODY)
    if key is None or not is_the_text:
        raise KeyNotValid
    at = at or found[0].now
    if not _is_open(key, at):
        raise KeyNotValid
    if key.addresses and not is_allowed_from(key, address()):
        raise AddressNotAllowed
    _note_use(key, at)
    return key


def _is_open(key: ApiKey, at: datetime) -> bool:
    has_ended = key.expires_at is not None and key.expires_at <= at
    return key.revoked_at is None and key.client.disabled_at is None and not has_ended


def is_allowed_from(key: ApiKey, address: str) -> bool:
    """Whether the key may be used from that address; an address that can't be read is none of a list's."""
    if not key.addresses:
        return True
    try:
        caller = ip_address(address)
    except ValueError:
        return False
    mapped = getattr(caller, "ipv4_mapped", None)
    return any((mapped or caller) in ip_network(network) for network in key.addresses)


def _note_use(key: ApiKey, at: datetime) -> None:
    """Once a minute at most: a key that is used a hundred times a second must not write each time."""
    stale = at - _USE_IS_NOTED_EVERY
    if key.last_used_at is None or key.last_used_at < stale:
        unnoted = Q(last_used_at=None) | Q(last_used_at__lt=stale)
        ApiKey.objects.filter(unnoted, pk=key.pk).update(last_used_at=at)
