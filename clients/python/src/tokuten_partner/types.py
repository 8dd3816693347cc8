"""What the API answers, as typed dictionaries: exactly the JSON, nothing renamed.

Codes are strings, never numbers: eleven in a hundred would lose digits. Moments are RFC 3339 texts.
"""

from typing import Any, Literal, TypedDict

GiftStatus = Literal["issued", "claimed", "voided", "expired"]


class Gift(TypedDict):
    """A gift, without its code."""

    id: str
    campaign: str
    serial: str
    points: int
    claim_until: str
    status: GiftStatus
    recipient_ref: str | None
    metadata: dict[str, Any]
    issued_at: str


class IssuedGift(Gift):
    """A gift with its code: whoever has it has the points."""

    code: str
    url: str


class Budget(TypedDict):
    """Points of a campaign's API orders: reserved = issued + left."""

    reserved: int
    issued: int
    claimed: int
    left: int


class Campaign(TypedDict):
    """A campaign and what its API orders have left."""

    id: str
    name: str
    state: str
    budget: Budget


class Claim(TypedDict):
    """A code that became points."""

    serial: str
    member: str
    points: int
    claimed_at: str
    expires_at: str


class Member(TypedDict):
    """A member, known by an opaque id alone."""

    id: str


class Balance(TypedDict):
    """What a member has."""

    points: int
    held: int
    available: int


class Lot(TypedDict):
    """Points that end together; `expires_at` is exclusive."""

    points: int
    expires_at: str


class Transfer(TypedDict):
    """Points that moved."""

    id: str
    kind: str
    points: int
    at: str


class Hold(TypedDict):
    """Points that are set aside."""

    id: str
    state: str
    points: int
    expires_at: str


class Event(TypedDict):
    """Something that happened; `sequence` counts per `object`."""

    id: str
    type: str
    object: str
    sequence: int
    occurred_at: str
    data: dict[str, Any]


class Me(TypedDict):
    """What the key may do."""

    mode: Literal["live", "test"]
    key: str
    scopes: list[str]
