"""The wallet: what can be used, until when, and how it came there."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test import Client

from giftcodes import services as giftcodes
from ledger import services as ledger
from ledger.expiry import ExpiryPolicy
from ledger.models import Account, Posting
from parties.models import Brand, Member
from redemption_site import queries
from tests import make
from tests.redemption_site import visits

pytestmark = pytest.mark.django_db


def only_member() -> Member:
    return Member.objects.get(user__email__startswith="user")


def claim(client: Client, **terms: object) -> None:
    assert client.post("/claim/", {"code": visits.code_now(**terms)}).status_code == 303


def rows_of(page: str) -> list[str]:
    lists = re.findall(r'<ul class="rows.*?</ul>', page, re.DOTALL)
    rows = [row for part in lists for row in re.findall(r"<li>(.*?)</li>", part, re.DOTALL)]
    return [re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", row)).strip() for row in rows]


def funded(name: str, like: Brand | None = None) -> Brand:
    return make.brand(name=name, funds=100_000, program=like.program if like else None)


def test_every_lot_has_its_funder_and_its_last_moment_soonest_first(hanako: Client) -> None:
    late = funded("Late Brand")
    soon = funded("Soon Brand", late)
    claim(hanako, brand=late, face_points=700, lot_life_days=90)
    claim(hanako, brand=soon, face_points=50, lot_life_days=3)
    page = hanako.get("/wallet/").content.decode()
    end = f"{datetime.now(UTC) + timedelta(days=3, hours=9):%-d %B %Y}, 23:59"
    lots = rows_of(page)[:2]
    assert lots[0].startswith("Soon Brand 50 pt until")
    assert end in lots[0]
    assert lots[1].startswith("Late Brand 700 pt until")
    assert "750 pt" in page
    assert re.search(rf"Next to expire: <strong>50 pt</strong>, usable until <strong>\w+ {end}", page)


def test_points_past_their_last_moment_are_told_apart_and_do_not_count(hanako: Client) -> None:
    brand = funded("Brand")
    claim(hanako, brand=brand, face_points=700)
    wallet = queries.wallets_of(only_member())[0]
    ledger.grant_points(
        brand_id=brand.pk,
        wallet_id=wallet.pk,
        points=50,
        expires=ExpiryPolicy.after_days(1),
        key="long ago",
        at=datetime.now(UTC) - timedelta(days=9),
    )
    page = hanako.get("/wallet/").content.decode()
    assert "Expired points" in page
    assert ">Balance</span> 700 pt" in page
    assert [row for row in rows_of(page) if "50 pt expired" in row]


def test_each_program_has_its_own_balance(hanako: Client) -> None:
    coins = make.program(name="Coins", unit_label="coins")
    claim(hanako, brand=funded("One"), face_points=700)
    claim(hanako, brand=make.brand(program=coins, funds=9000), face_points=9)
    page = hanako.get("/wallet/").content.decode()
    assert ">Balance</span> 700 pt" in page
    assert ">Balance</span> 9 coins" in page


def test_the_history_names_brand_and_serial_number(hanako: Client) -> None:
    batch = visits.batch_now(size=1, brand=funded("Bakery"))
    hanako.post("/claim/", {"code": make.code_of(batch)})
    entry = rows_of(hanako.get("/wallet/").content.decode())[-1]
    assert entry.startswith("Code claimed +500 pt")
    assert f"Bakery No. {batch.first_claim_id}" in entry


def test_a_wallet_without_points_says_what_to_do(hanako: Client) -> None:
    assert "No points yet" in hanako.get("/wallet/").content.decode()


def test_nobody_sees_anothers_wallet(hanako: Client, client: Client) -> None:
    brand = funded("Brand")
    claim(hanako, brand=brand)
    history = f"/wallet/{brand.program.slug}/history/"
    assert client.get("/wallet/")["Location"] == "/sign-in/?next=/wallet/"
    assert client.get(history)["Location"] == f"/sign-in/?next={history}"
    client.force_login(make.user())
    assert "500 pt" not in client.get("/wallet/").content.decode()
    assert client.get(history).status_code == 404


def test_the_whole_history_is_there_page_by_page_once(hanako: Client) -> None:
    brand = funded("Brand")
    batch = visits.batch_now(size=7, brand=brand, face_points=10)
    for place in range(7):
        giftcodes.claim_code(text=make.code_of(batch, place), member=only_member())
    wallet = queries.wallets_of(only_member())[0]
    seen: list[int] = []
    page = queries.history_page(wallet, older_than=None, size=3)
    while page is not None:
        seen += [entry.posting_id for entry in page.entries]
        more = page.older_than is not None and len(seen) < 20
        page = queries.history_page(wallet, older_than=page.older_than, size=3) if more else None
    assert len(seen) == 7
    assert seen == sorted(seen, reverse=True)
    assert set(seen) == set(Posting.objects.filter(target=wallet).values_list("pk", flat=True))


@pytest.mark.parametrize("before", ["999999", "x", "-1", "１", "9" * 30, "\0"])
def test_a_made_up_place_in_the_history_is_no_page(hanako: Client, before: str) -> None:
    brand = funded("Brand")
    claim(hanako, brand=brand)
    address = f"/wallet/{brand.program.slug}/history/"
    assert hanako.get(address).status_code == 200
    assert hanako.get(address, {"before": before}).status_code == 404


def test_anothers_posting_is_no_place_in_my_history(hanako: Client) -> None:
    brand = funded("Brand")
    batch = visits.batch_now(size=1, brand=brand)
    claim(hanako, brand=brand)
    giftcodes.claim_code(text=make.code_of(batch), member=make.member())
    foreign = Posting.objects.latest("pk").pk
    address = f"/wallet/{brand.program.slug}/history/"
    assert hanako.get(address, {"before": foreign}).status_code == 404


def member_with_points(client: Client) -> tuple[Account, Brand]:
    """The client's wallet with 700 points, of which 100 end first, and the brand that has funded them."""
    brand = funded("Bakery")
    claim(client, brand=brand, face_points=100, lot_life_days=3)
    claim(client, brand=brand, face_points=600, lot_life_days=90)
    return queries.wallets_of(only_member())[0], brand


def test_the_wallet_says_what_ends_next_and_after_that(hanako: Client) -> None:
    member_with_points(hanako)
    page = hanako.get("/wallet/").content.decode()
    assert "Next to expire: <strong>100 pt</strong>" in page
    assert re.search(r"After that: <strong>600 pt</strong>, usable until <strong>\w+ ", page)


def test_held_points_are_shown_apart_and_in_the_history(hanako: Client) -> None:
    wallet, brand = member_with_points(hanako)
    store = make.store(brand=brand, name="Station shop")
    now = datetime.now(UTC)
    ends = {"expires_at": now + timedelta(hours=1), "at": now}
    hold = ledger.hold_points(wallet_id=wallet.pk, store_id=store.pk, points=150, key="cart", **ends)
    page = hanako.get("/wallet/").content.decode()
    assert "Set aside for a purchase: <strong>150 pt</strong>" in page
    assert ">Balance</span> 550 pt" in page
    entry = rows_of(page)[-3]
    assert entry.startswith("Set aside for a purchase −150 pt")
    assert entry.endswith("· Bakery Station shop")

    ledger.capture_hold(hold_id=hold.pk, points=120, at=now)
    page = hanako.get("/wallet/").content.decode()
    assert "Set aside" not in page
    back, used = rows_of(page)[-4:-2]
    assert back.startswith("Points given back +30 pt")
    assert back.endswith("· Bakery Station shop")
    assert used.startswith("Points used −150 pt")


def test_the_history_has_words_for_all_that_can_happen(hanako: Client) -> None:
    wallet, brand = member_with_points(hanako)
    store, now = make.store(brand=brand, name="Station shop"), datetime.now(UTC)
    policy = ExpiryPolicy.after_days(1)
    asked: dict[str, Any] = {"brand_id": brand.pk, "wallet_id": wallet.pk, "points": 40, "expires": policy}
    granted = ledger.grant_points(key="receipt", at=now, **asked)
    spent = ledger.spend_points(wallet_id=wallet.pk, store_id=store.pk, points=30, key="lunch", at=now)
    ledger.reverse_transfer(key="reverse:lunch", original_id=spent.transfer_id, points=20, at=now)
    ledger.take_back(key="oops", original_id=granted.transfer_id, at=now)
    ledger.expire_lots(at=now + timedelta(days=30))
    told = [entry.split(" pt ")[0] for entry in rows_of(hanako.get("/wallet/").content.decode())][1:]
    assert told == [
        "Points expired −100",
        "Points taken back −30",
        "Points given back +20",
        "Points used −30",
        "Points earned +40",
        "Code claimed +600",
        "Code claimed +100",
    ]
