"""The API against its own OpenAPI document: whatever the document allows, and whatever it does not.

schemathesis reads the document and asks as an engineer would who has read nothing else, and as one who has
not read it at all. Each answer must have a status, a type and a shape that the document names; what the
document allows is accepted, and nothing else is.
"""

import re
import uuid
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any
from wsgiref.types import StartResponse, WSGIEnvironment

import pytest
import schemathesis
from django.core.management import call_command
from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.test import Client
from hypothesis import settings as hypothesis_settings
from schemathesis.config import SchemathesisConfig
from schemathesis.engine import events, from_schema
from schemathesis.engine.recorder import ScenarioRecorder
from schemathesis.transport.wsgi import WSGITransport

from config.api.document import document, operations_in
from config.api.errors import plain_answer
from config.wsgi import application
from ledger.statements import database_time
from parties.card_queries import token_of
from parties.card_services import make_card
from tests import make
from tests.api.gifts import giving_campaign, issued_by
from tests.api.shop import Shop, no_differences
from tests.api.test_every_door import ADDRESSES, DOORS
from tests.api.told import untold

# Besides what is asked at the edges of each rule, which is always the same.
IS_DEEP = hypothesis_settings.get_current_profile_name() == "deep"
EXAMPLES = 250 if IS_DEEP else 5
_KEY = re.compile(r"[!-~]{1,200}")
_OPENED: set[BaseDatabaseWrapper] = set()
POSTS = {path: operation for path, method, operation in operations_in(document("en")) if method == "post"}


def test_the_document_generates_without_warnings(capsys: pytest.CaptureFixture[str]) -> None:
    call_command("spectacular", "--validate", "--fail-on-warn", "--format", "openapi-json")
    said = capsys.readouterr()
    assert '"openapi": "3.1' in said.out
    assert said.err == ""


@pytest.mark.django_db
@pytest.mark.parametrize("path", sorted(POSTS))
def test_a_body_is_needed_where_the_document_says_so(path: str) -> None:
    shop, operation = Shop(), POSTS[path]
    door = DOORS[names_of_doors()[path]]
    address = path.removeprefix("/api/v1/").format(**door.named(shop))
    answer = Client().post(
        f"/api/v1/{address}",
        headers={"authorization": f"Bearer {shop.partner.text}", "idempotency-key": "k"},
        content_type="application/json",
    )
    if operation["requestBody"]["required"]:
        assert (answer.status_code, answer.json()["code"]) == (400, "invalid_request")
    else:
        assert answer.status_code in (200, 201)
    with_body = shop.post(address, key="with-a-body", **door.body(shop))
    assert with_body.status_code in (200, 201, 409)  # a hold, say, has ended meanwhile


def names_of_doors() -> dict[str, str]:
    """The name of each address, by its path in the document."""
    return {
        "/api/v1/" + re.sub(r"<\w+:(\w+)>", r"{\1}", str(pattern.pattern)): name
        for name, pattern in ADDRESSES.items()
    }


def test_every_field_and_every_parameter_is_described() -> None:
    found = document("en")
    bare = [
        f"{name}.{field}"
        for name, shape in found["components"]["schemas"].items()
        for field, inner in shape.get("properties", {}).items()
        if not inner.get("description")
    ]
    bare += [
        f"{operation['operationId']} {parameter['name']}"
        for _path, _method, operation in operations_in(found)
        for parameter in operation.get("parameters", ())
        if not parameter.get("description")
    ]
    assert bare == []


def test_every_text_of_the_document_has_its_japanese() -> None:
    def texts(part: Any) -> Iterator[str]:
        if isinstance(part, list):
            for inner in part:
                yield from texts(inner)
        elif isinstance(part, dict):
            for name, inner in part.items():
                if name in {"description", "summary", "x-displayName"} and isinstance(inner, str):
                    yield inner
                else:
                    yield from texts(inner)

    japanese = re.compile("[\u3040-\u30ff\u4e00-\u9fff]")
    assert [text for text in texts(document("ja")) if text and not japanese.search(text)] == []
    assert [text for text in texts(document("en")) if japanese.search(text)] == []


def test_what_the_document_does_not_tell_is_noticed() -> None:
    """The control of what holds every answer in this folder against the document."""
    told = plain_answer("insufficient_points")
    assert untold("POST", "/api/v1/gifts", told) == "409 insufficient_points is no refusal of issue_gift"
    assert untold("POST", "/api/v1/spend", told) == ""
    assert untold("GET", "/api/v1/me", plain_answer("not_found")) == "404 is no answer of get_me"
    assert untold("GET", "/api/v1/me", plain_answer("too_many_calls")).endswith("['Retry-After']")
    assert untold("GET", "/api/v1/nowhere", plain_answer("internal_error")) != ""


@pytest.fixture
def shop() -> Shop:
    """With a system that neither its pace nor its day holds back, and enough of everything."""
    shop = Shop()
    client = shop.partner.client
    client.rate_per_second, client.burst, client.points_per_day = 10_000, 100_000, 10**9
    client.save()
    make.deposit(shop.brand, 10**9)
    giving_campaign(shop, size=20_000, face_points=10)
    return shop


def served(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """The site, with each answer read to its end and closed, as a server does."""
    answer = application(environ, start_response)
    try:
        return [b"".join(answer)]
    finally:
        answer.close()
        _OPENED.add(connections["default"])


@pytest.fixture
def _sent_in_process(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """As schemathesis sends, but for what `written` changes; and without the settings of sockets, which
    version 4.32 hands to the application when a check asks again without its session (without the key, say).
    """
    send = WSGITransport.send

    def sent(self: WSGITransport, case: Any, **given: Any) -> Any:
        case = written(case)
        if given.get("session") is None:
            given = {
                name: value
                for name, value in given.items()
                if name not in {"max_redirects", "verify", "cert", "proxies"}
            }
        return send(self, case, **given)

    monkeypatch.setattr(WSGITransport, "send", sent)
    yield
    # The threads that asked were not the test's: none keeps its connection to a database that is dropped.
    for connection in _OPENED:
        connection.inc_thread_sharing()
        connection.close()
    _OPENED.clear()


def known_to(shop: Shop) -> dict[str, Any]:
    """What only this shop knows, and no document could say: the values of each field that stand for something
    of the shop's, so that requests get behind the first "not found".
    """

    def done(path: str, *, points: int) -> str:
        found: str = shop.post(path, key=str(uuid.uuid4()), member=shop.id, points=points).json()["id"]
        return found

    at = database_time()
    gifts = [issued_by(shop) for _ in range(4)]
    done("earn", points=10**8)
    shop.post("earn", key=str(uuid.uuid4()), member="ref:user-1077", points=10**6)
    spent = [done("spend", points=9) for _ in range(3)]
    holds = [done("holds", points=7) for _ in range(3)]
    wish = {"enum": [str(uuid.uuid4()), *(gift["id"] for gift in gifts)]}
    digits = token_of(make_card(member=shop.member, at=at), at=at).digits
    return {
        "campaign": {"type": "string", "enum": [giving_campaign(shop).slug]},
        "store": {"type": "string", "enum": [shop.store.code]},
        "member": {"type": "string", "enum": [shop.id, "ref:user-1077"]},
        "member_id": {"type": "string", "enum": [shop.id]},
        "code": {"type": "string", "enum": [gift["code"] for gift in gifts]},
        "card_token": {"type": "string", "enum": [digits]},
        "claim_until": {"type": ["string", "null"], "enum": [gifts[0]["claim_until"], None]},
        "gift_id": wish,
        "transfer_id": {"type": "string", "enum": spent},
        "hold_id": {"type": "string", "enum": holds},
    }


def narrowed(document: dict[str, Any], shop: Shop) -> dict[str, Any]:
    """The document with those values in the place of "some text"."""
    known = known_to(shop)
    for name, shape in document["components"]["schemas"].items():
        fields = shape.get("properties", {}) if name.endswith("Request") else {}
        fields.update({field: known[field] for field in known.keys() & fields.keys()})
        if name in {"GiftWishRequest", "OneGiftRequest"}:
            fields["points"]["maximum"] = 2_000  # the order allows no more
    for path, methods in document["paths"].items():
        for parameter in (one for told in methods.values() for one in told.get("parameters", ())):
            name = parameter["name"]
            if parameter["in"] == "path":
                parameter["schema"] = known[name]
            elif name in {"cursor", "after"}:
                parameter["schema"] = {"type": "string", "enum": [cursor_of(shop, path)]}
    return document


def cursor_of(shop: Shop, path: str) -> str:
    """A cursor of that list."""
    address = path.removeprefix("/api/v1/").format(member_id=shop.id)
    found: str = shop.partner.get(address, {"limit": "1"}).json()["next_cursor"]
    return found


def written(case: Any) -> Any:
    """Each request that has a usable key is a new act, however often its key is made up. And a whole number
    is written as one: to JSON Schema 5.0 is an integer, to the API it is refused (tests/api/test_points.py).
    """
    key = (case.headers or {}).get("Idempotency-Key")
    if isinstance(key, str) and _KEY.fullmatch(key):
        case.headers["Idempotency-Key"] = f"{key}-{uuid.uuid4()}"
    case.body = _whole(case.body)
    return case


def _whole(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _whole(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_whole(inner) for inner in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def failures_in(recorder: ScenarioRecorder) -> Iterator[str]:
    """Each check that failed, with the request and the answer."""
    for name, checks in recorder.checks.items():
        for check in checks:
            if check.failure_info is not None:
                failure, sample = check.failure_info.failure, check.failure_info.code_sample
                interaction = recorder.interactions.get(name)
                answer = interaction.response if interaction else None
                told = answer.content[:300] if answer else b""
                yield f"{check.name}: {failure.title}: {failure.message[:300]}\n  {sample}\n  {told!r}"


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("_sent_in_process")
@pytest.mark.timeout(3600 if IS_DEEP else 300)
def test_every_answer_is_as_the_document_says(shop: Shop) -> None:
    config = SchemathesisConfig.from_dict(
        {
            "headers": {"Authorization": f"Bearer {shop.partner.text}"},
            "base-url": "http://testserver",
            "continue-on-failure": True,
            **({} if IS_DEEP else {"seed": 1}),
            "cache": {"enabled": False},  # it would be written into the repository
            "generation": {
                "max-examples": EXAMPLES,
                "deterministic": not IS_DEEP,
                "no-shrink": True,
                "database": "none",
            },
        }
    )
    served_document = schemathesis.openapi.from_wsgi("/api/docs/openapi.json", served).raw_schema
    schema = schemathesis.openapi.from_dict(narrowed(served_document, shop), config=config)
    schema.app = served

    cases, statuses, failures = Counter[str](), Counter[str](), list[str]()
    for event in from_schema(schema).execute():
        if isinstance(event, events.ScenarioFinished):
            cases[event.phase.value] += len(event.recorder.cases)
            answers = [one.response for one in event.recorder.interactions.values() if one.response]
            statuses.update(str(answer.status_code) for answer in answers)
            failures += failures_in(event.recorder)
        elif isinstance(event, (events.NonFatalError, events.FatalError)):
            failures.append(repr(event))
    print(f"\n{cases.total()} cases {dict(cases)}, answers {dict(sorted(statuses.items()))}")
    assert not failures, f"{len(failures)} failures\n" + "\n".join(sorted(set(failures))[:200])
    no_differences()
