"""The history: what is found by kind, period and place; what one entry was, and whose points it moved."""

import re
import uuid
from datetime import timedelta
from itertools import product
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from giftcodes import services as giftcodes
from ledger import reports
from ledger import services as ledger
from ledger.expiry import ExpiryPolicy
from ledger.models import Posting, Reason, Transfer, transfer_id_of
from ledger.reports import EntryKind, Sought
from parties.models import Brand, Role
from redemption_site import history_forms, queries
from tests import make
from tests.ledger.town import DAY, Town, busy
from tests.make import NOON

pytestmark = pytest.mark.django_db


class Visitor:
    """The member of a town in which a week has passed, in front of their history."""

    def __init__(self, lang: str = "en") -> None:
        self.town = Town()
        busy(self.town)
        self.wallet = self.town.wallet
        batch = make.live_batch(brand=self.town.bakery, size=1, face_points=500)
        assert self.wallet.member is not None
        assert self.wallet.member.user is not None
        giftcodes.claim_code(text=make.code_of(batch), member=self.wallet.member, at=NOON + 7 * DAY)
        self.claim_id = batch.first_claim_id
        ledger.expire_lots(at=NOON + 11 * DAY)
        self.client = Client(headers={"accept-language": lang})
        self.client.force_login(self.wallet.member.user)
        self.address = f"/wallet/{self.town.program.slug}/history/"

    def find(self, **asked: str) -> list[str]:
        return entries_on(self.page(**asked))

    def page(self, **asked: str) -> str:
        answer = self.client.get(self.address, asked)
        assert answer.status_code == 200
        return str(answer.content.decode())

    def entry(self, what: str) -> str:
        """The page of the newest entry that is told so, as text."""
        found = re.search(rf'href="({self.address}\d+/)">{what}\s*<', self.page())
        assert found
        answer = self.client.get(found[1])
        assert answer.status_code == 200
        assert "no-store" in answer["Cache-Control"]
        return text_of(answer.content.decode())


@pytest.fixture
def visitor(db: None) -> Visitor:
    return Visitor()


def text_of(page: str) -> str:
    main = page[page.index("<main") : page.index("</main>")]
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", main)).strip()


def entries_on(page: str) -> list[str]:
    """Each entry as "what points place", without its moment."""
    rows = re.findall(r'<li>\s*<a class="row-what".*?</li>', page, re.DOTALL)
    texts = [re.sub(r"\s+", " ", re.sub(r"<time.*?</time>|<[^>]+>", " ", row)).strip() for row in rows]
    return [text.replace(" pt", "").replace(" ·", "") for text in texts]


def test_every_entry_says_what_it_was_and_where(visitor: Visitor) -> None:
    assert visitor.find() == [
        "Points expired −610 Bakery",
        f"Code claimed +500 Bakery No. {visitor.claim_id}",
        "Set aside for a purchase −30 Books Main shop",
        "Points taken back −77 Books",
        "Points earned +77 Books",
        "Points given back +40 Bakery Oven",
        "Points used −90 Bakery Oven",
        "Points given back +40 Books Main shop",
        "Points used −100 Books Main shop",
        "Points used −250 Books Main shop",
        "Points earned +400 Books",
        "Points earned +1,000 Bakery",
    ]


@pytest.mark.parametrize(
    ("kind", "points"),
    [
        ("received", ["+500", "+77", "+400", "+1,000"]),
        ("used", ["−90", "−100", "−250"]),
        ("set_aside", ["−30"]),
        ("given_back", ["+40", "+40"]),
        ("expired", ["−610"]),
        ("taken_back", ["−77"]),
    ],
)
def test_one_kind_of_entries_is_found(visitor: Visitor, kind: str, points: list[str]) -> None:
    found = visitor.find(kind=kind)
    assert [signed for entry in found for signed in re.findall(r"[+−][\d,]+", entry)] == points
    number = len(points)
    assert f"{number} {'entry' if number == 1 else 'entries'} ·" in text_of(visitor.page(kind=kind))


def test_every_entry_is_of_exactly_one_kind(visitor: Visitor) -> None:
    of_kinds = [
        posting.pk
        for kind in EntryKind
        for posting in reports.search_entries(visitor.wallet, Sought(kind), older_than=None, size=100)
    ]
    assert sorted(of_kinds) == sorted(reports.postings_of(visitor.wallet).values_list("pk", flat=True))


@pytest.mark.parametrize(
    ("place", "number"),
    [("Books", 7), ("book", 7), ("Ｂｏｏｋｓ", 7), ("Main shop", 4), ("Oven", 2), ("Bakery", 5), ("o", 9)],
)
def test_a_part_of_the_name_of_a_brand_or_store_is_enough(visitor: Visitor, place: str, number: int) -> None:
    found = visitor.find(place=place)
    assert len(found) == number
    name = {"book": "Books", "Ｂｏｏｋｓ": "Books"}.get(place, place)
    assert all(name in entry for entry in found)


def test_both_ends_of_a_period_are_within_in_japan_time(visitor: Visitor) -> None:
    # NOON is noon in Japan on 2 November; the last second of the 3rd there is still the 3rd.
    town = visitor.town
    town.spend(1, key="last second", at=NOON + DAY + timedelta(hours=11, minutes=59, seconds=59))
    town.spend(2, key="next day", at=NOON + DAY + timedelta(hours=12))
    assert visitor.find(since="2026-11-03", until="2026-11-03") == [
        "Points used −1 Books Main shop",
        "Points used −250 Books Main shop",
    ]
    assert len(visitor.find(until="2026-11-02")) == 2
    assert visitor.find(since="2026-11-13") == ["Points expired −610 Bakery"]
    assert visitor.find(since="2026/11/09", until="2026/11/09") == [
        f"Code claimed +500 Bakery No. {visitor.claim_id}"
    ]


def test_what_is_looked_for_narrows_together(visitor: Visitor) -> None:
    assert visitor.find(kind="used", place="Main shop", since="2026-11-04") == [
        "Points used −100 Books Main shop"
    ]


def test_nothing_found_says_so_and_leads_to_everything(visitor: Visitor) -> None:
    page = visitor.page(kind="expired", until="2026-11-03")
    assert "No entries found" in page
    assert f'href="{visitor.address}">Show all entries' in page
    assert entries_on(page) == []


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"kind": "stolen"}, "Choose one of the kinds of entries."),
        ({"since": "yesterday"}, "Enter a day like 2026-11-28."),
        ({"until": "2026-02-30"}, "Enter a day like 2026-11-28."),
        ({"until": "99999-01-01"}, "Enter a day like 2026-11-28."),
        ({"since": "1899-01-01"}, "Enter a day between the years 2000 and 2100."),
        ({"until": "9999-12-31"}, "Enter a day between the years 2000 and 2100."),
        ({"since": "2026-11-04", "until": "2026-11-03"}, "The last day is before the first."),
        ({"place": "Nowhere"}, "There is no brand or store of that name."),
        ({"place": "x" * 81}, "That is too long for a name."),
        ({"place": "a\0b"}, "There is no brand or store of that name."),
    ],
)
def test_a_value_that_makes_no_sense_is_told_and_shows_nothing(
    visitor: Visitor, asked: dict[str, str], message: str
) -> None:
    answer = visitor.client.get(visitor.address, asked)
    assert answer.status_code == 400
    page = answer.content.decode()
    assert message in text_of(page)
    assert entries_on(page) == []
    assert "<title>Error:" in page


def test_too_many_places_ask_for_more_of_the_name(visitor: Visitor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(history_forms, "MOST_PLACES", 1)
    answer = visitor.client.get(visitor.address, {"place": "o"})
    assert answer.status_code == 400
    assert "Enter more of it." in text_of(answer.content.decode())


def test_a_place_of_another_program_is_no_place_here(visitor: Visitor) -> None:
    make.store(brand=make.brand(name="Elsewhere"), name="Far shop")
    assert visitor.client.get(visitor.address, {"place": "Elsewhere"}).status_code == 400
    assert visitor.client.get(visitor.address, {"place": "Far shop"}).status_code == 400


def test_what_is_looked_for_stays_over_the_pages(visitor: Visitor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queries, "ENTRIES_SHOWN", 2)
    seen: list[str] = []
    address, page = f"{visitor.address}?kind=used&place=o", ""
    for _ in range(5):
        page = visitor.client.get(address).content.decode()
        seen += entries_on(page)
        assert "3 entries" in text_of(page)
        further = re.search(r'rel="next" href="(.*?)"', page)
        if not further:
            break
        address = visitor.address + further[1].replace("&amp;", "&")
    assert [entry.split()[2] for entry in seen] == ["−90", "−100", "−250"]
    assert "?kind=used&amp;place=o" in page


def test_a_spend_tells_whose_points_paid_and_until_when_they_were_good(visitor: Visitor) -> None:
    visitor.town.spend(700, key="feast", at=NOON + 8 * DAY, store=visitor.town.oven)
    told = visitor.entry("Points used")
    assert "−700 pt" in told
    assert "Brand Bakery Store Oven" in told
    parts = re.findall(r"(Bakery|Books) (\d+) pt until \w+ (\d+ \w+ \d+, [\d:]+)", told)
    assert parts == [("Books", "400", "12 December 2026, 23:59"), ("Bakery", "300", "8 May 2027, 23:59")]


def test_a_purchase_that_was_set_aside_first_tells_what_was_used_and_what_came_back(visitor: Visitor) -> None:
    found = re.findall(rf'href="({visitor.address}\d+/)">Points used\s*<', visitor.page())
    told = text_of(visitor.client.get(found[1]).content.decode())
    assert "−100 pt" in told
    assert "Used of these 60 pt" in told
    assert re.search(r"Whose points these were Bakery 60 pt until", told)
    assert re.search(r"Entries about the same points Points given back \+40 pt", told)


def test_points_that_came_back_lead_to_what_they_had_paid(visitor: Visitor) -> None:
    told = visitor.entry("Points given back")
    assert "Whose points came back Bakery 40 pt until" in told
    assert re.search(r"Entries about the same points Points used −90 pt", told)


def test_received_points_tell_their_last_day_and_what_is_left(visitor: Visitor) -> None:
    told = visitor.entry("Code claimed")
    assert "Not used yet 500 pt" in told
    assert "Use these points until" in told
    assert f"Serial number {visitor.claim_id}" in told


def test_what_was_booked_by_hand_is_told_as_a_correction(visitor: Visitor) -> None:
    town, at = visitor.town, NOON + 12 * DAY
    asked = ledger.request_adjustment(
        public_id=uuid.uuid4(),
        brand_id=town.books.pk,
        asked=ledger.GrantAsked(visitor.wallet.pk, 5, ExpiryPolicy.after_days(30)),
        reason="The till was offline",
        user=make.staff(Role.FINANCE, town.books),
        at=at,
    )
    second = make.staff(Role.FINANCE, town.books)
    ledger.confirm_adjustment(
        adjustment_id=asked.pk, user=second, fingerprint=asked.fingerprint, verified_at=at, at=at
    )
    assert "Booked by staff, as a correction" in visitor.entry("Points earned")


def test_nobody_sees_anothers_entry(visitor: Visitor, client: Client, hanako: Client) -> None:
    mine = reports.postings_of(visitor.wallet).first()
    assert mine is not None
    address = f"{visitor.address}{mine.pk}/"
    assert visitor.client.get(address).status_code == 200
    assert client.get(address)["Location"] == f"/sign-in/?next={address}"
    assert hanako.get(address).status_code == 404
    other = make.rich_wallet((100, 10), funder=visitor.town.bakery)[0]
    foreign = Posting.objects.get(target=other)
    assert visitor.client.get(f"{visitor.address}{foreign.pk}/").status_code == 404
    assert visitor.client.get(f"{visitor.address}{10**30}/").status_code == 404


def test_a_page_costs_the_same_few_queries_whatever_is_looked_for(visitor: Visitor) -> None:
    def queries_of(**asked: str) -> int:
        with CaptureQueriesContext(connection) as captured:
            visitor.page(**asked)
        # On PostgreSQL the one for the user goes past what Django captures.
        return len(captured) + (connection.vendor == "postgresql")

    # Session, user, wallets; incoming, outgoing, the rows; holds, stores, claims.
    assert queries_of() == 9
    # And two names, two counts; there is no claim among these.
    assert queries_of(since="2026-11-01", until="2026-11-30", place="o") == 12
    before = queries_of(kind="received")
    make.many_lots(visitor.wallet, 40, funder=visitor.town.bakery)
    assert queries_of(kind="received") == before


@pytest.mark.postgresql
def test_a_page_reads_no_more_than_the_wallet_and_without_filters_only_its_newest_end(
    visitor: Visitor,
) -> None:
    crowd(visitor)
    narrow_ones = (NOON, NOON + 30 * DAY, *places(visitor.town.books))
    for kind, is_narrow in product([None, *EntryKind], [False, True]):
        sought = Sought(kind, *narrow_ones) if is_narrow else Sought(kind)
        with CaptureQueriesContext(connection) as captured:
            reports.search_entries(visitor.wallet, sought, older_than=None, size=51)
        asked = [query["sql"] for query in captured.captured_queries]
        narrow = [plan_of(sql) for sql in asked if sql.endswith("LIMIT 51")]
        assert len(narrow) == (2 if kind is None else 1)
        for plan in narrow:
            assert re.search(r"Scan (Backward )?(using|on) ledger_posting_(in|out)\b", plan), plan
            assert "Seq Scan on ledger_posting" not in plan, plan
            if sought == Sought():
                assert "Backward" in plan, plan


_IN = (Reason.GRANT, Reason.CLAIM, Reason.RELEASE, Reason.REVERSE)
_OUT = (Reason.SPEND, Reason.HOLD, Reason.EXPIRE, Reason.REVERSE, Reason.FORFEIT)


def crowd(visitor: Visitor) -> None:
    """A few thousand postings of this wallet and of others', of every reason, and what PostgreSQL knows of
    them.
    """
    funds = ledger.open_funds(brand=visitor.town.bakery, at=NOON)
    others = [make.wallet(make.member(), visitor.town.program) for _ in range(4)]
    transfers: list[Transfer] = []
    postings: list[Posting] = []
    for place in range(10_000):
        key = f"grant:crowd-{place}"
        at = NOON + timedelta(minutes=place)
        reasons = _IN if place % 2 else _OUT
        reason = reasons[place // 2 % len(reasons)]
        original = transfers[0] if reason == Reason.REVERSE else None
        transfers.append(
            Transfer(id=transfer_id_of(key), key=key, reason=reason, posted_at=at, original=original)
        )
        wallet = [visitor.wallet, *others][place // 8 % 5]
        source, target = (funds, wallet) if place % 2 else (wallet, funds)
        postings.append(Posting(transfer=transfers[-1], source=source, target=target, points=1, posted_at=at))
    Transfer.objects.bulk_create(transfers)
    Posting.objects.bulk_create(postings)
    with connection.cursor() as cursor:
        # Transfers of everybody else, of whom there are many more.
        cursor.execute(
            "INSERT INTO ledger_transfer (id, key, reason, posted_at)"
            " SELECT gen_random_uuid(), 'elsewhere-' || n,"
            " (ARRAY['spend', 'hold', 'expire', 'forfeit'])[n %% 4 + 1], %s FROM generate_series(1, 60000) n",
            [NOON],
        )
        cursor.execute("ANALYZE")


def places(brand: Brand) -> tuple[list[int], list[int]]:
    return [brand.pk], list(brand.stores.values_list("pk", flat=True))


def plan_of(sql: str) -> str:
    with connection.cursor() as cursor:
        # Transfers are few here and many elsewhere: nobody joins all of them.
        for way in ("seqscan", "hashjoin", "mergejoin"):
            cursor.execute(f"SET LOCAL enable_{way} = off")
        cursor.execute("EXPLAIN " + sql)
        rows: list[Any] = cursor.fetchall()
    return "\n".join(row[0] for row in rows)
