"""Which addresses this server lets itself be sent to; pure.

Whoever types an address must not reach what only this server can reach. So the rules say what is good, not
what is bad: https, one of two ports, a name that nobody reads as a number, and nothing that resolves
anywhere but to the public Internet.
"""

import re
from collections.abc import Collection
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import NamedTuple
from urllib.parse import urlsplit

MAX_LENGTH = 500
_PORTS = {443, 8443}
_LETTERS = re.compile(r"[A-Za-z0-9._~:/?&=%!$+,;()*'-]+")
# The last label has a letter first: no way to write an IP address as a number ends so.
_NAME = re.compile(r"(?=.{4,253}\Z)(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z][a-z0-9-]{0,61}[a-z0-9]")
_OF_NOBODY = ("localhost", "local", "internal", "localdomain", "lan", "home.arpa", "onion")

_GLOBAL_V6 = IPv6Network("2000::/3")
_NAT64 = IPv6Network("64:ff9b::/96")  # how a host that speaks IPv6 alone reaches an IPv4 address (RFC 6052)
# Said again, as older versions of Python's registry lack some: those that lead elsewhere, or nowhere.
_CLOSED_V4 = [
    IPv4Network(text)
    for text in ("0.0.0.0/8", "100.64.0.0/10", "192.0.0.0/24", "192.88.99.0/24", "240.0.0.0/4")
]
_CLOSED_V6 = [
    IPv6Network(text) for text in ("2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20", "5f00::/16")
]


class AddressRefused(Exception):
    """Nothing is sent there; `reason` is a word for people who know addresses: no secret is in it."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Target(NamedTuple):
    """Where a webhook goes. `is_test`: somebody who runs a test or the demo has named it, so that http and
    addresses of this machine are taken too.
    """

    scheme: str
    host: str
    port: int
    path: str
    is_test: bool

    @property
    def place(self) -> str:
        """Host and port, as the header Host says them."""
        usual = 443 if self.scheme == "https" else 80
        return self.host if self.port == usual else f"{self.host}:{self.port}"


def read_address(text: str, *, tests: Collection[str] = ()) -> Target:
    """Where `text` leads, told apart to the letter; AddressRefused if it may lead nowhere we go.

    `tests` are "host:port" of receivers on this machine. A name is not looked up here.
    """
    if not _LETTERS.fullmatch(text) or len(text) > MAX_LENGTH:
        raise AddressRefused("letters")
    try:
        parts = urlsplit(text)
        port = {"https": 443, "http": 80}.get(parts.scheme, 0) if parts.port is None else parts.port
    except ValueError:
        raise AddressRefused("form") from None
    host = (parts.hostname or "").lower()
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    is_test = parts.scheme in ("http", "https") and f"{host}:{port}" in tests
    target = Target(parts.scheme, host, port, path, is_test)
    if is_test:
        return target
    if parts.scheme != "https":
        raise AddressRefused("scheme")
    if port not in _PORTS:
        raise AddressRefused("port")
    if not _NAME.fullmatch(host) or host.endswith(tuple(f".{name}" for name in _OF_NOBODY)):
        raise AddressRefused("host")
    return target


def check_found(found: Collection[str], target: Target) -> None:
    """AddressRefused unless every address that the name led to is one of the public Internet, or the target
    is a test's. One bad address among good ones is one too many: the next look-up may give it alone.
    """
    if not found:
        raise AddressRefused("name")
    if not target.is_test and not all(is_public(address) for address in found):
        raise AddressRefused("network")


def is_public(address: str) -> bool:
    """Whether the address is somebody's on the public Internet, in whatever notation the resolver has it."""
    try:
        found = ip_address(address)
    except ValueError:
        return False
    if isinstance(found, IPv4Address):
        return _is_public_v4(found)
    inner = _inner(found)
    if inner is not None:
        return _is_public_v4(inner)
    is_closed = any(found in network for network in _CLOSED_V6) or found.scope_id is not None
    return found in _GLOBAL_V6 and found.is_global and not found.is_multicast and not is_closed


def _is_public_v4(address: IPv4Address) -> bool:
    is_closed = any(address in network for network in _CLOSED_V4)
    return address.is_global and not address.is_multicast and not address.is_reserved and not is_closed


def _inner(address: IPv6Address) -> IPv4Address | None:
    """The IPv4 address that stands behind one of IPv6. 6to4 and Teredo, long out of use, are closed."""
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    return IPv4Address(int(address) & 0xFFFFFFFF) if address in _NAT64 else None
