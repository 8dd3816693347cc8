"""Who tries, as the guard knows them: keyed hashes, so that neither Redis nor the tables say who it was."""

import hmac
import secrets
from functools import lru_cache
from typing import NamedTuple

from django.conf import settings

from giftcodes.guarding.rules import (
    DAY,
    HOUR,
    LOCK_SECONDS,
    MINUTE,
    PROOF_SECONDS,
    STRIKES_OF_STRANGERS,
    STRIKES_PER_ADDRESS,
    STRIKES_PER_CLIENT,
    STRIKES_PER_NETWORK,
    STRIKES_PER_PERSON,
    TYPOS_PER_MINUTE,
    UNKNOWN_ENTRIES,
    Rule,
    Span,
    networks_of,
)

# What can't be taken for each other when a number is read out: no 0 1 I L O U.
LETTERS = "23456789ABCDEFGHJKMNPQRSTVWXYZ"
STRANGERS_KEY = "strike:strangers"


class Visitor(NamedTuple):
    """One who tries: person and address as hashes, and the network around the address as it is."""

    person: str
    address: str
    network: str

    @property
    def strike_key(self) -> str:
        """The counter of the person's strikes; its hold is the lock."""
        return f"strike:{self.person}"


def visitor(*, person: str, address: str) -> Visitor:
    """The visitor behind a name that stands for one person (`member_name`) and the client's address."""
    networks = networks_of(address)
    return Visitor(_hash(person), _hash(networks.address), networks.network)


def visitor_of_client(*, person: str, client_id: int) -> Visitor:
    """The visitor behind such a name, for whom a partner system asks. Its servers' address says nothing about
    who typed the code, so the client stands in its place.
    """
    name = f"client:{client_id}"
    return Visitor(_hash(person), _hash(name), name)


def member_name(member_id: int) -> str:
    """The name by which the guard knows a member."""
    return f"member:{member_id}"


def stranger_name(visitor_id: str) -> str:
    """The name by which the guard knows a browser in which nobody is signed in."""
    return f"stranger:{visitor_id}"


def newcomer_name(number_digest: str) -> str:
    """The name by which the guard knows who is named by a number of a brand that nobody has used yet."""
    return f"newcomer:{number_digest}"


def person_of(member_id: int) -> str:
    """The hash that stands for a member in the tables."""
    return _hash(member_name(member_id))


def new_reference(length: int = 8) -> str:
    """A number for support: so many characters, of 30."""
    return "".join(secrets.choice(LETTERS) for _ in range(length))


def typo_rules(of: Visitor) -> list[Rule]:
    """A wrong check digit: counted by address, never a strike."""
    return [Rule(f"typo:{of.address}", [Span(MINUTE, TYPOS_PER_MINUTE)], is_marked=True)]


def entry_rules(of: Visitor, *, is_unknown: bool) -> list[Rule]:
    """What stands between an entry of a code and its count in the results, which staff of the brand read: a
    bot that is not signed in would learn from them which of its guesses exist. They refuse no claim.
    """
    return [
        Rule(f"entered:{of.address}", [Span(DAY, STRIKES_PER_ADDRESS)], is_marked=is_unknown),
        Rule(f"entered:{of.network}", [Span(DAY, STRIKES_PER_NETWORK)], is_marked=is_unknown),
        Rule("entered:everybody", [Span(HOUR, UNKNOWN_ENTRIES)], is_marked=is_unknown),
    ]


def client_typo_rules(of: Visitor) -> list[Rule]:
    """The same of somebody for whom a partner system asks: counted by person."""
    return [Rule(f"typo:{of.person}", [Span(MINUTE, TYPOS_PER_MINUTE)], is_marked=True)]


def client_rules(of: Visitor, *, is_unknown: bool) -> list[Rule]:
    """What stands between a try through a partner system and the claim: the limits of the person, and
    strikes of all persons of the client together instead of those of networks.
    """
    together = [Span(HOUR, STRIKES_PER_CLIENT)]
    return [*_person_rules(of, is_unknown), Rule(f"strike:{of.address}", together, is_marked=is_unknown)]


def try_rules(of: Visitor, *, is_unknown: bool, proof_id: str, is_stranger: bool = False) -> list[Rule]:
    """All that stands between one try and the claim. An unknown code is a strike; those of strangers, who are
    not signed in and can be a new person with each try, also count together.
    """
    rules = [
        *_person_rules(of, is_unknown),
        Rule(f"strike:{of.address}", [Span(DAY, STRIKES_PER_ADDRESS)], is_marked=is_unknown),
        Rule(f"strike:{of.network}", [Span(DAY, STRIKES_PER_NETWORK)], is_marked=is_unknown),
    ]
    if is_stranger:
        together = [Span(HOUR, STRIKES_OF_STRANGERS)]
        rules.append(Rule(STRANGERS_KEY, together, is_marked=is_unknown))
    if proof_id:
        rules.append(Rule(f"proof:{proof_id}", [Span(PROOF_SECONDS, 1)], is_marked=True))
    return rules


def _person_rules(of: Visitor, is_unknown: bool) -> list[Rule]:
    tries = [Span(MINUTE, settings.CLAIM_TRIES_PER_MINUTE), Span(HOUR, settings.CLAIM_TRIES_PER_HOUR)]
    return [
        Rule(f"try:{of.person}", tries, is_marked=True),
        Rule(of.strike_key, [Span(DAY, STRIKES_PER_PERSON)], is_marked=is_unknown, hold=LOCK_SECONDS),
    ]


def _hash(text: str) -> str:
    return hmac.digest(_key(settings.SECRET_KEY), text.encode(), "sha256").hex()[:32]


@lru_cache(maxsize=2)
def _key(secret: str) -> bytes:
    return hmac.digest(secret.encode(), b"giftcodes/v1/guarding", "sha256")
