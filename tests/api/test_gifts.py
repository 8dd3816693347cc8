"""Gifts by the API: issued at once, the same again for the same key, looked at, revealed, withdrawn."""

import uuid
from datetime import timedelta
from typing import Any

import pytest

from campaigns.queries import limit_group_of
from giftcodes.gift_models import Gift, GiftRequest, GiftReveal
from ledger.statements import database_time
from parties.api_models import Scope
from tests import make
from tests.api.gifts import giving_campaign, issued_by
from tests.api.partner import Partner, api_client
from tests.api.shop import Shop, no_differences

pytestmark = pytest.mark.django_db


def refusal(answer: Any, status: int) -> dict[str, Any]:
    body: dict[str, Any] = answer.json()
    assert (answer.status_code, body["status"]) == (status, status), body
    return body


def test_a_gift_is_issued_at_once_with_a_code_that_its_member_claims() -> None:
    shop = Shop()
    campaign = giving_campaign(shop)
    body = {"recipient_ref": "order-77", "metadata": {"shop": "ginza"}, "points": 120}
    gift = issued_by(shop, **body)
    assert {name: gift[name] for name in body} == body
    assert gift["status"] == "issued"
    assert gift["url"].endswith(f"#c={gift['code']}")
    assert gift["claim_until"].endswith("+09:00")
    claimed = shop.post("claims", key="c-1", member=shop.id, code=gift["code"])
    assert claimed.status_code in (200, 201), claimed.content
    assert shop.balance == 620
    assert shop.partner.get(f"gifts/{gift['id']}").json()["status"] == "claimed"
    budget = shop.partner.get(f"campaigns/{campaign.slug}").json()["budget"]
    assert budget["reserved"] == {"gifts": 5, "points": 500}
    assert budget["issued"] == budget["claimed"] == {"gifts": 1, "points": 120}
    assert budget["left"] == {"gifts": 4, "points": 380}
    no_differences()


def test_the_same_key_gives_the_same_gift_for_ever_and_another_body_is_refused() -> None:
    shop = Shop()
    slug = giving_campaign(shop).slug
    first = shop.post("gifts", key="order-1", campaign=slug, points=50)
    again = shop.post("gifts", key="order-1", campaign=slug, points=50)
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.json() == again.json()
    assert "Idempotent-Replayed" not in first.headers
    assert again.headers["Idempotent-Replayed"] == "true"
    other = shop.post("gifts", key="order-1", campaign=slug, points=51)
    assert refusal(other, 422)["code"] == "key_reused"
    assert first.json()["code"] not in other.content.decode()
    assert (Gift.objects.count(), GiftRequest.objects.count()) == (1, 1)
    assert refusal(shop.post("gifts", campaign=slug), 400)["code"] == "idempotency_key_wrong"
    assert refusal(shop.post("gifts", campaign="none"), 400)["code"] == "idempotency_key_wrong"


def test_keys_of_gifts_are_apart_from_those_of_other_acts() -> None:
    shop = Shop()
    slug = giving_campaign(shop).slug
    assert shop.post("gifts", key="order-1", campaign=slug).status_code == 201
    assert shop.post("earn", key="order-1", member=shop.id, points=5).status_code == 201
    assert refusal(shop.post("spend", key="order-1", member=shop.id, points=5), 422)["code"] == "key_reused"


def test_a_repeat_is_answered_though_the_points_of_the_day_are_used_up() -> None:
    shop = Shop()
    shop.partner.client.points_per_day = 150
    shop.partner.client.save()
    slug = giving_campaign(shop).slug
    first = shop.post("gifts", key="one", campaign=slug)
    full = refusal(shop.post("gifts", key="two", campaign=slug), 429)
    assert (full["code"], full["points_left"]) == ("daily_points_exceeded", 50)
    assert shop.post("gifts", key="one", campaign=slug).json() == first.json()
    assert shop.post("gifts", key="two", campaign=slug, points=50).status_code == 201


def test_a_gift_past_its_time_has_expired_whoever_asks() -> None:
    shop = Shop()
    slug = giving_campaign(shop).slug
    gift = shop.post("gifts", key="k", campaign=slug).json()
    assert gift["status"] == "issued"
    Gift.objects.update(claim_until=database_time())  # no sweep has been there
    asked = {
        "looked at": shop.partner.get(f"gifts/{gift['id']}"),
        "revealed": shop.partner.get(f"gifts/{gift['id']}", {"reveal": "true"}),
        "repeated": shop.post("gifts", key="k", campaign=slug),
    }
    assert {how: answer.json()["status"] for how, answer in asked.items()} == dict.fromkeys(asked, "expired")


def dear_behind_cheap(shop: Shop, *, points_per_day: int, cheap: int) -> str:
    """The name of a campaign that issues `cheap` gifts of 1 point first, and then one of 700."""
    shop.partner.client.points_per_day = points_per_day
    shop.partner.client.save()
    campaign, now = giving_campaign(shop, size=1, face_points=700), database_time()
    make.gift_batch(
        brand=shop.brand,
        size=cheap,
        face_points=1,
        limit_group=limit_group_of(campaign),
        approved_at=now - timedelta(days=1),  # so the newer one
        claim_from=now - timedelta(days=1),
        claim_until=now + timedelta(days=30),
    )
    return str(campaign.slug)


def test_the_points_of_the_day_hold_whichever_order_a_gift_is_drawn_from() -> None:
    shop = Shop()
    slug = dear_behind_cheap(shop, points_per_day=10, cheap=1)
    assert shop.post("gifts", key="a", campaign=slug, points=1).status_code == 201
    dear = shop.post("gifts", key="b", campaign=slug)
    assert refusal(dear, 429)["code"] == "daily_points_exceeded"
    assert Gift.objects.count() == 1


def test_what_a_gift_did_not_cost_is_there_again_on_the_same_day() -> None:
    shop = Shop()
    slug = dear_behind_cheap(shop, points_per_day=702, cheap=2)
    issued = [shop.post("gifts", key=key, campaign=slug).json()["points"] for key in ("a", "b", "c")]
    assert issued == [1, 1, 700]
    full = refusal(shop.post("gifts", key="d", campaign=slug, points=1), 429)
    assert (full["code"], full["points_left"]) == ("daily_points_exceeded", 0)


def test_many_gifts_are_issued_together_or_not_at_all() -> None:
    shop = Shop()
    slug = giving_campaign(shop).slug
    many = shop.post(
        "gifts/batch", key="b", campaign=slug, gifts=[{"recipient_ref": f"r{n}"} for n in range(4)]
    )
    assert [gift["recipient_ref"] for gift in many.json()["data"]] == ["r0", "r1", "r2", "r3"]
    assert len({gift["code"] for gift in many.json()["data"]}) == 4
    none = shop.post("gifts/batch", key="c", campaign=slug, gifts=[{}, {}])
    assert refusal(none, 409)["code"] == "budget_exhausted"
    assert Gift.objects.count() == 4
    assert shop.post("gifts", key="c", campaign=slug).status_code == 201  # a refusal does not use up the key


def test_gifts_are_listed_page_by_page_without_their_codes() -> None:
    shop = Shop()
    slug = giving_campaign(shop).slug
    shop.post("gifts/batch", key="b", campaign=slug, gifts=[{}, {"recipient_ref": "hanako"}, {}])
    page = shop.partner.get("gifts", {"limit": "2"}).json()
    assert (len(page["data"]), page["has_more"]) == (2, True)
    rest = shop.partner.get("gifts", {"limit": "2", "cursor": page["next_cursor"]}).json()
    assert (len(rest["data"]), rest["has_more"], rest["next_cursor"]) == (1, False, None)
    assert len({gift["id"] for gift in page["data"] + rest["data"]}) == 3
    assert not {"code", "url"} & page["data"][0].keys()
    [hers] = shop.partner.get("gifts", {"recipient_ref": "hanako"}).json()["data"]
    assert hers["recipient_ref"] == "hanako"
    assert shop.partner.get("gifts", {"status": "claimed"}).json()["data"] == []


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"limit": "0"}, "limit"),
        ({"limit": "101"}, "limit"),
        ({"limit": "１"}, "limit"),
        ({"cursor": "x"}, "cursor"),
        ({"cursor": "WzFd"}, "cursor"),
        ({"status": "lost"}, "status"),
    ],
)
def test_a_list_says_what_is_wrong_with_the_question(query: dict[str, str], field: str) -> None:
    assert refusal(Shop().partner.get("gifts", query), 400)["errors"][0]["field"] == field


def test_a_code_is_seen_again_with_the_scope_alone_and_that_is_recorded() -> None:
    shop = Shop()
    gift = issued_by(shop)
    reader = Partner(shop.partner.client, scopes=[Scope.GIFTS_READ])
    assert refusal(reader.get(f"gifts/{gift['id']}", {"reveal": "true"}), 403)["scope"] == "gifts:reveal"
    assert not GiftReveal.objects.exists()
    shown = shop.partner.get(f"gifts/{gift['id']}", {"reveal": "true"}).json()
    assert (shown["code"], shown["url"]) == (gift["code"], gift["url"])
    assert GiftReveal.objects.get().client == shop.partner.client


def test_a_gift_that_nobody_has_claimed_is_withdrawn_and_its_points_come_back() -> None:
    shop = Shop()
    gift = issued_by(shop)
    funds = shop.funds
    for _ in range(2):
        answer = shop.post(f"gifts/{gift['id']}/void", reason="sent to the wrong person")
        assert (answer.status_code, answer.json()["status"]) == (200, "voided")
        assert shop.funds == funds + 100
    dead = shop.post("claims", key="c", member=shop.id, code=gift["code"])
    assert refusal(dead, 409)["code"] == "code_not_usable"
    claimed = issued_by(shop)
    shop.post("claims", key="d", member=shop.id, code=claimed["code"])
    late = shop.post(f"gifts/{claimed['id']}/void", reason="too late")
    assert refusal(late, 409)["code"] == "gift_claimed"
    no_differences()


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"points": 0}, "points"),
        ({"points": -1}, "points"),
        ({"points": 2**63}, "points"),
        ({"points": 0.1}, "points"),
        ({"points": "100"}, "points"),
        ({"points": True}, "points"),
        ({"points": 2_001}, "points"),
        ({"claim_until": "tomorrow"}, "claim_until"),
        ({"claim_until": "2030-01-01T00:00:00"}, "claim_until"),  # of which country?
        ({"claim_until": "0001-01-01T00:00:00+09:00"}, "claim_until"),  # in UTC there is no such year
        ({"claim_until": 1893456000}, "claim_until"),
        ({"claim_until": "2020-01-01T00:00:00+09:00"}, "claim_until"),
        ({"recipient_ref": "x" * 65}, "recipient_ref"),
        ({"recipient_ref": "a\u0000"}, "recipient_ref"),
        ({"recipient_ref": 7}, "recipient_ref"),
        ({"metadata": {"a": 1}}, "metadata.a"),
        ({"metadata": {"9000000000000017": 1}}, "metadata.?"),  # names are the caller's: this one is a code
        ({"9000000000000017": 1}, "?"),
        ({"metadata": {str(n): "x" for n in range(21)}}, "metadata"),
        ({"metadata": []}, "metadata"),
        ({"pionts": 5}, "pionts"),
    ],
)
def test_what_cannot_be_a_gift_is_named_and_nothing_is_issued(wrong: dict[str, Any], field: str) -> None:
    shop = Shop()
    slug = giving_campaign(shop).slug
    body = refusal(shop.post("gifts", key="k", campaign=slug, **wrong), 400)
    assert field in [error["field"] for error in body["errors"]]
    assert "9000000000000017" not in str(body)
    assert not Gift.objects.exists()
    assert shop.post("gifts", key="k", campaign=slug).status_code == 201  # so that it was this


@pytest.mark.parametrize(
    "text", ["", "[]", "{", "null", '{"campaign": NaN}', '{"campaign": "a", "campaign": "b"}']
)
def test_what_is_no_request_is_refused(text: str) -> None:
    body = refusal(Shop().partner.post("gifts", text, key="k"), 400)
    assert body["code"] in ("malformed_request", "invalid_request")


def test_other_brands_gifts_and_campaigns_do_not_exist() -> None:
    shop, gift = Shop(), None
    gift = issued_by(shop)
    foreign = Partner(api_client(make.brand(program=shop.brand.program)))
    slug = giving_campaign(shop).slug
    for answer in (
        foreign.get(f"gifts/{gift['id']}"),
        foreign.get(f"gifts/{gift['id']}", {"reveal": "true"}),
        foreign.post(f"gifts/{gift['id']}/void", {"reason": "mine"}),
        foreign.get(f"campaigns/{slug}"),
        foreign.post("gifts", {"campaign": slug}, key="k"),
        foreign.get(f"gifts/{uuid.uuid4()}"),
    ):
        assert refusal(answer, 404)["code"] == "not_found"
    assert not GiftReveal.objects.exists()


@pytest.mark.django_db(transaction=True)  # an event shows when its transaction has ended
def test_everything_that_happens_to_a_gift_is_told_in_its_order() -> None:
    shop = Shop()
    claimed, voided = issued_by(shop), issued_by(shop)
    shop.post("claims", key="c", member=shop.id, code=claimed["code"])
    shop.post(f"gifts/{voided['id']}/void", reason="a mistake")
    events = shop.partner.get("events").json()
    told = [(event["object"], event["type"], event["sequence"]) for event in events["data"]]
    assert [row for row in told if row[0] == claimed["id"]] == [
        (claimed["id"], "gift.issued", 1),
        (claimed["id"], "gift.claimed", 2),
    ]
    assert [row for row in told if row[0] == voided["id"]] == [
        (voided["id"], "gift.issued", 1),
        (voided["id"], "gift.voided", 2),
    ]
    assert claimed["code"] not in str(events)
    assert claimed["code"].replace("-", "") not in str(events)
    rest = shop.partner.get("events", {"after": events["next_cursor"]}).json()
    assert (rest["data"], rest["has_more"]) == ([], False)
    assert rest["next_cursor"] == events["next_cursor"]


@pytest.mark.parametrize("text", ["a\0", "x" * 65])
def test_gifts_of_a_recipient_that_none_can_have_are_refused(text: str) -> None:
    body = refusal(Shop().partner.get("gifts", {"recipient_ref": text}), 400)
    assert [error["field"] for error in body["errors"]] == ["recipient_ref"]


def test_a_list_of_one_gift_is_another_body_than_that_gift() -> None:
    shop = Shop()
    slug = giving_campaign(shop).slug
    one = {"recipient_ref": "r"}
    for first, second in (("gifts", "gifts/batch"), ("gifts/batch", "gifts")):
        bodies: dict[str, dict[str, Any]] = {
            "gifts": {"campaign": slug, **one},
            "gifts/batch": {"campaign": slug, "gifts": [one]},
        }
        key = f"key of {first}".replace(" ", "-")
        assert shop.post(first, key=key, **bodies[first]).status_code == 201
        refused = shop.post(second, key=key, **bodies[second])
        assert (refused.status_code, refused.json()["code"]) == (422, "key_reused")
        again = shop.post(first, key=key, **bodies[first])
        assert (again.status_code, again.headers["Idempotent-Replayed"]) == (201, "true")
    assert Gift.objects.count() == 2
