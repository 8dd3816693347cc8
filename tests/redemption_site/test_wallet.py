"""The wallet: what can be used, until when, and how it came there."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from django.test import Client

from giftcodes import services as giftcodes
from ledger.models import Lot, Posting
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
    claim(hanako, brand=brand, face_points=50)
    now = datetime.now(UTC)
    Lot.objects.filter(granted_points=50).update(granted_at=now - timedelta(days=9), expires_at=now)
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
    assert f"Bakery · No. {batch.first_claim_id}" in entry


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
