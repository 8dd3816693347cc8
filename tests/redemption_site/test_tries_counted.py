"""Codes that are entered are counted by channel and day, whatever came of them, and nothing tells of it."""

from datetime import date, timedelta

import pytest
from django.core.signals import request_finished
from django.db import DatabaseError, close_old_connections, connection
from django.http import HttpResponse
from django.test import Client
from django.test.utils import CaptureQueriesContext

from campaigns import results
from campaigns import services as campaigns
from campaigns.models import Campaign
from campaigns.result_models import SLOTS, TryCount
from giftcodes.guarding.rules import STRIKES_PER_ADDRESS
from giftcodes.models import Batch
from giftcodes.services import ChannelSize
from redemption_site import tried
from tests import make
from tests.concurrency.racing import race
from tests.make import NOON
from tests.redemption_site import visits

pytestmark = pytest.mark.django_db
HOUR = timedelta(hours=1)


def ordered(**fields: object) -> tuple[Campaign, Batch]:
    campaign = visits.campaign(brand=make.brand(funds=1_000_000))
    channels = [ChannelSize("poster", 5), ChannelSize("receipt", 3)]
    return campaign, visits.batch_of(campaign, size=8, brand=campaign.brand, channels=channels, **fields)


def tries(campaign: Campaign) -> dict[str, int]:
    return {one.name: one.tried for one in results.results_of(campaign).channels}


def of_nobody() -> int:
    return sum(TryCount.objects.filter(channel=None).values_list("tries", flat=True))


def test_every_entry_counts_for_the_channel_of_its_code_claimed_or_not(hanako: Client) -> None:
    campaign, batch = ordered(limit_per_member=1)
    stranger = Client()
    first, second, of_receipt = (make.code_of(batch, place) for place in (0, 1, 6))
    assert hanako.post("/claim/", {"code": first}).status_code == 303
    assert hanako.post("/claim/", {"code": second}).status_code == 422  # beyond the limit
    for _ in range(2):
        assert stranger.post("/claim/", {"code": of_receipt}).status_code == 303  # to the sign-in
    assert stranger.post("/claim/", {"code": visits.UNUSABLE}).status_code == 303
    assert stranger.post("/claim/", {"code": "123"}).status_code == 400  # no code at all
    assert hanako.get("/claim/").status_code == 302
    assert tries(campaign) == {"poster": 2, "receipt": 2}
    assert of_nobody() == 1


def test_tries_are_counted_by_the_day_in_japan_and_hold_nothing_else() -> None:
    _campaign, batch = ordered()
    for after in (11 * HOUR, 12 * HOUR, 13 * HOUR):
        campaigns.count_try(code=make.code_of(batch), at=NOON + after)
    days = [row.day for row in TryCount.objects.all() for _ in range(row.tries)]
    assert sorted(days) == [date(2026, 11, 2), date(2026, 11, 3), date(2026, 11, 3)]
    assert {field.name for field in TryCount._meta.fields} == {"id", "channel", "day", "slot", "tries"}


def test_a_code_of_nobody_costs_what_a_known_one_costs() -> None:
    _campaign, batch = ordered()
    numbers = []
    for code in (make.code_of(batch), visits.UNUSABLE) * 2:
        with CaptureQueriesContext(connection) as captured:
            campaigns.count_try(code=code, at=NOON)
        numbers.append(len(captured))
    assert numbers[2] == numbers[3] > 0  # once the batch is known to this process


def test_guesses_from_one_address_are_soon_counted_no_more_not_even_those_that_exist() -> None:
    campaign, batch = ordered()
    guesser, honest = Client(REMOTE_ADDR="203.0.113.9"), Client(REMOTE_ADDR="198.51.100.9")
    for _ in range(STRIKES_PER_ADDRESS + 5):
        assert guesser.post("/claim/", {"code": visits.UNUSABLE}).status_code == 303
    assert guesser.post("/claim/", {"code": make.code_of(batch)}).status_code == 303  # nothing tells
    assert (tries(campaign)["poster"], of_nobody()) == (0, STRIKES_PER_ADDRESS)
    for _ in range(2):
        assert honest.post("/claim/", {"code": make.code_of(batch)}).status_code == 303
    assert tries(campaign)["poster"] == 2


@pytest.mark.parametrize("is_everybody_marked", [True, False])
def test_guesses_from_many_addresses_end_all_counting_for_a_while(
    monkeypatch: pytest.MonkeyPatch, *, is_everybody_marked: bool
) -> None:
    most = 4 if is_everybody_marked else 100
    monkeypatch.setattr("giftcodes.guarding.visitors.UNKNOWN_ENTRIES", most)
    campaign, batch = ordered()
    for place in range(5):
        campaigns.count_try(code=visits.UNUSABLE, address=f"198.51.{place}.1", at=NOON)
    campaigns.count_try(code=make.code_of(batch), address="203.0.113.9", at=NOON)
    assert (of_nobody(), tries(campaign)["poster"]) == ((4, 0) if is_everybody_marked else (5, 1))


def test_entries_count_no_strikes_against_anybody(hanako: Client) -> None:
    _campaign, batch = ordered()
    for _ in range(STRIKES_PER_ADDRESS + 5):
        Client().post("/claim/", {"code": visits.UNUSABLE})
    assert hanako.post("/claim/", {"code": make.code_of(batch)}).status_code == 303


def test_the_count_waits_until_the_answer_has_left() -> None:
    campaign, batch = ordered()
    answer = HttpResponse()
    tried.count_when_answered(answer, make.code_of(batch), address="203.0.113.9", at=NOON)
    assert tries(campaign) == {"poster": 0, "receipt": 0}
    request_finished.disconnect(close_old_connections)  # as the test's own client does
    try:
        answer.close()
    finally:
        request_finished.connect(close_old_connections)
    assert tries(campaign) == {"poster": 1, "receipt": 0}


def test_a_count_that_fails_is_lost_and_the_answer_stands(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    campaign, batch = ordered()
    code = make.code_of(batch)

    def away(**_asked: object) -> None:
        raise DatabaseError(code)

    monkeypatch.setattr(campaigns, "count_try", away)
    assert Client().post("/claim/", {"code": code}).status_code == 303
    assert tries(campaign) == {"poster": 0, "receipt": 0}
    assert "A try was not counted" in caplog.text
    assert code not in caplog.text


@pytest.mark.django_db(transaction=True)
def test_a_crowd_is_counted_whole() -> None:
    campaign, batch = ordered()
    crowd = 12 if connection.vendor == "postgresql" else 2
    codes = [make.code_of(batch), visits.UNUSABLE] * crowd
    outcomes = race(*[lambda code=code: campaigns.count_try(code=code, at=NOON) for code in codes])
    assert set(outcomes) == {None}
    assert tries(campaign) == {"poster": crowd, "receipt": 0}
    assert of_nobody() == crowd
    assert TryCount.objects.count() <= 2 * SLOTS
