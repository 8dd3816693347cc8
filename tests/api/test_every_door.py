"""Every address of the API, with every method: closed to whoever has no key, not the scope, another brand.

Made from the table of addresses, so that no new one escapes: without a row in DOORS it fails here. What a row
says is how to ask for something that is there, so that a refusal is for who asks, and not for what.
"""

import json
import re
import uuid
from collections.abc import Callable
from typing import Any, NamedTuple

import pytest
from django.test import Client
from django.urls import URLPattern
from rest_framework.views import APIView

from config.api.urls import nothing_here, urlpatterns
from parties.api.base import PartnerView
from parties.api_models import Scope
from tests import make
from tests.api.gifts import giving_campaign, issued_by
from tests.api.partner import Partner, api_client
from tests.api.shop import Shop
from tests.api.test_holds import held
from tests.api.test_points import created
from tests.redemption_site import visits

pytestmark = pytest.mark.django_db
METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"]


class Door(NamedTuple):
    """How the shop's own system asks. `is_of_brand`: what is asked for belongs to the shop's brand, so that
    another brand finds nothing there. (Where there is nothing of a brand, its key opens what is its own.)
    """

    named: Callable[[Shop], dict[str, str]] = lambda shop: {}  # what stands in the address
    body: Callable[[Shop], dict[str, Any]] = lambda shop: {}
    is_of_brand: bool = True
    is_listed: bool = False  # a GET gives a list, in which other brands find only their own


def of_member(shop: Shop) -> dict[str, str]:
    return {"member_id": shop.id}


def of_hold(shop: Shop) -> dict[str, str]:
    return {"hold_id": held(shop, points=1)["id"]}


def of_transfer(shop: Shop) -> dict[str, str]:
    spent = shop.post("spend", key=str(uuid.uuid4()), member=shop.id, points=1)
    return {"transfer_id": created(spent)["id"]}


def points(shop: Shop) -> dict[str, Any]:
    return {"member": shop.id, "points": 1}


def code(shop: Shop) -> dict[str, Any]:
    brand = make.brand(program=shop.brand.program, funds=500)
    return {"member": shop.id, "code": make.code_of(visits.batch_now(size=1, brand=brand))}


def of_gift(shop: Shop) -> dict[str, str]:
    giving_campaign(shop, size=40, face_points=20)
    return {"gift_id": issued_by(shop)["id"]}


def of_campaign(shop: Shop) -> dict[str, str]:
    return {"campaign": giving_campaign(shop).slug}


def gift(shop: Shop) -> dict[str, Any]:
    return {"campaign": giving_campaign(shop).slug}


DOORS: dict[str, Door] = {
    "api_me": Door(is_of_brand=False),
    "api_events": Door(is_of_brand=False),
    "api_campaign": Door(of_campaign),
    "api_gifts": Door(body=gift, is_listed=True),
    "api_gift_batch": Door(body=lambda shop: gift(shop) | {"gifts": [{}, {}]}),
    "api_gift": Door(of_gift),
    "api_gift_void": Door(of_gift, body=lambda shop: {"reason": "sent to the wrong person"}),
    "api_claims": Door(body=code),
    "api_member_lookup": Door(body=lambda shop: {"member": shop.id}),
    "api_member": Door(of_member),
    "api_member_balance": Door(of_member),
    "api_member_lots": Door(of_member),
    "api_member_transactions": Door(of_member),
    "api_earn": Door(body=points),
    "api_spend": Door(body=points),
    "api_holds": Door(body=points),
    "api_hold": Door(of_hold),
    "api_hold_capture": Door(of_hold),
    "api_hold_release": Door(of_hold),
    "api_transfer_reverse": Door(of_transfer),
}
OPEN_TO_ALL = {"api_health"}

ADDRESSES = {str(pattern.name): pattern for pattern in urlpatterns if pattern.callback is not nothing_here}
WITH_KEY = sorted(ADDRESSES.keys() - OPEN_TO_ALL)


def view_of(name: str) -> type[APIView]:
    callback: Any = ADDRESSES[name].callback
    found: type[APIView] = callback.view_class
    return found


def offered(name: str) -> list[str]:
    """The methods that the address answers with something: HEAD is a GET without its body."""
    view = view_of(name)
    handlers = {verb: "get" if verb == "HEAD" else verb.lower() for verb in METHODS}
    return [
        verb
        for verb, handler in handlers.items()
        if verb.lower() in view.http_method_names and hasattr(view, handler)
    ]


def ask(name: str, verb: str, shop: Shop, *, key: str | None) -> Any:
    """The answer to the shop's question, asked with another's key."""
    pattern: URLPattern = ADDRESSES[name]
    door = DOORS[name]
    path = str(pattern.pattern)
    for field, value in door.named(shop).items():
        path = re.sub(rf"<\w+:{field}>", value, path)
    assert "<" not in path, path
    headers = {"idempotency-key": str(uuid.uuid4())}
    if key is not None:
        headers["authorization"] = f"Bearer {key}"
    body = door.body(shop) if verb == "POST" else {}
    text = json.dumps(body)
    return Client().generic(verb, f"/api/v1/{path}", text, content_type="application/json", headers=headers)


def test_every_address_has_a_row() -> None:
    assert DOORS.keys() | OPEN_TO_ALL == ADDRESSES.keys()


def test_every_address_but_those_open_to_all_is_a_partners_view() -> None:
    assert [name for name in WITH_KEY if not issubclass(view_of(name), PartnerView)] == []
    assert [name for name in OPEN_TO_ALL if not {"GET", "HEAD", "OPTIONS"} >= {*offered(name)}] == []


def test_every_method_that_is_offered_says_what_it_needs() -> None:
    """A list of those that any key may use, so that one more is a decision."""
    for_any_key = set()
    for name in WITH_KEY:
        view: Any = view_of(name)
        assert set(view.scopes) == set(offered(name)) - {"HEAD"}
        for_any_key |= {(name, verb) for verb, scope in view.scopes.items() if scope is None}
    assert for_any_key == {("api_me", "GET")}


@pytest.mark.both
@pytest.mark.parametrize("name", WITH_KEY)
def test_its_own_brand_gets_in(name: str) -> None:
    """The control: what is refused below is there, and is well asked for."""
    shop = Shop()
    for verb in offered(name):
        assert ask(name, verb, shop, key=shop.partner.text).status_code in (200, 201), verb


@pytest.mark.parametrize("name", WITH_KEY)
def test_without_a_key_or_the_scope_nobody_gets_in(name: str) -> None:
    shop = Shop()
    view: Any = view_of(name)
    for verb in METHODS:
        is_offered = verb in offered(name)
        assert ask(name, verb, shop, key=None).status_code == 401, verb
        assert ask(name, verb, shop, key="tk_live_000000000000_" + "a" * 43).status_code == 401, verb
        needed = view.scopes.get("GET" if verb == "HEAD" else verb)
        others = Partner(shop.partner.client, scopes=[scope for scope in Scope if scope != needed])
        answer = ask(name, verb, shop, key=others.text)
        if not is_offered:
            assert answer.status_code in (403, 405), verb
        elif needed is not None:
            assert answer.status_code == 403, verb
            if verb != "HEAD":
                assert (answer.json()["code"], answer.json()["scope"]) == ("scope_missing", needed.value)


@pytest.mark.parametrize("name", [name for name in WITH_KEY if name in DOORS and DOORS[name].is_of_brand])
def test_another_brand_finds_nothing_there(name: str) -> None:
    shop = Shop()
    for brand in (make.brand(program=shop.brand.program), make.brand()):
        make.store(brand=brand)
        foreign = Partner(api_client(brand))
        for verb in offered(name):
            answer = ask(name, verb, shop, key=foreign.text)
            if DOORS[name].is_listed and verb in ("GET", "HEAD"):
                assert verb == "HEAD" or answer.json()["data"] == []
                continue
            assert answer.status_code == 404, verb
            if verb != "HEAD":
                assert answer.json()["code"] == "not_found"


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE"])
@pytest.mark.parametrize("address", ["", "nowhere", "gifts/no-id/void"])
def test_an_address_that_is_none_is_a_problem_and_no_page(address: str, method: str) -> None:
    answer = Client(enforce_csrf_checks=True).generic(method, f"/api/v1/{address}")
    assert (answer.status_code, answer["Content-Type"]) == (404, "application/problem+json")
    assert answer.json()["code"] == "not_found"
