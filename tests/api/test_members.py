"""What a brand may see of a member: those it has to do with, their points, and its own dealings with them."""

import uuid
from datetime import datetime, timedelta
from typing import Any

import pytest

from ledger import services as ledger
from ledger.models import Hold
from ledger.services import partner_lookups
from ledger.services.partner_lookups import CARD_OPENS_FOR
from ledger.statements import database_time
from parties.act_models import CardShowing
from parties.card_queries import read_card_token, token_of
from parties.card_services import make_card
from parties.models import Member
from parties.site_models import SiteConsent
from tests import make
from tests.api.shop import Shop
from tests.api.test_holds import done, held
from tests.api.test_keys import refused
from tests.api.test_points import created
from tests.redemption_site.shops import Shop as Site

pytestmark = pytest.mark.django_db
PATHS = ["", "/balance", "/lots", "/transactions"]


@pytest.fixture
def shop(db: None) -> Shop:
    return Shop()


def token(member: Member) -> str:
    at = database_time()
    return token_of(make_card(member=member, at=at), at=at).digits


def test_a_member_with_points_of_the_brand_is_known_by_them(shop: Shop) -> None:
    for name in (shop.id, shop.member.public_id.hex, shop.id.upper()):
        assert done(shop.partner.get(f"members/{name}")) == {"id": shop.id, "known_by": ["points"]}


def test_everybody_else_is_nobody(shop: Shop) -> None:
    other = Shop(program=shop.brand.program)
    gone = Shop()
    Member.objects.filter(pk=gone.member.pk).update(user=None, closed_at=make.NOON)
    for name in (other.id, str(uuid.uuid4()), str(make.member().public_id), "ref:x", "number:1", "1", "%00"):
        for path in PATHS:
            refused(shop.partner.get(f"members/{name}{path}"), 404, "not_found")
    refused(gone.partner.get(f"members/{gone.id}"), 404, "not_found")


def test_who_has_spent_or_held_points_there_is_known(shop: Shop) -> None:
    other = Shop(program=shop.brand.program)
    for act in ("spend", "hold"):
        wallet = ledger.open_wallet(member=make.member(), program=shop.brand.program, at=database_time())
        make.lot(wallet, 10, funder=other.brand, at=database_time())
        assert wallet.member is not None
        name = str(wallet.member.public_id)
        refused(shop.partner.get(f"members/{name}"), 404, "not_found")
        more: dict[str, Any] = {"wallet_id": wallet.pk, "store_id": shop.store.pk, "points": 1, "key": act}
        at = database_time()
        if act == "spend":
            ledger.spend_points(**more, at=at)
        else:
            ledger.hold_points(**more, expires_at=at + timedelta(hours=1), at=at)
        assert done(shop.partner.get(f"members/{name}"))["known_by"] == ["points"]


def test_a_card_opens_its_member_for_ten_minutes(shop: Shop) -> None:
    member = make.member()
    found = done(shop.post("members/lookup", card_token=token(member)))
    assert found == {"id": str(member.public_id), "known_by": ["card"]}
    for path in PATHS:
        done(shop.partner.get(f"members/{member.public_id}{path}"))
    other = Shop(program=shop.brand.program)  # another brand has not seen the card
    refused(other.partner.get(f"members/{member.public_id}"), 404, "not_found")
    showing = CardShowing.objects.get(brand=shop.brand, member=member)
    assert showing.until - showing.shown_at == CARD_OPENS_FOR
    long_ago = database_time() - timedelta(minutes=11)
    CardShowing.objects.update(shown_at=long_ago, until=long_ago + CARD_OPENS_FOR)
    refused(shop.partner.get(f"members/{member.public_id}"), 404, "not_found")
    done(shop.post("members/lookup", card_token=token(member)))  # shown again: open again
    done(shop.partner.get(f"members/{member.public_id}"))


def test_a_member_whose_card_was_shown_can_be_given_points(shop: Shop) -> None:
    member = make.member()
    done(shop.post("members/lookup", card_token=token(member)))
    created(shop.post("earn", key="k1", member=str(member.public_id), points=5))
    CardShowing.objects.all().delete()
    assert done(shop.partner.get(f"members/{member.public_id}"))["known_by"] == ["points"]


def test_a_card_that_shows_something_else_finds_nobody(shop: Shop) -> None:
    good = token(make.member())
    wrong = good[:-1] + str((int(good[-1]) + 1) % 10)
    refused(shop.post("members/lookup", card_token=wrong), 400, "card_token_typing_error")
    refused(shop.post("members/lookup", card_token="１２３"), 400, "card_token_typing_error")
    at = database_time() - timedelta(minutes=2)
    old = token_of(make_card(member=make.member(), at=at), at=at).digits
    answer = shop.post("members/lookup", card_token=old)
    refused(answer, 409, "card_token_not_usable")
    assert old not in answer.content.decode()
    assert not CardShowing.objects.exists()


def test_a_card_is_noted_of_nobody_who_leaves_while_it_is_read(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    member = make.member()
    shown = token(member)

    def read(text: object, *, at: datetime) -> Member:
        found = read_card_token(text, at=at)
        ledger.close_membership(member_id=found.pk, at=at)
        return found

    monkeypatch.setattr(partner_lookups, "read_card_token", read)
    answer = shop.partner.post("members/lookup", {"card_token": shown})
    refused(answer, 409, "card_token_not_usable")
    assert not CardShowing.objects.exists()


def test_a_number_or_a_name_of_the_brand_finds_who_is_known_by_it(shop: Shop) -> None:
    refused(shop.post("members/lookup", member="ref:user-1"), 404, "not_found")
    made = created(shop.post("earn", key="k1", member="ref:user-1", points=1))["member"]
    found = {"id": made, "known_by": ["points", "number"]}
    assert done(shop.post("members/lookup", member="ref:user-1")) == found
    other = Shop(program=shop.brand.program)
    refused(other.post("members/lookup", member="ref:user-1"), 404, "not_found")


@pytest.mark.parametrize(
    "body", [{}, {"card_token": "1", "member": "ref:x"}, {"token": "1"}, {"card_token": 1}]
)
def test_a_lookup_says_one_thing(shop: Shop, body: dict[str, Any]) -> None:
    refused(shop.partner.post("members/lookup", body), 400, "invalid_request")


def test_a_site_that_the_member_lets_know_makes_them_known_until_they_take_it_back(shop: Shop) -> None:
    site = Site().site
    type(site).objects.filter(pk=site.pk).update(brand=shop.brand)
    member = make.member()

    def consent(scopes: str) -> None:
        SiteConsent.objects.create(member=member, site=site, scopes=scopes, given_at=make.NOON)

    consent("openid")
    assert done(shop.partner.get(f"members/{member.public_id}"))["known_by"] == ["site"]
    consent("")
    refused(shop.partner.get(f"members/{member.public_id}"), 404, "not_found")


def test_the_balance_is_what_can_be_spent_now(shop: Shop) -> None:
    other = Shop(program=shop.brand.program)
    now = database_time()
    soon = make.lot(shop.wallet, 40, funder=other.brand, days=5, at=now)
    ended = make.lot(shop.wallet, 7, funder=other.brand, days=1, at=now - timedelta(days=10))
    held(shop, points=10)
    body = done(shop.partner.get(f"members/{shop.id}/balance"))
    assert body == {
        "member": shop.id,
        "points": 530,
        "held_points": 10,
        "next_to_expire": {"points": 30, "expires_at": body["next_to_expire"]["expires_at"]},
        "at": body["at"],
    }
    soon.refresh_from_db()
    ended.refresh_from_db()
    assert (soon.remaining_points, ended.remaining_points) == (30, 7)
    newcomer = created(shop.post("earn", key="k1", member="ref:new", points=1))["member"]
    created(shop.post("spend", key="k2", member="ref:new", points=1))
    empty = done(shop.partner.get(f"members/{newcomer}/balance"))
    assert (empty["points"], empty["held_points"], empty["next_to_expire"]) == (0, 0, None)


def pages(shop: Shop, path: str, limit: int) -> list[dict[str, Any]]:
    """All rows of a list, page by page."""
    rows: list[dict[str, Any]] = []
    query: dict[str, Any] = {"limit": limit}
    for _page in range(20):
        body = done(shop.partner.get(path, query))
        rows += body["data"]
        assert len(body["data"]) <= limit
        assert body["has_more"] == (body["next_cursor"] is not None)
        if not body["has_more"]:
            return rows
        query["cursor"] = body["next_cursor"]
    raise AssertionError("no end")


def test_lots_come_soonest_to_end_first_and_name_no_other_brand(shop: Shop) -> None:
    other = Shop(program=shop.brand.program)
    now = database_time()
    for days, points in ((5, 10), (5, 11), (400, 12)):
        make.lot(shop.wallet, points, funder=other.brand, days=days, at=now)
    rows = pages(shop, f"members/{shop.id}/lots", 1)
    assert [(row["points"], row["is_ours"]) for row in rows] == [
        (10, False),
        (11, False),
        (500, True),
        (12, False),
    ]
    assert rows == pages(shop, f"members/{shop.id}/lots", 3)
    assert {tuple(row) for row in rows} == {("points", "expires_at", "is_ours")}
    assert other.brand.slug not in str(rows)


def test_transactions_are_those_at_this_brand_alone(shop: Shop) -> None:
    other = Shop(program=shop.brand.program)
    make.lot(shop.wallet, 40, funder=other.brand, at=database_time())
    ledger.spend_points(
        wallet_id=shop.wallet.pk, store_id=other.store.pk, points=3, key="there", at=database_time()
    )
    given = created(shop.post("earn", key="k1", member=shop.id, points=20, store="ginza", reference="R-1"))
    spent = created(shop.post("spend", key="k2", member=shop.id, points=30, reference="R-2"))
    back = created(shop.post(f"transfers/{spent['id']}/reverse", key="k3", points=5))
    hold = held(shop, points=8)
    done(shop.post(f"holds/{hold['id']}/capture", key="k4", points=6))
    rows = pages(shop, f"members/{shop.id}/transactions", 2)
    assert rows == pages(shop, f"members/{shop.id}/transactions", 200)
    told = [(row["id"], row["kind"], row["points"], row["store"], row["reference"]) for row in rows]
    assert told == [
        (hold["id"], "hold", -8, "ginza", None),
        (back["id"], "reverse", 5, "ginza", None),
        (spent["id"], "spend", -30, "ginza", "R-2"),
        (given["id"], "grant", 20, "ginza", "R-1"),
        (str(shop.lot.transfer_id), "grant", 500, None, None),
    ]
    assert rows[0]["hold"] == {"state": "captured", "captured_points": 6}
    assert rows[1]["original"] == spent["id"]
    assert other.store.code == shop.store.code  # so that it can't be told apart by that
    theirs = pages(other, f"members/{shop.id}/transactions", 200)
    assert [(row["kind"], row["points"]) for row in theirs] == [("spend", -3), ("grant", 40)]
    assert Hold.objects.count() == 1


@pytest.mark.both
@pytest.mark.parametrize(
    "query",
    [
        {"limit": "0"},
        {"limit": "201"},
        {"limit": "x"},
        {"limit": "1e1"},
        {"limit": "１"},
        {"cursor": ""},
        {"cursor": "x"},
        {"cursor": "WzFd"},  # [1]
        {"cursor": "WzEsMiwzXQ"},  # [1,2,3]
        {"cursor": "WzkyMjMzNzIwMzY4NTQ3NzU4MDcsMV0"},  # [2^63-1,1]: in no calendar
        {"cursor": "W3RydWUsMV0"},  # [true,1]
        {"cursor": "a" * 300},
        {"cursor": "\x00"},
    ],
)
def test_pages_that_no_list_has_are_refused(shop: Shop, query: dict[str, str]) -> None:
    for path in ("lots", "transactions"):
        body = refused(shop.partner.get(f"members/{shop.id}/{path}", query), 400, "invalid_request")
        assert [error["field"] for error in body["errors"]] == list(query)


def test_nothing_personal_is_told(shop: Shop) -> None:
    user = shop.member.user
    assert user is not None
    user.name = "花子"
    user.save()
    texts = [shop.partner.get(f"members/{shop.id}{path}").content.decode() for path in PATHS]
    assert not [text for text in texts if "花子" in text or str(user.email) in text]
