"""What a campaign has brought: counts of what happened, of no person, for its own brand alone."""

import io
from datetime import date, timedelta
from typing import Any

import openpyxl
import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from campaigns import results
from campaigns import services as campaigns
from campaigns.models import Campaign
from campaigns.result_models import SLOTS, PageCount
from campaigns.results import ChannelResult, Spent
from giftcodes import services as giftcodes
from giftcodes.models import Batch, Delivery
from giftcodes.services import ChannelSize
from ledger import services as ledger
from ledger.statements import database_time
from parties.models import Member, Role
from parties.periods import moment_text
from tests import make
from tests.campaigns.pages import signed_in
from tests.concurrency.racing import race
from tests.make import NOON
from tests.redemption_site import visits

pytestmark = [pytest.mark.django_db, pytest.mark.both]
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
WINDOW = {"claim_from": NOON, "claim_until": NOON + 60 * DAY, "approved_at": NOON}


def shop(**fields: Any) -> Campaign:
    return visits.campaign(brand=fields.pop("brand", None) or make.brand(funds=1_000_000), **fields)


def codes(campaign: Campaign, *sizes: tuple[str, int], is_out: bool = True, **fields: Any) -> Batch:
    """An order of the campaign whose codes can be claimed from NOON on, handed over or not."""
    channels = [ChannelSize(name, size) for name, size in sizes]
    total = sum(size for _name, size in sizes)
    batch = visits.batch_of(
        campaign,
        size=total,
        brand=campaign.brand,
        channels=channels,
        **WINDOW | {"face_points": 100} | fields,
    )
    Batch.objects.filter(pk=batch.pk).update(activated_at=NOON)
    Delivery.objects.filter(batch=batch).update(downloaded_at=NOON if is_out else None)
    return batch


def claim(batch: Batch, place: int, member: Member, after: timedelta = HOUR) -> None:
    giftcodes.claim_code(text=make.code_of(batch, place), member=member, at=NOON + after)


def test_codes_claims_and_what_was_spent_are_told_by_channel_over_all_orders() -> None:
    campaign = shop()
    first = codes(campaign, ("poster", 5), ("receipt", 3))
    second = codes(campaign, ("poster", 4), is_out=False)
    aiko, ken = make.member(), make.member()
    for batch, place, member in [(first, 0, aiko), (first, 1, ken), (first, 5, aiko), (second, 3, ken)]:
        claim(batch, place, member)
    store = make.store(brand=campaign.brand)
    wallet = make.wallet(aiko, campaign.brand.program)
    spent = ledger.spend_points(
        wallet_id=wallet.pk, store_id=store.pk, points=150, key="lunch", at=NOON + DAY
    )
    found = results.results_of(campaign)
    assert found.channels == [
        ChannelResult("poster", 9, 5, 0, 3, 300, 1, 100),
        ChannelResult("receipt", 3, 3, 0, 1, 100, 1, 50),
    ]
    assert found.spent == [Spent(campaign.brand.name, store.name, 150)]
    assert (found.members, found.new_members, found.total("claimed")) == (2, 2, 4)
    ledger.reverse_transfer(original_id=spent.transfer_id, key="back", at=NOON + DAY)
    assert results.results_of(campaign).spent == []


def test_who_has_claimed_in_the_program_before_is_no_new_member() -> None:
    brand = make.brand(funds=1_000_000)
    spring, autumn = shop(brand=brand), shop(brand=brand, slug="autumn", name="Autumn")
    elsewhere = shop(slug="winter")
    old, new = make.member(), make.member()
    claim(codes(elsewhere, ("poster", 5)), 0, new, 2 * HOUR)
    claim(codes(spring, ("poster", 5)), 0, old, 3 * HOUR)
    batch = codes(autumn, ("poster", 5))
    for place, member, after in [(0, old, DAY), (1, new, DAY), (2, new, 2 * DAY)]:
        claim(batch, place, member, after)
    found = results.results_of(autumn)
    assert (found.members, found.new_members) == (2, 1)


def test_days_are_those_of_japan_and_none_is_left_out() -> None:
    campaign = shop()
    batch = codes(campaign, ("poster", 9))
    member = make.member()
    # NOON is noon in Japan: midnight there is 12 hours later.
    for place, after in enumerate([HOUR, 12 * HOUR - timedelta(seconds=1), 12 * HOUR, 3 * DAY]):
        claim(batch, place, member, after)
    found = results.results_of(campaign)
    first = date(2026, 11, 2)
    assert found.by_day == [(first, 2), (first + DAY, 1), (first + 2 * DAY, 0), (first + 3 * DAY, 1)]


def test_how_long_it_took_is_told_in_classes_whose_ends_are_exclusive() -> None:
    campaign = shop()
    batch = codes(campaign, ("poster", 12))
    Batch.objects.filter(pk=batch.pk).update(activated_at=NOON + HOUR)
    member, second = make.member(), timedelta(seconds=1)
    ends = [end for end in results.TIMES if end < 50 * DAY]
    for place, end in enumerate(ends):
        claim(batch, 2 * place, member, HOUR + end - second)
        claim(batch, 2 * place + 1, member, HOUR + end)
    assert results.results_of(campaign).times == [1, 2, 2, 2, 2, 1]


def test_gifts_count_once_they_are_issued_and_from_when_they_were() -> None:
    campaign = shop()
    batch = codes(campaign, ("API", 50), most_points=2_000)
    issued = make.gifts(batch, *[giftcodes.GiftWanted()] * 4, at=NOON + 5 * DAY)
    giftcodes.claim_code(text=issued[0].code, member=make.member(), at=NOON + 5 * DAY + HOUR / 2)
    client = make.api_client(campaign.brand)
    giftcodes.void_gift(
        gift=batch.gifts.get(pk=issued[1].serial_number), client=client, reason="sent back", at=NOON + 6 * DAY
    )
    found = results.results_of(campaign)
    assert found.channels == [ChannelResult("API", 4, 4, 0, 1, 100, 0, 0)]
    assert found.times[0] == 1
    assert found.voided_codes == 1


def test_what_was_withdrawn_or_has_expired_is_told() -> None:
    campaign = shop()
    batch = codes(campaign, ("poster", 10), lot_life_days=2)
    member = make.member()
    claim(batch, 0, member)
    visits.withdraw(batch, 1, 3)
    ledger.expire_lots(at=NOON + 10 * DAY)
    giftcodes.close_batch(batch_id=batch.pk, at=batch.claim_until)
    found = results.results_of(campaign)
    assert (found.voided_codes, found.expired_codes, found.expired_points) == (3, 6, 100)


def test_a_campaign_without_orders_has_brought_nothing() -> None:
    found = results.results_of(shop())
    assert (found.channels, found.by_day, found.spent, found.times) == ([], [], [], [0] * 6)
    assert (found.opened, found.members, found.total("points")) == (0, 0, 0)


def test_openings_are_counted_by_the_day_in_japan_and_hold_nothing_else(client: Client) -> None:
    campaign = shop()
    for after in (11 * HOUR, 12 * HOUR, 13 * HOUR):
        campaigns.count_opening(campaign_id=campaign.pk, at=NOON + after)
    days = [row.day for row in PageCount.objects.all() for _ in range(row.opened)]
    assert sorted(days) == [date(2026, 11, 2), date(2026, 11, 3), date(2026, 11, 3)]
    client.get("/c/spring/")
    client.head("/c/spring/")
    client.get("/c/spring/", headers={"sec-purpose": "prefetch;prerender"})
    client.get("/c/nothing/")
    assert results.results_of(campaign).opened == 4
    assert {field.name for field in PageCount._meta.fields} == {"id", "campaign", "day", "slot", "opened"}


@pytest.mark.django_db(transaction=True)
def test_a_crowd_is_counted_whole() -> None:
    campaign = shop()
    outcomes = race(
        *[lambda: campaigns.count_opening(campaign_id=campaign.pk, at=NOON)] * (24 if _is_postgresql() else 4)
    )
    assert set(outcomes) == {None}
    assert results.results_of(campaign).opened == len(outcomes)
    assert PageCount.objects.count() <= SLOTS


def _is_postgresql() -> bool:
    return connection.vendor == "postgresql"


def page_of(client: Client, campaign: Campaign, ask: str = "") -> Any:
    return client.get(reverse("admin:campaigns_campaign_results", args=(campaign.pk,)) + ask)


def test_the_page_shows_the_funnel_and_the_files_hold_the_same() -> None:
    campaign = shop(name="=Spring")
    batch = codes(campaign, ("poster", 1_200), ("receipt", 3))
    for place in range(3):
        claim(batch, place, make.member())
    campaigns.count_opening(campaign_id=campaign.pk, at=NOON)
    client = signed_in(make.staff(Role.MARKETER, campaign.brand))
    text = page_of(client, campaign).content.decode()
    assert "<strong>1,203</strong>" in text
    assert "0.2 % of those handed over" in text
    assert "Claims by day" in text
    csv = page_of(client, campaign, "?csv=1").content.decode("utf-8-sig")
    assert "Campaign,'=Spring" in csv
    assert "poster,1200,1200,0,3,0.2 %,300,0" in csv
    book = openpyxl.load_workbook(io.BytesIO(page_of(client, campaign, "?xlsx=1").content))
    rows = [
        [cell for cell in row if cell is not None] for row in book.worksheets[0].iter_rows(values_only=True)
    ]
    assert ["Campaign", "'=Spring"] in rows
    assert ["poster", 1_200, 1_200, 0, 3, "0.2 %", 300, 0] in rows


def test_campaigns_stand_beside_each_other_and_those_of_others_do_not() -> None:
    campaign = shop()
    claim(codes(campaign, ("poster", 10)), 0, make.member())
    shop(slug="autumn", name="Autumn")
    campaigns.count_claims()
    client = signed_in(make.staff(Role.AUDITOR, campaign.brand))
    answer = client.get(reverse("admin:campaigns_campaign_all_results") + "?csv=1")
    lines = answer.content.decode("utf-8-sig").splitlines()
    assert lines[-1].startswith("Spring,")
    assert lines[-1].endswith(",10,0,0,1,10.0 %,100")
    assert "Autumn" not in answer.content.decode()
    assert page_of(client, Campaign.objects.get(slug="autumn")).status_code == 404


@pytest.mark.parametrize("slept", [DAY / 1_440, DAY])
def test_the_comparison_says_of_when_its_claims_are_while_nobody_counts(slept: timedelta) -> None:
    campaign, looked_at = shop(), database_time() - slept
    campaigns.note_look(at=looked_at)
    client = signed_in(make.staff(Role.MARKETER, campaign.brand))
    page = client.get(reverse("admin:campaigns_campaign_all_results")).content.decode()
    assert (moment_text(looked_at) in page) is (slept == DAY)


def test_ten_campaigns_cost_as_many_queries_as_two() -> None:
    brand = make.brand(funds=10_000_000)
    client = signed_in(make.staff(Role.MARKETER, brand))
    numbers = []
    for count in (2, 10):
        for number in range(Campaign.objects.count(), count):
            campaign = shop(brand=brand, slug=f"c{number}", name=f"C{number}")
            claim(codes(campaign, ("poster", 5)), 0, make.member())
        with CaptureQueriesContext(connection) as queries:
            client.get(reverse("admin:campaigns_campaign_all_results"))
        numbers.append(len(queries))
    assert numbers[0] == numbers[1]
