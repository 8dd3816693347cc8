"""Examples of each call, in curl and Python, that run as they stand, and an example of its answer.

They are made from the OpenAPI document: the operation's own example of a body, its parameters, its shapes.
What only the reader has (a key, an id from an earlier answer, a code) is an environment variable, the same
in both. `tests/api/test_samples.py` runs each of them.
"""

import json
from typing import Any

from config.api import answers
from config.api.answers import resolved

# Parameters and fields that stand for something of the reader's own.
VARIABLES = {
    "gift_id": "GIFT_ID",
    "hold_id": "HOLD_ID",
    "transfer_id": "TRANSFER_ID",
    "member_id": "MEMBER_ID",
}
# What the Python client calls it, and what it gives back.
METHODS = {
    "get_health": ("is_alive", "alive"),
    "get_me": ("me", "me"),
    "list_gifts": ("gifts", "gift"),
    "issue_gift": ("issue_gift", "gift"),
    "issue_gifts": ("issue_gifts", "gifts"),
    "get_gift": ("gift", "gift"),
    "void_gift": ("void_gift", "gift"),
    "get_campaign": ("campaign", "campaign"),
    "list_events": ("events", "event"),
    "claim_code": ("claim", "claim"),
    "look_up_member": ("look_up_member", "member"),
    "get_member": ("member", "member"),
    "get_balance": ("balance", "balance"),
    "list_lots": ("lots", "lot"),
    "list_transactions": ("transactions", "transaction"),
    "earn_points": ("earn", "transfer"),
    "spend_points": ("spend", "transfer"),
    "hold_points": ("hold", "hold"),
    "get_hold": ("get_hold", "hold"),
    "capture_hold": ("capture", "hold"),
    "release_hold": ("release", "hold"),
    "reverse_transfer": ("reverse", "reversal"),
}
_WIDTH = 79
JSON = "application/json"


def put_into(operation: dict[str, Any], path: str, method: str, document: dict[str, Any]) -> None:
    """Add `x-codeSamples`, and an example to each answer that is no refusal."""
    site = document["servers"][0]["url"]
    body = _body_of(operation)
    operation["x-codeSamples"] = [
        {"lang": "Shell", "label": "curl", "source": _curl(operation, f"{site}{path}", method, body)},
        {"lang": "Python", "label": "Python", "source": _python(operation, site, body, document)},
    ]
    for response in operation["responses"].values():
        if content := response.get("content", {}).get(JSON):
            content["example"] = answers.example_of(operation, content["schema"], document, said=body or {})


def is_list(operation: dict[str, Any], document: dict[str, Any]) -> bool:
    """Whether the answer is a page of a list."""
    content = operation["responses"].get("200", {}).get("content", {}).get(JSON)
    return content is not None and "has_more" in resolved(content["schema"], document).get("properties", {})


def _body_of(operation: dict[str, Any]) -> dict[str, Any] | None:
    """The body of the example; None for a call without one."""
    if "requestBody" not in operation:
        return None
    examples = operation["requestBody"]["content"][JSON].get("examples", {"": {"value": {}}})
    found: dict[str, Any] = next(iter(examples.values()))["value"]
    return found


def _given(operation: dict[str, Any], place: str) -> dict[str, Any]:
    """The parameters of that place that an example gives, each with its value."""
    found = {}
    for parameter in operation.get("parameters", ()):
        if parameter["in"] == place and (parameter.get("examples") or parameter["name"] in VARIABLES):
            examples = list(parameter.get("examples", {}).values())
            found[parameter["name"]] = examples[0]["value"] if examples else None
    return found


def _key_of(operation: dict[str, Any]) -> str | None:
    """The Idempotency-Key of the example; None if the call takes none."""
    names = [parameter["name"] for parameter in operation.get("parameters", ())]
    return operation["operationId"].replace("_", "-") + "-1042" if "Idempotency-Key" in names else None


def _curl(operation: dict[str, Any], address: str, method: str, body: dict[str, Any] | None) -> str:
    for name, value in _given(operation, "path").items():
        address = address.replace(f"{{{name}}}", f"${VARIABLES[name]}" if name in VARIABLES else value)
    query = "&".join(f"{name}={value}" for name, value in _given(operation, "query").items())
    lines = [f'curl "{address}{"?" + query if query else ""}"']
    if operation.get("security"):
        lines.append('-H "Authorization: Bearer $KEY"')
    if key := _key_of(operation):
        lines.append(f'-H "Idempotency-Key: {key}"')
    if method == "post":
        lines.append('-H "Content-Type: application/json"')
    if body is None:
        return " \\\n  ".join(lines)
    variables = {name: f"${VARIABLES[name]}" for name in body if name in VARIABLES}
    text = laid_out(body | variables, room=_WIDTH - len("  -d ''"))
    if variables:  # the shell puts them in here, which it does not between single quotes
        return " \\\n  ".join([*lines, f"-d @- <<JSON\n{text}\nJSON"])
    return " \\\n  ".join([*lines, f"-d '{text}'"])


def _python(
    operation: dict[str, Any], site: str, body: dict[str, Any] | None, document: dict[str, Any]
) -> str:
    method, result = METHODS[operation["operationId"]]
    given = [_literal(name, value) for name, value in _given(operation, "path").items()]
    named = _given(operation, "query") | (body or {})
    given += [f"{name}={_literal(name, value)}" for name, value in named.items()]
    if key := _key_of(operation):
        given.append(f'idempotency_key="{key}"')
    call = f"tokuten.{method}({', '.join(given)})"
    if len(call) > _WIDTH - len(f"    {result} = "):
        call = f"tokuten.{method}(\n        " + ",\n        ".join(given) + ",\n    )"
    if is_list(operation, document):
        use = f"    for {result} in {call}:\n        print({result})"
    else:
        use = f"    {result} = {call}\n    print({result})"
    return (
        "import os\n\nfrom tokuten_partner import Tokuten\n\n"
        f'with Tokuten("{site}", os.environ["KEY"]) as tokuten:\n{use}'
    )


def _literal(name: str, value: Any) -> str:
    """The value in Python: texts, numbers, lists and objects of them are written there as in JSON."""
    if name in VARIABLES:
        return f'os.environ["{VARIABLES[name]}"]'
    return laid_out(value, room=_WIDTH - len(f"        {name}=,")).replace("\n", "\n        ")


def laid_out(value: Any, *, room: int = _WIDTH) -> str:
    """The value as JSON, on one line if it fits into so many characters, else broken from the outside in."""
    text = json.dumps(value, ensure_ascii=False)
    if len(text) <= room or not value or not isinstance(value, (dict, list)):
        return text
    if isinstance(value, list):
        rows, ends = [("", part) for part in value], "[]"
    else:
        rows, ends = [(f"{json.dumps(name)}: ", part) for name, part in value.items()], "{}"
    inner = [name + laid_out(part, room=room - len(name) - 3).replace("\n", "\n  ") for name, part in rows]
    lines = ",\n  ".join(inner)
    return f"{ends[0]}\n  {lines}\n{ends[1]}"
