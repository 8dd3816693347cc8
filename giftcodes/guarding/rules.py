"""The layers of the guard and their numbers, as data; pure. The README says where the numbers come from.

Only a well-formed code that nobody issued is a strike. An honest person makes one per some 1,750 typed codes.
"""

import ipaddress
from collections.abc import Sequence
from enum import IntEnum
from typing import NamedTuple

MINUTE, HOUR, DAY = 60, 3_600, 86_400  # seconds

TYPOS_PER_MINUTE = 60
STRIKES_PER_PERSON = 5
STRIKES_PER_ADDRESS = 30  # an IPv4 address, an IPv6 /64
STRIKES_PER_NETWORK = 100  # an IPv4 /24, an IPv6 /48
STRIKES_OF_STRANGERS = 100  # an hour, of all who are not signed in together
STRIKES_PER_CLIENT = 100  # an hour, of all persons for whom one partner system asks
UNKNOWN_ENTRIES = 300  # an hour, on all pages together: beyond it no entry is counted for the results
LOCK_SECONDS = DAY
PROOF_SECONDS = 600
FALLBACK_DIVISOR = 10
# Of a series' last unknown codes so many are looked at, by the detector of leaked keys.
LEAK_SAMPLE = 30
LEAK_FACTOR, LEAK_FLOOR = 10, 0.2


class Level(IntEnum):
    """How far the breaker is open."""

    OPEN = 0
    CHALLENGE = 1
    CLOSED = 2


class Span(NamedTuple):
    """At most `limit` marks in any `seconds`."""

    seconds: int
    limit: int


class Rule(NamedTuple):
    """A counter: refuse if one of its spans is full. `is_marked`: this try counts. `hold`: a mark that fills
    the first span refuses everything for so many seconds from then.
    """

    key: str
    spans: Sequence[Span]
    is_marked: bool
    hold: int = 0


class Breaker(NamedTuple):
    """When the whole site asks for more; shares in per cent of the tries of the last `window` seconds."""

    window: int = 300
    bucket: int = 10
    least_tries: int = 200
    challenge_percent: int = 1
    close_percent: int = 5
    close_unknown: int = 300
    calm: int = 1_800

    def reached(self, tries: int, unknown: int) -> Level:
        """The level that these counts ask for."""
        if tries < self.least_tries:
            return Level.OPEN
        if unknown > self.close_unknown or unknown * 100 > tries * self.close_percent:
            return Level.CLOSED
        is_challenge = unknown * 100 > tries * self.challenge_percent
        return Level.CHALLENGE if is_challenge else Level.OPEN


class Site(NamedTuple):
    """What one try is to the whole site. `most`: the highest level at which this asker may still try."""

    is_unknown: bool
    most: Level
    breaker: Breaker = Breaker()


class Networks(NamedTuple):
    """What an address counts as: itself (IPv4) or its /64, and the network around it, /24 or /48."""

    address: str
    network: str


NO_ADDRESS = Networks("none", "none")


def networks_of(address: str) -> Networks:
    """The two networks of a client's address; NO_ADDRESS for what is none: such clients count as one.

    >>> networks_of("203.0.113.9")
    Networks(address='203.0.113.9/32', network='203.0.113.0/24')
    >>> networks_of("2001:db8:1:2:3::4")
    Networks(address='2001:db8:1:2::/64', network='2001:db8:1::/48')
    """
    try:
        ip = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return NO_ADDRESS
    if isinstance(ip, ipaddress.IPv6Address):
        if ip.ipv4_mapped is None:
            narrow, wide = (ipaddress.ip_network((ip, bits), strict=False) for bits in (64, 48))
            return Networks(str(narrow), str(wide))
        ip = ip.ipv4_mapped
    return Networks(f"{ip}/32", str(ipaddress.ip_network((ip, 24), strict=False)))


def tightened(rule: Rule) -> Rule:
    """The rule at a tenth of its limits, and without its hold: for the time without Redis."""
    spans = [Span(seconds, max(1, limit // FALLBACK_DIVISOR)) for seconds, limit in rule.spans]
    return rule if rule.key.startswith("proof:") else rule._replace(spans=spans, hold=0)


def tightened_site(site: Site) -> Site:
    """The same for the breaker: its counts, not its shares."""
    breaker = site.breaker
    return site._replace(
        breaker=breaker._replace(
            least_tries=breaker.least_tries // FALLBACK_DIVISOR,
            close_unknown=breaker.close_unknown // FALLBACK_DIVISOR,
        )
    )


def is_leak(*, unknown: int, in_range: int, issued_share: float) -> bool:
    """Whether unknown codes hit issued ranges more often than guesses without the series key would."""
    return unknown >= LEAK_SAMPLE and in_range / unknown > max(LEAK_FACTOR * issued_share, LEAK_FLOOR)
