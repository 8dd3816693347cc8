"""Points are given, spent and taken back by a partner's systems: once, within the brand, to the letter."""

import uuid
from datetime import datetime, timedelta
from typing import Any

import pytest

from ledger.models import Lot, Transfer
from ledger.statements import database_time
from parties.act_models import ApiAct
from parties.api_models import ApiClient
from parties.models import Member, MembershipNumber
from tests import make
from tests.api.shop import Shop, no_differences
from tests.api.test_keys import refused

pytestmark = pytest.mark.django_db


@pytest.fixture
def shop(db: None) -> Shop:
    return Shop()


def created(answer: Any, *, replayed: bool = False) -> dict[str, Any]:
    body: dict[str, Any] = answer.json()
    assert answer.status_code == 201, body
    assert answer.headers.get("Idempotent-Replayed") == ("true" if replayed else None)
    return body


def test_points_are_given_for_a_purchase(shop: Shop) -> None:
    body = created(
        shop.post(
            "earn", key="k1", member=shop.id, points=120, store="ginza", reference="R-1", lot_life_days=30
        )
    )
    lot = Lot.objects.get(transfer=body["id"])
    assert body == {
        "id": str(lot.transfer_id),
        "member": shop.id,
        "points": 120,
        "store": "ginza",
        "reference": "R-1",
        "at": body["at"],
        "balance": 620,
        "expires_at": body["expires_at"],
    }
    assert datetime.fromisoformat(body["expires_at"]) == lot.expires_at
    assert datetime.fromisoformat(body["at"]).utcoffset() == timedelta(hours=9)
    assert (lot.remaining_points, lot.funder) == (120, shop.brand)
    assert (shop.balance, shop.funds) == (620, 880)
    no_differences()


def test_a_member_of_the_brands_own_sign_in_is_made_at_the_first_use(shop: Shop) -> None:
    first = created(shop.post("earn", key="k1", member="ref:user-1077", points=5))
    second = created(shop.post("earn", key="k2", member="ref:user-1077", points=7))
    other = created(shop.post("earn", key="k3", member="ref:USER-1077", points=1))
    assert first["member"] == second["member"] != other["member"]
    assert second["balance"] == 12
    rows = MembershipNumber.objects.filter(brand=shop.brand)
    assert "1077" not in "".join(row.digest for row in rows)


def test_a_members_number_of_the_brand_names_them(shop: Shop) -> None:
    make.number_pattern(shop.brand)
    number = make.membership_number()
    first = created(shop.post("earn", key="k1", member=f"number:{number}", points=5))
    spaced = f"number:{number[:4]} {number[4:8]}-{number[8:]}"
    assert created(shop.post("spend", key="k2", member=spaced, points=5))["member"] == first["member"]


def test_a_number_that_the_brand_can_not_have_given_makes_nobody(shop: Shop) -> None:
    make.number_pattern(shop.brand)
    before = Member.objects.count()
    for member in ("number:123", "number:2900000000000", "number:x", "number:2900-0000-00001"):
        refused(shop.post("earn", key="k1", member=member, points=5), 400, "member_not_named")
    assert Member.objects.count() == before


def test_a_brand_without_numbers_has_none(shop: Shop) -> None:
    refused(shop.post("earn", key="k1", member="number:2900000000018", points=5), 400, "member_not_named")


def test_points_are_spent_at_a_store(shop: Shop) -> None:
    body = created(shop.post("spend", key="k1", member=shop.id, points=300, reference="R-2"))
    assert body == {
        "id": body["id"],
        "member": shop.id,
        "points": 300,
        "store": "ginza",  # the only one need not be named
        "reference": "R-2",
        "at": body["at"],
        "balance": 200,
    }
    assert Transfer.objects.get(pk=body["id"]).uses.get().store == shop.store
    assert shop.balance == 200
    no_differences()


def test_the_store_is_named_where_there_are_several(shop: Shop) -> None:
    make.store(brand=shop.brand, code="umeda")
    body = refused(shop.post("spend", key="k1", member=shop.id, points=1), 400, "invalid_request")
    assert [(error["field"], error["code"]) for error in body["errors"]] == [("store", "required")]
    assert created(shop.post("spend", key="k1", member=shop.id, points=1, store="umeda"))["store"] == "umeda"


@pytest.mark.parametrize("path", ["earn", "spend", "holds"])
def test_another_brands_store_is_no_store(shop: Shop, path: str) -> None:
    make.store(brand=make.brand(program=shop.brand.program), code="theirs")
    answer = shop.post(path, key="k1", member=shop.id, points=1, store="theirs")
    body = refused(answer, 400, "invalid_request")
    assert [(error["field"], error["code"]) for error in body["errors"]] == [("store", "unknown")]
    assert shop.balance == 500


def test_more_points_than_there_are_can_not_be_spent_or_given(shop: Shop) -> None:
    refused(shop.post("spend", key="k1", member=shop.id, points=501), 409, "insufficient_points")
    refused(shop.post("earn", key="k2", member=shop.id, points=1_001), 409, "insufficient_points")
    assert (shop.balance, shop.funds, ApiAct.objects.count()) == (500, 1_000, 0)
    # A refusal is not kept: the key is good for when there are enough.
    make.deposit(shop.brand, 1)
    created(shop.post("earn", key="k2", member=shop.id, points=1_001))


def test_a_repeat_gets_the_same_answer_even_if_balances_have_moved(shop: Shop) -> None:
    said: dict[str, Any] = {"member": shop.id, "points": 100, "reference": "R-3"}
    for path in ("earn", "spend"):
        first = created(shop.post(path, key=path, **said))
        created(shop.post("spend", key=f"{path}-more", member=shop.id, points=50))
        assert created(shop.post(path, key=path, **said), replayed=True) == first
    assert shop.balance == 400
    no_differences()


def test_points_that_are_given_count_against_the_day_and_nothing_else_does(shop: Shop) -> None:
    ApiClient.objects.filter(pk=shop.partner.client.pk).update(points_per_day=100)
    first = created(shop.post("earn", key="k1", member=shop.id, points=60))
    body = refused(shop.post("earn", key="k2", member=shop.id, points=41), 429, "daily_points_exceeded")
    assert body["points_left"] == 40
    assert created(shop.post("earn", key="k1", member=shop.id, points=60), replayed=True) == first
    refused(shop.post("earn", key="k3", member=str(uuid.uuid4()), points=40), 404, "not_found")
    created(shop.post("spend", key="k4", member=shop.id, points=200))
    created(shop.post("earn", key="k5", member=shop.id, points=40))  # what was refused was given back
    refused(shop.post("earn", key="k6", member=shop.id, points=1), 429, "daily_points_exceeded")
    assert shop.balance == 400


def test_a_repeat_is_answered_for_a_member_who_has_left_meanwhile(shop: Shop) -> None:
    first = created(shop.post("spend", key="k1", member=shop.id, points=500))
    Member.objects.filter(pk=shop.member.pk).update(user=None, closed_at=make.NOON)
    assert created(shop.post("spend", key="k1", member=shop.id, points=500), replayed=True) == first
    refused(shop.post("earn", key="k2", member=shop.id, points=1), 404, "not_found")


@pytest.mark.parametrize(
    ("path", "change"),
    [
        ("earn", {"points": 11}),
        ("earn", {"reference": "R-5"}),
        ("earn", {"store": "ginza"}),
        ("earn", {"lot_life_days": 31}),
        ("earn", {"member": "ref:other"}),
        ("spend", {}),
        ("holds", {}),
    ],
)
def test_a_key_stands_for_one_act_and_one_body(shop: Shop, path: str, change: dict[str, Any]) -> None:
    said: dict[str, Any] = {"member": shop.id, "points": 10}
    created(shop.post("earn", key="k1", **said))
    refused(shop.post(path, key="k1", **said | change), 422, "key_reused")
    assert (shop.balance, ApiAct.objects.count()) == (510, 1)


def test_the_same_key_of_another_client_is_another_key(shop: Shop) -> None:
    other = Shop(program=shop.brand.program)
    first = created(shop.post("earn", key="k1", member="ref:me", points=10))
    second = created(other.post("earn", key="k1", member="ref:me", points=20))
    assert first["member"] != second["member"]  # and each brand's own names are its own


@pytest.mark.parametrize("path", ["earn", "spend", "holds"])
def test_acts_need_a_key_that_can_be_used(shop: Shop, path: str) -> None:
    for key in (None, "", " ", "a b", "ä", "x" * 256):
        body = refused(shop.post(path, key=key, member=shop.id, points=1), 400, "idempotency_key_wrong")
        assert body["errors"][0]["field"] == "Idempotency-Key"
    assert shop.balance == 500


def test_a_spend_is_taken_back_in_parts_and_never_more(shop: Shop) -> None:
    spent = created(shop.post("spend", key="k1", member=shop.id, points=300))
    back = f"transfers/{spent['id']}/reverse"
    part = created(shop.post(back, key="r1", points=100))
    assert part == {
        "id": part["id"],
        "original": spent["id"],
        "member": shop.id,
        "points": 100,
        "balance": 300,
        "at": part["at"],
    }
    refused(shop.post(back, key="r2", points=201), 409, "reversal_refused")
    rest = created(shop.post(back, key="r2"))
    assert (rest["points"], rest["balance"]) == (200, 500)
    refused(shop.post(back, key="r3"), 409, "reversal_refused")
    assert created(shop.post(back, key="r1", points=100), replayed=True) == part
    refused(shop.post(back, key="r1", points=99), 422, "key_reused")
    assert shop.balance == 500
    no_differences()


def test_points_that_were_given_go_back_to_the_funds(shop: Shop) -> None:
    given = created(shop.post("earn", key="k1", member=shop.id, points=100))
    taken = created(shop.post(f"transfers/{given['id']}/reverse", key="r1"))
    assert (taken["points"], taken["balance"]) == (100, 500)
    assert (shop.balance, shop.funds) == (500, 1_000)
    no_differences()


def test_given_points_that_were_spent_can_not_be_taken_back(shop: Shop) -> None:
    given = created(shop.post("earn", key="k1", member=shop.id, points=100, lot_life_days=1))
    created(shop.post("spend", key="k2", member=shop.id, points=50))
    refused(shop.post(f"transfers/{given['id']}/reverse", key="r1"), 409, "insufficient_points")


def test_only_what_the_brands_systems_moved_is_theirs_to_take_back(shop: Shop) -> None:
    other = Shop(program=shop.brand.program)
    theirs = [
        created(other.post("earn", key="k1", member=other.id, points=5))["id"],
        created(other.post("spend", key="k2", member=other.id, points=5))["id"],
        str(shop.lot.transfer_id),  # of the brand, but not given through the API
        created(shop.post("holds", key="h1", member=shop.id, points=5))["id"],  # is released, not reversed
        str(uuid.uuid4()),
    ]
    for number, transfer in enumerate(theirs):
        refused(shop.post(f"transfers/{transfer}/reverse", key=f"r{number}"), 404, "not_found")
    no_differences()


@pytest.mark.parametrize("path", ["earn", "spend", "holds"])
def test_a_member_who_has_nothing_to_do_with_the_brand_is_nobody(shop: Shop, path: str) -> None:
    stranger = Shop(program=shop.brand.program)
    for member in (stranger.id, str(uuid.uuid4())):
        refused(shop.post(path, key="k1", member=member, points=1), 404, "not_found")
    assert stranger.balance == 500


def test_spending_by_a_name_that_nobody_has_makes_nobody(shop: Shop) -> None:
    before = Member.objects.count()
    refused(shop.post("spend", key="k1", member="ref:nobody", points=1), 404, "not_found")
    assert Member.objects.count() == before


BAD_POINTS = ["9223372036854775808", "1000000000001", "-1", "0", "0.1", "1.0", "1e9", '"1e9"', '"5"', "true"]
BAD_POINTS += ["null", "[]", "{}", '"NaN"', "9" * 400]


@pytest.mark.both
@pytest.mark.parametrize("path", ["earn", "spend", "holds"])
def test_points_are_whole_numbers_from_one_to_a_million_million(shop: Shop, path: str) -> None:
    for points in BAD_POINTS:
        body = f'{{"member": "{shop.id}", "points": {points}}}'
        told = refused(shop.partner.post(path, body, key="k1"), 400, "invalid_request")
        assert [error["field"] for error in told["errors"]] == ["points"], points
    assert (shop.balance, shop.funds) == (500, 1_000)


BAD_JSON: list[Any] = [
    "null",
    "[]",
    '"x"',
    "1",
    "{",
    "{'a': 1}",
    '{"points": NaN}',
    '{"points": Infinity}',
    "\x00",
    '{"points": 1, "points": 2}',
    '{"reference": "\\ud800"}',
    b"\xff\xfe",
    "[" * 100000,
]


@pytest.mark.both
def test_what_is_no_object_of_json_is_not_read(shop: Shop) -> None:
    for body in BAD_JSON:
        refused(shop.partner.post("earn", body, key="k1"), 400, "malformed_request")


BAD_FIELDS: list[tuple[str, Any]] = [
    ("reference", ""),
    ("reference", "x" * 65),
    ("reference", "a\nb"),
    ("reference", "a\u202eb"),
    ("reference", "領収書"),
    ("reference", 7),
    ("reference", True),
    ("reference", "R-1\n"),
    ("store", ""),
    ("store", "x" * 33),
    ("store", "gin\u0000za"),
    ("store", 1),
    ("store", "GINZA"),
    ("member", ""),
    ("member", 1),
    ("member", None),
    ("member", ["x"]),
    ("member", "ref:"),
    ("member", "number:"),
    ("member", "ref:" + "x" * 65),
    ("member", "ref:a b"),
    ("member", "ref:\u0000"),
    ("member", "mail:a@example.com"),
    ("member", "x" * 10_000),
    ("member", "0" * 31),
    ("lot_life_days", 0),
    ("lot_life_days", 3_661),
    ("lot_life_days", 1.5),
    ("lot_life_days", "30"),
    ("point", 1),
    ("admin", True),
]


@pytest.mark.both
def test_a_field_that_is_not_as_it_must_be_is_named(shop: Shop) -> None:
    for field, value in BAD_FIELDS:
        said: dict[str, Any] = {"member": shop.id, "points": 1} | {field: value}
        body = refused(shop.partner.post("earn", said, key="k1"), 400, "invalid_request")
        assert [error["field"] for error in body["errors"]] == [field], value
        assert all(error["message"] and error["code"] for error in body["errors"])
    assert (shop.balance, shop.funds) == (500, 1_000)


def test_a_name_of_a_field_that_may_be_a_code_is_not_repeated(shop: Shop) -> None:
    said = {"member": shop.id, "points": 1, "1234567890123456": "x"}
    answer = shop.partner.post("earn", said, key="k1")
    refused(answer, 400, "invalid_request")
    assert "1234567890123456" not in answer.content.decode()


def test_points_that_have_ended_are_not_spent(shop: Shop) -> None:
    created(shop.post("spend", key="k1", member=shop.id, points=500))
    make.lot(shop.wallet, 10, funder=shop.brand, days=1, at=database_time() - timedelta(days=5))
    assert shop.balance == 10  # until their end is booked
    refused(shop.post("spend", key="k2", member=shop.id, points=1), 409, "insufficient_points")
