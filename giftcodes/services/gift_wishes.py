"""What a partner's system asks for: what can't be a gift, whatever the orders say, and what makes two
requests the same. Pure.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

from giftcodes.errors import GiftRefused
from giftcodes.gift_models import MAX_GIFTS_AT_ONCE, MAX_KEY_LENGTH, MAX_RECIPIENT_LENGTH
from ledger.models import MAX_POINTS

MAX_METADATA = 20  # entries
MAX_METADATA_NAME = 40
MAX_METADATA_TEXT = 500


class GiftWanted(NamedTuple):
    """One gift that is asked for. `points` None: what the order says; `claim_until` None: as long as the
    order lets its gifts be claimed. `recipient_ref` and `metadata` are the partner's own.
    """

    points: int | None = None
    recipient_ref: str = ""
    claim_until: datetime | None = None
    metadata: Mapping[str, str] | None = None


def refuse_unfit(key: str, gifts: Sequence[GiftWanted]) -> None:
    """GiftRefused for what no order would take."""
    if not 1 <= len(key) <= MAX_KEY_LENGTH or not _is_text(key):
        raise GiftRefused("key")
    if not 1 <= len(gifts) <= MAX_GIFTS_AT_ONCE:
        raise GiftRefused("gifts")
    for position, wanted in enumerate(gifts):
        rules = {
            "points": wanted.points is None or _is_points(wanted.points),
            "claim_until": wanted.claim_until is None or wanted.claim_until.tzinfo is not None,
            "recipient_ref": len(wanted.recipient_ref) <= MAX_RECIPIENT_LENGTH
            and _is_text(wanted.recipient_ref),
            "metadata": wanted.metadata is None or _is_metadata(wanted.metadata),
        }
        for rule, is_kept in rules.items():
            if not is_kept:
                raise GiftRefused(rule, position)


def digest_of_key(key: str) -> str:
    """What is kept of an idempotency key."""
    return hashlib.sha256(key.encode()).hexdigest()


def fingerprint_of(group: str, gifts: Sequence[GiftWanted], *, is_list: bool) -> str:
    """SHA-256, in hexadecimal, over everything that was asked for: canonical JSON (sorted keys, no spaces,
    UTF-8), instants in UTC. A list of one gift is something else than that gift.
    """
    wanted = [_plain(gift) for gift in gifts]
    content: dict[str, Any] = {"format": "tokuten-gifts-1", "group": group, "gifts": wanted}
    if is_list and len(gifts) == 1:
        content |= {"list": True}
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


def _plain(wanted: GiftWanted) -> dict[str, Any]:
    until = wanted.claim_until
    return {
        "points": wanted.points,
        "recipient_ref": wanted.recipient_ref,
        "claim_until": until and until.astimezone(UTC).isoformat(),
        "metadata": dict(wanted.metadata or {}),
    }


def _is_points(points: object) -> bool:
    return type(points) is int and 1 <= points <= MAX_POINTS


def _is_metadata(metadata: Mapping[str, str]) -> bool:
    return len(metadata) <= MAX_METADATA and all(
        1 <= len(name) <= MAX_METADATA_NAME and len(text) <= MAX_METADATA_TEXT and _is_text(name + text)
        for name, text in metadata.items()
    )


def _is_text(text: str) -> bool:
    """What any database holds: no NUL, no half of a surrogate pair."""
    return "\0" not in text and not any("\ud800" <= char <= "\udfff" for char in text)
