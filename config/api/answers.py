"""An example of each answer, made from its shape: what the call's own example would be answered."""

from typing import Any

_MEMBER = "6f1c0b1e-3c51-4c8e-9c3c-0a4b4d2c7a11"
_TRANSFER = "b0a4de57-6d3f-4f6e-8f0a-3b1f5f7f2c90"
_GIFT = "0d9b7c1a-52c4-4b8e-a1de-77c1f0b6e3a4"
_HOLD = "9c2f4be0-1f7d-4a3b-b6c8-1d2e3f405162"
# By the name of the field; a field of the request with that name goes before.
_KNOWN: dict[str, Any] = {
    "id": _TRANSFER,
    "original": _TRANSFER,
    "capture_transfer": _TRANSFER,
    "member": _MEMBER,
    "object": _GIFT,
    "serial": "9000000042",
    "code": "9234567890123452",
    "url": "https://points.example.com/c/sandbox-1/#c=9234567890123452",
    "name": "[Sandbox] sandbox",
    "slug": "sandbox",
    "unit_label": "pt",
    "key": "tk_live_4f9a1c",
    "store": "sandbox-store",
    "reference": "R-1128-0042",
    "recipient_ref": "order-1042",
    "metadata": {},
    "next_cursor": None,
    "has_more": False,
    "expires_at": "2027-06-01T00:00:00+09:00",
    "claim_until": "2027-01-01T00:00:00+09:00",
    "ends_at": "2027-01-01T00:00:00+09:00",
    "starts_at": "2026-11-01T00:00:00+09:00",
    "points": 120,
    "balance": 540,
    "held_points": 50,
    "captured_points": 0,
    "gifts": 1,
    "sequence": 1,
    "calls_per_second": 100,
    "calls_at_once": 200,
    "points_per_day": 1_000_000,
    "yen_per_point": 1,
    "is_ours": True,
    "alive": True,
}
_NOW = "2026-11-28T10:15:00+09:00"
_AMOUNTS = {
    "reserved": {"gifts": 1000, "points": 120_000},
    "issued": {"gifts": 412, "points": 49_440},
    "claimed": {"gifts": 290, "points": 34_800},
    "voided": {"gifts": 2, "points": 240},
    "expired": {"gifts": 0, "points": 0},
    "left": {"gifts": 588, "points": 70_560},
}
_OPEN = {"id": _HOLD, "state": "open", "points": 50, "capture_transfer": None, "ended_at": None}
_OF_GIFT = {"id": _GIFT}
# What is so in this call alone.
_HERE: dict[str, dict[str, Any]] = {
    "get_me": {
        "id": _MEMBER,
        "name": "Web shop",
        "scopes": ["gifts:issue", "gifts:read"],
        "expires_at": None,
    },
    "get_campaign": {"id": "sandbox", "state": "running", **_AMOUNTS},
    "list_gifts": _OF_GIFT,
    "issue_gift": _OF_GIFT,
    "issue_gifts": _OF_GIFT,
    "get_gift": _OF_GIFT,
    "void_gift": _OF_GIFT | {"status": "voided"},
    "list_events": {
        "id": "evt_47f7a75030f34b47ae94aa5301ceda82",
        "type": "gift.issued",
        "data": {
            "gift": _GIFT,
            "points": 120,
            "claim_until": "2027-01-01T00:00:00+09:00",
            "recipient_ref": "order-1042",
        },
        "next_cursor": "WzEwNDIsMTA0Ml0",
    },
    "look_up_member": {"id": _MEMBER, "known_by": ["card"]},
    "get_member": {"id": _MEMBER, "known_by": ["points", "number"]},
    "list_transactions": {"kind": "spend", "points": -80, "original": None, "hold": None},
    "hold_points": _OPEN,
    "get_hold": _OPEN,
    "capture_hold": {
        "id": _HOLD,
        "state": "captured",
        "points": 50,
        "captured_points": 40,
        "expires_at": "2026-11-28T10:30:00+09:00",
    },
    "release_hold": _OPEN | {"state": "released", "ended_at": _NOW},
    "reverse_transfer": {"id": "e6d1c7f2-08b9-4a55-9d3e-5c4b3a291807"},
}
_LISTED = {"list_gifts", "list_events", "list_lots", "list_transactions", "issue_gifts"}


def example_of(
    operation: dict[str, Any], shape: dict[str, Any], document: dict[str, Any], *, said: dict[str, Any]
) -> Any:
    """What the call is answered if it said that."""
    name = operation["operationId"]
    known = _KNOWN | _spoken(said) | _HERE.get(name, {})
    if name not in _LISTED:
        return _example(shape, document, known)
    rows = said.get("gifts", [{}])
    page = {**_of_object(resolved(shape, document), document, known, leaving_out="data")}
    row = resolved(shape, document)["properties"]["data"]["items"]
    return {"data": [_example(row, document, known | one) for one in rows], **page}


def resolved(shape: dict[str, Any], document: dict[str, Any]) -> dict[str, Any]:
    """The shape, or the one that it refers to."""
    if "allOf" in shape and len(shape["allOf"]) == 1:  # a reference with a description of its own
        shape = shape["allOf"][0]
    if "$ref" not in shape:
        return shape
    found: dict[str, Any] = document["components"]["schemas"][shape["$ref"].rpartition("/")[2]]
    return found


def _spoken(said: dict[str, Any]) -> dict[str, Any]:
    """What the request says that its answer repeats: not how it named the member, not the code."""
    return {
        name: value
        for name, value in said.items()
        if name in {"points", "store", "reference", "recipient_ref"}
    }


def _example(shape: dict[str, Any], document: dict[str, Any], known: dict[str, Any], name: str = "") -> Any:
    shape = resolved(shape, document)
    if name in known:
        return known[name]
    if "oneOf" in shape:
        return _example(shape["oneOf"][0], document, known)
    kind = shape.get("type")
    if kind == "object":
        return _of_object(shape, document, known)
    if kind == "array":
        return [_example(shape["items"], document, known)]
    if "enum" in shape:
        return shape["enum"][0]
    return {"boolean": False, "integer": 1}.get(str(kind), _NOW)


def _of_object(
    shape: dict[str, Any], document: dict[str, Any], known: dict[str, Any], leaving_out: str = ""
) -> dict[str, Any]:
    return {
        field: _example(form, document, known, field)
        for field, form in shape.get("properties", {}).items()
        if field != leaving_out
    }
