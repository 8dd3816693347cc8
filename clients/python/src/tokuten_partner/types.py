"""What the API answers, as typed dictionaries: exactly the JSON, nothing renamed.

Codes are strings, never numbers: eleven in a hundred would lose digits. Moments are RFC 3339 texts.
"""

from typing import Any, Literal, TypedDict

GiftStatus = Literal["issued", "claimed", "voided", "expired"]


class Gift(TypedDict):
    """A gift, without its code."""

    id: str
    serial: str
    points: int
    claim_until: str
    status: GiftStatus
    recipient_ref: str
    metadata: dict[str, str]
    issued_at: str


class IssuedGift(Gift):
    """A gift with its code: whoever has it has the points."""

    code: str
    url: str


class Amount(TypedDict):
    """So many gifts, worth so many points."""

    gifts: int
    points: int


class Budget(TypedDict):
    """Where the money of a campaign's API orders is."""

    reserved: Amount
    issued: Amount
    claimed: Amount
    voided: Amount
    expired: Amount
    left: Amount


class Campaign(TypedDict):
    """A campaign and what its API orders have left."""

    id: str
    name: str
    state: Literal["not_begun", "running", "paused", "ended"]
    starts_at: str
    ends_at: str
    budget: Budget


class Claim(TypedDict):
    """A code that became points."""

    serial: str
    member: str
    points: int
    balance: int
    claimed_at: str
    expires_at: str
    was_claimed_before: bool


class Member(TypedDict):
    """A member, known by an opaque id alone."""

    id: str
    known_by: list[str]


class NextToExpire(TypedDict):
    """The points that end next; `expires_at` is exclusive."""

    points: int
    expires_at: str


class Balance(TypedDict):
    """What a member can spend now; `held_points` are not in `points`."""

    member: str
    points: int
    held_points: int
    next_to_expire: NextToExpire | None
    at: str


class Lot(TypedDict):
    """Points that end together; `expires_at` is exclusive."""

    points: int
    expires_at: str
    is_ours: bool


class HoldInTransaction(TypedDict):
    """What became of the hold of a transaction."""

    state: str
    captured_points: int


class Transaction(TypedDict):
    """What a member did at the brand; `points` as the wallet sees it."""

    id: str
    kind: str
    points: int
    store: str | None
    reference: str | None
    original: str | None
    hold: HoldInTransaction | None
    at: str


class _Moved(TypedDict):
    id: str
    member: str
    points: int
    store: str | None
    reference: str | None
    at: str
    balance: int


class Transfer(_Moved, total=False):
    """Points that moved; `expires_at` (exclusive) of those that were earned."""

    expires_at: str


class Reversal(TypedDict):
    """Points that were taken back."""

    id: str
    original: str
    member: str | None
    points: int
    balance: int
    at: str


class _Hold(TypedDict):
    id: str
    member: str | None
    store: str
    points: int
    state: str
    captured_points: int
    capture_transfer: str | None
    held_at: str
    expires_at: str
    ended_at: str | None


class Hold(_Hold, total=False):
    """Points that are set aside; `balance` in the answer to an act."""

    balance: int


class Event(TypedDict):
    """Something that happened; `sequence` counts per `object`."""

    id: str
    type: str
    timestamp: str
    object: str
    sequence: int
    data: dict[str, Any]


class MeClient(TypedDict):
    """The API client."""

    id: str
    name: str


class MeBrand(TypedDict):
    """Its brand."""

    slug: str
    name: str


class MeProgram(TypedDict):
    """The program whose points it deals with."""

    slug: str
    name: str
    unit_label: str
    yen_per_point: int


class MeLimits(TypedDict):
    """How much it may do."""

    calls_per_second: int
    calls_at_once: int
    points_per_day: int


class Me(TypedDict):
    """What the key may do, and for whom."""

    client: MeClient
    brand: MeBrand
    program: MeProgram
    mode: Literal["live", "test"]
    key: str
    scopes: list[str]
    expires_at: str | None
    limits: MeLimits
