"""The Python client against the API itself and its OpenAPI document."""

import re
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, get_type_hints

import httpx
import pytest
from django.test import Client
from django.utils import timezone
from drf_spectacular.generators import SchemaGenerator
from tokuten_partner import NotReached, Problem, Tokuten, types
from tokuten_partner.transport import Transport

from parties.api import base
from parties.webhooks import signatures
from tests.api.gifts import giving_campaign
from tests.api.partner import Partner
from tests.api.sandboxes import Sandbox
from tests.api.shop import Shop, no_differences

pytestmark = pytest.mark.django_db


class ToTheSite(httpx.BaseTransport):
    """Requests to the site in this process, in the test's own transaction."""

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        answer = Client().generic(
            request.method,
            request.url.raw_path.decode(),
            request.read(),
            content_type=request.headers.get("content-type", ""),
            headers=dict(request.headers),
        )
        return httpx.Response(answer.status_code, headers=dict(answer.headers), content=answer.content)


@pytest.fixture
def shop() -> Shop:
    return Shop()


def client_of(partner: Partner) -> Tokuten:
    http = httpx.Client(transport=ToTheSite(), base_url="http://testserver/api/v1/")
    return Tokuten("http://testserver", partner.text, http=http)


@pytest.fixture
def tokuten(shop: Shop) -> Iterator[Tokuten]:
    with client_of(shop.partner) as client:
        yield client


def calls(tokuten: Tokuten, shop: Shop) -> dict[str, tuple[type, Callable[[], Any]]]:
    """For each operation of the document the type of its answer and how the client asks."""
    slug = giving_campaign(shop, size=20, face_points=50).slug
    member, store = shop.id, "ginza"

    def gift() -> types.IssuedGift:
        return tokuten.issue_gift(campaign=slug, recipient_ref="r", metadata={"a": "b"}, points=10)

    def hold() -> types.Hold:
        return tokuten.hold(member=member, points=5, store=store, expires_in=600)

    def spend() -> types.Transfer:
        return tokuten.spend(member=member, points=5, store=store, reference="receipt-1")

    return {
        "get_me": (types.Me, tokuten.me),
        "issue_gift": (types.IssuedGift, gift),
        "issue_gifts": (types.IssuedGift, lambda: tokuten.issue_gifts(campaign=slug, gifts=[{}, {}])[1]),
        "get_gift": (types.IssuedGift, lambda: tokuten.reveal_gift(gift()["id"])),
        "list_gifts": (types.Gift, lambda: [gift(), *tokuten.gifts(recipient_ref="r", status="issued")][1]),
        "void_gift": (types.Gift, lambda: tokuten.void_gift(gift()["id"], reason="a mistake")),
        "get_campaign": (types.Campaign, lambda: tokuten.campaign(slug)),
        "claim_code": (types.Claim, lambda: tokuten.claim(code=gift()["code"], member=member)),
        "look_up_member": (types.Member, lambda: tokuten.look_up_member(member=member)),
        "get_member": (types.Member, lambda: tokuten.member(member)),
        "get_balance": (types.Balance, lambda: tokuten.balance(member)),
        "list_lots": (types.Lot, lambda: next(tokuten.lots(member))),
        "list_transactions": (types.Transaction, lambda: [spend(), *tokuten.transactions(member)][1]),
        "earn_points": (types.Transfer, lambda: tokuten.earn(member=member, points=7, store=store)),
        "spend_points": (types.Transfer, spend),
        "hold_points": (types.Hold, hold),
        "get_hold": (types.Hold, lambda: tokuten.get_hold(hold()["id"])),
        "capture_hold": (types.Hold, lambda: tokuten.capture(hold()["id"], points=3)),
        "release_hold": (types.Hold, lambda: tokuten.release(hold()["id"])),
        "reverse_transfer": (types.Reversal, lambda: tokuten.reverse(spend()["id"], points=2)),
        "list_events": (types.Event, lambda: [gift(), *tokuten.events()][1]),
    }


def operations() -> set[str]:
    generator: Any = SchemaGenerator
    document = generator().get_schema(public=True)
    return {
        operation["operationId"]
        for methods in document["paths"].values()
        for operation in methods.values()
        if isinstance(operation, dict) and "operationId" in operation
    }


@pytest.mark.django_db(transaction=True)  # an event shows when its transaction has ended
def test_the_client_knows_every_call_and_its_types_are_what_is_answered(tokuten: Tokuten, shop: Shop) -> None:
    known = calls(tokuten, shop)
    assert known.keys() == operations() - {"get_health"}
    for name, (shape, ask) in known.items():
        answer = ask()
        hints = get_type_hints(shape)
        required: frozenset[str] = shape.__required_keys__  # type: ignore[attr-defined]
        assert required <= answer.keys() <= hints.keys(), name
    no_differences()


def test_a_refusal_is_a_problem_with_its_code(tokuten: Tokuten, shop: Shop) -> None:
    with pytest.raises(Problem) as refusal:
        tokuten.spend(member=shop.id, points=501)
    assert (refusal.value.status, refusal.value.code) == (409, "insufficient_points")
    with pytest.raises(Problem) as wrong:
        tokuten.spend(member=shop.id, points=0)
    assert [error.field for error in wrong.value.errors] == ["points"]
    assert shop.partner.text not in repr(tokuten)


def answering(*answers: httpx.Response | Exception) -> tuple[Transport, list[httpx.Request], list[float]]:
    """A transport to a server that answers so, what it was sent, and how long was waited in between."""
    sent: list[httpx.Request] = []
    waited: list[float] = []
    queue = list(answers)

    def answer(request: httpx.Request) -> httpx.Response:
        sent.append(request)
        found = queue.pop(0)
        if isinstance(found, Exception):
            raise found
        return found

    http = httpx.Client(transport=httpx.MockTransport(answer), base_url="https://points.example.com/api/v1/")
    return Transport(http, tries=3, sleep=waited.append), sent, waited


def test_what_may_have_been_done_is_tried_again_with_the_same_key() -> None:
    cut = httpx.ReadError("the connection was cut")
    api, sent, waited = answering(
        cut, httpx.Response(503, json={"code": "unavailable"}), httpx.Response(201, json={"id": "1"})
    )
    key = str(uuid.uuid4())
    assert api.post("gifts", {"campaign": "spring", "points": None}, key=key) == {"id": "1"}
    assert [request.headers["Idempotency-Key"] for request in sent] == [key] * 3
    assert {request.content for request in sent} == {b'{"campaign":"spring"}'}
    assert len(waited) == 2


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (409, "twin_in_flight"),
        (429, "too_many_calls"),
        (500, "internal_error"),
        (503, "unavailable"),
        (504, ""),
    ],
)
def test_whatever_may_go_away_is_tried_again_with_the_same_key(status: int, code: str) -> None:
    refused = httpx.Response(status, json={"code": code}, headers={"Retry-After": "1"})
    api, sent, waited = answering(refused, refused, httpx.Response(201, json={"id": "1"}))
    assert api.post("spend", {"points": 1}, key="receipt-9") == {"id": "1"}
    assert [request.headers["Idempotency-Key"] for request in sent] == ["receipt-9"] * 3
    assert len({request.content for request in sent}) == 1
    assert len(waited) == 2


def test_a_made_key_is_the_same_for_each_try_and_another_for_each_act(shop: Shop) -> None:
    sent: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        sent.append(request.headers["Idempotency-Key"])
        is_lost = len(sent) == 1
        return httpx.Response(503 if is_lost else 201, json={}, headers={"Retry-After": "0"})

    http = httpx.Client(transport=httpx.MockTransport(answer), base_url="https://points.example.com/api/v1/")
    with Tokuten("https://points.example.com", "tk_test_x", http=http) as tokuten:
        tokuten.spend(member=shop.id, points=1)
        tokuten.spend(member=shop.id, points=1)
    assert sent[0] == sent[1] != sent[2]


def test_lists_go_on_page_by_page(tokuten: Tokuten, shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(base, "DEFAULT_PAGE", 2)
    slug = giving_campaign(shop, size=20, face_points=10).slug
    issued = {gift["id"] for gift in tokuten.issue_gifts(campaign=slug, gifts=[{}] * 5)}
    assert [len(issued), {gift["id"] for gift in tokuten.gifts()}] == [5, issued]
    assert next(tokuten.gifts())["id"] in issued


@pytest.mark.django_db(transaction=True)
def test_events_are_read_from_where_one_was(
    tokuten: Tokuten, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(base, "DEFAULT_PAGE", 2)
    slug = giving_campaign(shop, size=20, face_points=10).slug
    gifts = tokuten.issue_gifts(campaign=slug, gifts=[{}] * 5)
    first, cursor = next(tokuten.event_pages())
    rest = [event for events, _cursor in tokuten.event_pages(after=cursor) for event in events]
    told = [*first, *rest]
    assert len(first) == 2
    assert len({event["object"] for event in told if event["type"] == "gift.issued"}) == len(gifts)
    assert [*tokuten.events()] == told


def blocks(language: str) -> str:
    """What the client's README shows in that language, in one text."""
    text = (Path(__file__).parents[2] / "clients/python/README.md").read_text()
    return "\n".join(re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL))


@pytest.mark.django_db(transaction=True)
def test_what_its_readme_shows_runs(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """In a sandbox as every partner finds it; the answer that gets lost is asked for again by the client."""
    box = Sandbox()
    secret = signatures.make_secret()
    monkeypatch.setenv("KEY", box.partner.text)
    monkeypatch.setenv("WEBHOOK_SECRET", signatures.secret_text(secret))
    monkeypatch.setattr("tokuten_partner.Tokuten", lambda base_url, key: client_of(box.partner))
    worked_on: list[Any] = []
    names: dict[str, Any] = {"work_on": lambda name, event: worked_on.append((name, event))}
    exec(compile(blocks("python"), "README", "exec"), names)  # noqa: S102  # that is what is tested
    told = capsys.readouterr().out
    assert "points.earned" in told
    body = b'{"type": "gift.claimed"}'
    headers = signatures.headers(event="evt_1", body=body, keys=[secret], at=timezone.now())
    assert names["receive"](headers, body) == 204
    assert worked_on == [("evt_1", {"type": "gift.claimed"})]
    assert names["receive"](headers, body + b" ") == 400


def test_it_waits_as_it_is_asked_to() -> None:
    busy = httpx.Response(429, json={"code": "too_many_calls"}, headers={"Retry-After": "7"})
    api, _sent, waited = answering(busy, httpx.Response(200, json={}))
    api.get("me")
    assert 7 <= waited[0] < 8


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (400, "invalid_request"),
        (409, "insufficient_points"),
        (422, "key_reused"),
        (429, "daily_points_exceeded"),
    ],
)
def test_what_another_try_would_not_change_is_not_tried_again(status: int, code: str) -> None:
    api, sent, waited = answering(httpx.Response(status, json={"code": code}))
    with pytest.raises(Problem, match=code):
        api.post("spend", {}, key="k")
    assert (len(sent), waited) == (1, [])


def test_a_lock_of_a_day_is_told_at_once() -> None:
    locked = httpx.Response(429, json={"code": "claiming_locked"}, headers={"Retry-After": "86400"})
    api, sent, waited = answering(locked)
    with pytest.raises(Problem, match="claiming_locked") as told:
        api.post("claims", {}, key="k")
    assert (len(sent), waited, told.value.retry_after) == (1, [], 86_400)


def test_a_twin_is_waited_for() -> None:
    twin = httpx.Response(409, json={"code": "twin_in_flight"}, headers={"Retry-After": "1"})
    api, sent, _waited = answering(twin, httpx.Response(201, json={"id": "1"}))
    assert api.post("gifts", {}, key="k") == {"id": "1"}
    assert len(sent) == 2


def test_without_any_answer_the_key_is_told_so_that_the_act_can_be_sent_again() -> None:
    api, sent, _waited = answering(*[httpx.ConnectError("nobody listens")] * 3)
    with pytest.raises(NotReached) as lost:
        api.post("spend", {}, key="receipt-9")
    assert (lost.value.idempotency_key, len(sent)) == ("receipt-9", 3)


def test_an_answer_of_a_proxy_is_a_problem_too() -> None:
    api, sent, _waited = answering(*[httpx.Response(502, text="<h1>Bad Gateway</h1>")] * 3)
    with pytest.raises(Problem) as refusal:
        api.get("me")
    assert (refusal.value.status, refusal.value.code, len(sent)) == (502, "unknown", 3)
