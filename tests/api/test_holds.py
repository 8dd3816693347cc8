"""Points are set aside for a checkout by a partner's systems, and that ends once."""

import uuid
from datetime import datetime, timedelta
from typing import Any

import pytest

from ledger import services as ledger
from ledger.models import Hold
from ledger.statements import database_time
from tests import make
from tests.api.shop import Shop, no_differences
from tests.api.test_keys import refused
from tests.api.test_points import created

pytestmark = pytest.mark.django_db


@pytest.fixture
def shop(db: None) -> Shop:
    return Shop()


def held(shop: Shop, points: int = 100, **more: Any) -> dict[str, Any]:
    key = str(uuid.uuid4())
    return created(shop.post("holds", key=key, member=shop.id, points=points, **more))


def done(answer: Any) -> dict[str, Any]:
    body: dict[str, Any] = answer.json()
    assert answer.status_code == 200, body
    return body


def test_a_hold_is_captured_in_part_and_the_rest_comes_back(shop: Shop) -> None:
    hold = held(shop, store="ginza", expires_in=60)
    assert hold == {
        "id": hold["id"],
        "member": shop.id,
        "store": "ginza",
        "points": 100,
        "state": "open",
        "captured_points": 0,
        "capture_transfer": None,
        "held_at": hold["held_at"],
        "expires_at": hold["expires_at"],
        "ended_at": None,
        "balance": 400,
    }
    begins, ends = (datetime.fromisoformat(hold[name]) for name in ("held_at", "expires_at"))
    assert ends - begins == timedelta(seconds=60)
    captured = done(shop.post(f"holds/{hold['id']}/capture", key="c1", points=70))
    assert (captured["state"], captured["captured_points"], captured["balance"]) == ("captured", 70, 430)
    shown = done(shop.partner.get(f"holds/{hold['id']}"))
    assert captured == shown | {"balance": 430}
    back = shop.post(f"transfers/{captured['capture_transfer']}/reverse", key="r1")
    assert created(back)["balance"] == 500
    no_differences()


def test_a_capture_repeats_and_does_not_change_its_mind(shop: Shop) -> None:
    capture = f"holds/{held(shop)['id']}/capture"
    first = done(shop.post(capture, key="c1"))
    again = shop.post(capture, key="c1")
    assert again["Idempotent-Replayed"] == "true"
    assert done(again) == first
    refused(shop.post(capture, key="c1", points=99), 422, "key_reused")
    refused(shop.post(capture, key="c2", points=99), 409, "hold_ended")
    other = held(shop)
    refused(shop.post(f"holds/{other['id']}/capture", key="c1"), 422, "key_reused")
    assert shop.balance == 300


def test_more_than_is_held_can_not_be_captured(shop: Shop) -> None:
    hold = held(shop)
    refused(shop.post(f"holds/{hold['id']}/capture", key="c1", points=101), 409, "insufficient_points")
    assert done(shop.partner.get(f"holds/{hold['id']}"))["state"] == "open"


def test_a_released_hold_gives_its_points_back_once(shop: Shop) -> None:
    hold = held(shop)
    released = done(shop.post(f"holds/{hold['id']}/release", key="l1"))
    assert (released["state"], released["balance"]) == ("released", 500)
    assert done(shop.post(f"holds/{hold['id']}/release", key="l2"))["state"] == "released"
    refused(shop.post(f"holds/{hold['id']}/capture", key="c1"), 409, "hold_ended")
    captured = held(shop)
    done(shop.post(f"holds/{captured['id']}/capture", key="c2"))
    refused(shop.post(f"holds/{captured['id']}/release", key="l3"), 409, "hold_ended")
    assert shop.balance == 400
    no_differences()


def test_a_hold_past_its_end_has_expired_whether_that_is_booked_or_not(shop: Shop) -> None:
    at = database_time() - timedelta(hours=1)
    hold = ledger.hold_points(
        wallet_id=shop.wallet.pk,
        store_id=shop.store.pk,
        points=100,
        key="cart",
        expires_at=at + timedelta(minutes=1),
        at=at,
    )
    assert Hold.objects.get(pk=hold.pk).state == "open"
    assert done(shop.partner.get(f"holds/{hold.pk}"))["state"] == "expired"
    refused(shop.post(f"holds/{hold.pk}/capture", key="c1"), 409, "hold_ended")


def test_a_hold_at_another_brands_store_is_none(shop: Shop) -> None:
    other = Shop(program=shop.brand.program)
    theirs = held(other)["id"]
    for hold in (theirs, str(uuid.uuid4())):
        refused(shop.partner.get(f"holds/{hold}"), 404, "not_found")
        refused(shop.post(f"holds/{hold}/capture", key="c1"), 404, "not_found")
        refused(shop.post(f"holds/{hold}/release", key="l1"), 404, "not_found")
    assert done(other.partner.get(f"holds/{theirs}"))["state"] == "open"


def test_a_hold_lives_for_a_minute_to_seven_days(shop: Shop) -> None:
    for wrong in (59, 604_801, 0, -1, 0.5, "900", 2**63, True):
        answer = shop.post("holds", key="h1", member=shop.id, points=1, expires_in=wrong)
        body = refused(answer, 400, "invalid_request")
        assert [error["field"] for error in body["errors"]] == ["expires_in"], wrong
    for right in (60, 604_800):
        held(shop, points=1, expires_in=right)


def test_captures_and_releases_say_no_more_than_they_may(shop: Shop) -> None:
    hold = held(shop)["id"]
    for path, field, wrong in [
        ("capture", "points", 0),
        ("capture", "points", 2**63),
        ("capture", "points", "5"),
        ("capture", "amount", 5),
        ("release", "points", 5),
    ]:
        body = refused(
            shop.partner.post(f"holds/{hold}/{path}", {field: wrong}, key="x"), 400, "invalid_request"
        )
        assert [error["field"] for error in body["errors"]] == [field]
    refused(shop.post(f"holds/{hold}/release"), 400, "idempotency_key_wrong")
    refused(shop.post(f"holds/{make.brand().pk}/release", key="x"), 404, "not_found")
    assert shop.balance == 400
