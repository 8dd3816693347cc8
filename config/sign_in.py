"""How people sign in beside the code by e-mail, from the environment; a broken value ends the start with
what to set.
"""

import json
import re
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

from django.core.exceptions import ImproperlyConfigured

from redemption_site.provider import Provider, line

MOST_PROVIDERS = 8
_TEXTS = {"id": 32, "name": 40, "issuer": 200, "client_id": 191, "client_secret": 191}
_EXAMPLE = (
    '[{"id": "example", "name": "Example ID", "issuer": "https://id.example.com", "client_id": "...",'
    ' "client_secret": "...", "email_is_trusted": false}]'
)


def passkey_place(site_url: str, *, is_production: bool) -> tuple[str, str]:
    """The host that passkeys belong to, and the one origin that may use them: those of the site.

    Browsers make none for bare addresses; outside production those are reached as localhost.
    """
    site = urlsplit(site_url)
    host = site.hostname or ""
    if not is_production and _is_bare_address(host):
        host = "localhost"
    return host, f"{site.scheme}://{host}" + (f":{site.port}" if site.port else "")


def read_second_factor(text: str, *, where: str) -> str:
    """Whether staff need a second factor: "required", or "off": for demos alone, and their default."""
    wanted = text or ("off" if where == "demo" else "required")
    if wanted not in ("required", "off") or (wanted == "off" and where != "demo"):
        raise ImproperlyConfigured(
            "STAFF_SECOND_FACTOR must be required: staff approve what is worth money. Only demos may say off."
        )
    return wanted


def _is_bare_address(host: str) -> bool:
    try:
        return bool(ip_address(host))
    except ValueError:
        return False


def read_providers(
    *, channel_id: str, channel_secret: str, oidc: str, needs_https: bool
) -> dict[str, Provider]:
    """Providers by id, LINE first, in their order; none if nothing is set."""
    if bool(channel_id) != bool(channel_secret):
        raise ImproperlyConfigured(
            "LINE_CHANNEL_ID and LINE_CHANNEL_SECRET belong together: set both, or neither, as LINE's console"
            " shows them for the channel."
        )
    found = [line(channel_id, channel_secret)] if channel_id else []
    found += [_read_provider(entry, needs_https=needs_https) for entry in _entries(oidc)]
    providers = {provider.id: provider for provider in found}
    if len(providers) != len(found) or len(found) > MOST_PROVIDERS:
        raise ImproperlyConfigured(
            f"OIDC_PROVIDERS must give each provider an id of its own (line is LINE's), and name at most"
            f" {MOST_PROVIDERS}."
        )
    return providers


def _entries(oidc: str) -> list[Any]:
    if not oidc.strip():
        return []
    try:
        entries = json.loads(oidc)
    except ValueError:
        entries = None  # its error would repeat the secrets
    if not isinstance(entries, list):
        raise ImproperlyConfigured(f"OIDC_PROVIDERS must be a JSON list, for example {_EXAMPLE}")
    return entries


def _read_provider(entry: Any, *, needs_https: bool) -> Provider:
    if not isinstance(entry, dict) or not _has_all_texts(entry):
        raise ImproperlyConfigured(
            f"Each of OIDC_PROVIDERS needs {', '.join(_TEXTS)} as texts, and email_is_trusted as true or"
            f" false if it is named, and nothing else, for example {_EXAMPLE}"
        )
    if not re.fullmatch(r"[a-z][a-z0-9-]*", entry["id"]):
        raise ImproperlyConfigured("OIDC_PROVIDERS: an id has small letters, digits and hyphens only.")
    parts = urlsplit(entry["issuer"])
    is_address = bool(parts.hostname) and not (parts.query or parts.fragment or parts.username)
    if not is_address or parts.scheme not in ({"https"} if needs_https else {"https", "http"}):
        raise ImproperlyConfigured(
            "OIDC_PROVIDERS: an issuer is an address that begins with https://, as the provider's"
            " /.well-known/openid-configuration names it."
        )
    texts = {name: entry[name] for name in _TEXTS}
    return Provider(**texts, is_email_trusted=entry.get("email_is_trusted", False))


def _has_all_texts(entry: dict[str, Any]) -> bool:
    is_flag = isinstance(entry.get("email_is_trusted", False), bool)
    is_known = set(entry) <= {*_TEXTS, "email_is_trusted"}
    return is_flag and is_known and all(_is_text(entry.get(name), most) for name, most in _TEXTS.items())


def _is_text(value: object, most: int) -> bool:
    return isinstance(value, str) and 0 < len(value.strip()) <= most and value.isprintable()
