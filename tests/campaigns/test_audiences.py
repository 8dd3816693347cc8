"""Groups of members: none below ten is told, none can be reckoned from what is told, nor from two looks."""

from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction
from django.test import Client
from django.urls import reverse
from hypothesis import example, given
from hypothesis import strategies as st

from campaigns import services as campaigns
from campaigns.audience_models import Audience, AudienceGroup, Dimension
from campaigns.audience_queries import told_of
from campaigns.audiences import publishable
from campaigns.models import Campaign
from campaigns.months import Month
from campaigns.services.audiences import age_class
from giftcodes import services as giftcodes
from giftcodes.models import Batch
from parties.models import Consent, Member, MemberProfile, Purpose, Role
from tests import make
from tests.campaigns.pages import signed_in
from tests.concurrency.racing import race
from tests.make import NOON
from tests.redemption_site import visits

DAY = timedelta(days=1)
IN_DECEMBER = datetime(2026, 12, 2, 3, tzinfo=UTC)
IN_JANUARY = datetime(2027, 1, 2, 3, tzinfo=UTC)

groups = st.dictionaries(st.sampled_from("abcdef"), st.integers(0, 45), max_size=6)
untold = st.integers(0, 30)  # claimants who told nothing, or did not agree


@given(groups, untold)
def test_nothing_below_ten_is_told_and_the_rest_is_ten_at_least(counts: dict[str, int], rest: int) -> None:
    claimants = sum(counts.values()) + rest
    told = publishable(counts, claimants=claimants)
    for value, members in told.items():
        assert members >= 10
        assert members % 10 == 0
        assert members <= counts[value] < members + 10
    if told:
        assert claimants - sum(counts[value] for value in told) >= 10


@given(groups, untold)
@example({"a": 39, "b": 38}, 9)
def test_no_untold_group_follows_from_what_is_told(counts: dict[str, int], rest: int) -> None:
    """For each there are other numbers in it with which everything that anybody sees would be the same."""
    everybody = {**counts, "": rest}
    claimants = sum(everybody.values())
    told = publishable(counts, claimants=claimants)
    for value in counts.keys() - told.keys():
        others = (
            other
            for other in moved(everybody, value)
            if publishable({k: n for k, n in other.items() if k}, claimants=claimants) == told
        )
        if claimants:
            assert next(others, None) is not None, (counts, rest, value, told)


def moved(everybody: Mapping[str, int], value: str) -> Iterator[dict[str, int]]:
    """The same people, some of them in or out of the group."""
    for other in everybody.keys() - {value}:
        for people in range(-10, 11):
            one = {**everybody, value: everybody[value] + people, other: everybody[other] - people}
            if people and min(one.values()) >= 0:
                yield one


def test_nothing_is_told_where_a_small_group_could_be_reckoned() -> None:
    counts = {"young": 30, "middle": 15, "old": 3}
    # The three could be reckoned from the claimants: 48 - 30 - 15.
    assert publishable(counts, claimants=54) == {}
    assert publishable(counts, claimants=55) == {"young": 30, "middle": 10}


def test_ages_are_told_in_classes_of_ten_years() -> None:
    assert [age_class(years) for years in (0, 19, 20, 29, 30, 69, 70, 99)] == [
        "0", "0", "20", "20", "30", "60", "70", "70"
    ]  # fmt: skip


def test_months_are_those_of_japan() -> None:
    assert Month.before(datetime(2026, 11, 30, 14, 59, tzinfo=UTC)) == Month(date(2026, 10, 1))
    month = Month.before(datetime(2026, 11, 30, 15, 0, tzinfo=UTC))
    assert month == Month(date(2026, 11, 1))
    assert (month.begins, month.ends) == (
        datetime(2026, 10, 31, 15, tzinfo=UTC),
        datetime(2026, 11, 30, 15, tzinfo=UTC),
    )
    assert Month(date(2026, 12, 1)).next_day == date(2027, 1, 1)


def opened() -> tuple[Campaign, Batch]:
    campaign = visits.campaign(brand=make.brand(funds=1_000_000))
    window = {"claim_from": NOON, "claim_until": NOON + 90 * DAY, "approved_at": NOON}
    batch = visits.batch_of(campaign, size=100, brand=campaign.brand, face_points=10, **window)
    Batch.objects.filter(pk=batch.pk).update(activated_at=NOON)
    return campaign, batch


def claimants(batch: Batch, first: int, number: int, at: datetime = NOON, **told: Any) -> list[Member]:
    """Members who claim the codes from the `first` on, and agree if they tell something."""
    members = [make.member() for _ in range(number)]
    for place, member in enumerate(members, start=first):
        giftcodes.claim_code(text=make.code_of(batch, place), member=member, at=at)
    if told:
        MemberProfile.objects.bulk_create(MemberProfile(member=member, **told) for member in members)
        say(members, granted=True)
    return members


def say(members: list[Member], *, granted: bool) -> None:
    Consent.objects.bulk_create(
        Consent(
            member=member,
            purpose=Purpose.STATISTICS,
            granted=granted,
            given_at=NOON,
            wording="w",
            language="ja",
        )
        for member in members
    )


def groups_of(campaign: Campaign) -> dict[Dimension, list[tuple[str, int]]]:
    told = told_of(campaign)
    return told.groups if told else {}


@pytest.mark.django_db
def test_only_members_who_agree_count_and_only_until_the_end_of_the_month() -> None:
    campaign, batch = opened()
    claimants(batch, 0, 12, birth_year=1990, gender="female", prefecture=13)
    refusing = claimants(batch, 12, 11, gender="male")
    say(refusing, granted=False)
    claimants(batch, 23, 9, gender="other", prefecture=13)
    claimants(batch, 32, 15, at=IN_DECEMBER, gender="male")
    assert campaigns.make_audiences(at=IN_DECEMBER, limit=9) == 1
    assert groups_of(campaign) == {
        Dimension.AGE: [("30", 10)],
        Dimension.GENDER: [("female", 10)],
        Dimension.PREFECTURE: [("13", 20)],
    }
    assert campaigns.make_audiences(at=IN_DECEMBER, limit=9) == 0


@pytest.mark.django_db
def test_what_was_told_stands_until_ten_more_have_claimed() -> None:
    campaign, batch = opened()
    claimants(batch, 0, 19, gender="female")
    claimants(batch, 19, 20)
    campaigns.make_audiences(at=IN_DECEMBER, limit=9)
    assert groups_of(campaign) == {Dimension.GENDER: [("female", 10)]}
    claimants(batch, 39, 9, at=IN_DECEMBER, gender="female")  # the first would make it twenty
    campaigns.make_audiences(at=IN_JANUARY, limit=9)
    assert Audience.objects.count() == 2
    assert groups_of(campaign) == {Dimension.GENDER: [("female", 10)]}
    claimants(batch, 48, 1, at=IN_JANUARY)
    campaigns.make_audiences(at=IN_JANUARY + 30 * DAY, limit=9)
    assert groups_of(campaign) == {Dimension.GENDER: [("female", 20)]}


@pytest.mark.django_db
def test_the_database_takes_no_small_and_no_odd_group() -> None:
    campaign, _batch = opened()
    with pytest.raises(IntegrityError), transaction.atomic():
        Audience.objects.create(campaign=campaign, month=date(2026, 11, 1), claimants=19, made_at=NOON)
    audience = Audience.objects.create(campaign=campaign, month=date(2026, 11, 1), claimants=20, made_at=NOON)
    for members in (0, 9, 15):
        with pytest.raises(IntegrityError), transaction.atomic():
            AudienceGroup.objects.create(
                audience=audience, dimension=Dimension.AGE, value="20", members=members
            )
    AudienceGroup.objects.create(audience=audience, dimension=Dimension.AGE, value="20", members=20)


@pytest.mark.django_db(transaction=True)
@pytest.mark.postgresql
def test_of_workers_at_once_one_makes_it() -> None:
    campaign, batch = opened()
    claimants(batch, 0, 12, gender="female")
    claimants(batch, 12, 10)
    outcomes = race(*[lambda: campaigns.make_audiences(at=IN_DECEMBER, limit=9)] * 8)
    assert not [outcome for outcome in outcomes if isinstance(outcome, Exception)]
    assert Audience.objects.count() == AudienceGroup.objects.count() == 1
    assert groups_of(campaign) == {Dimension.GENDER: [("female", 10)]}
    assert connection.vendor == "postgresql"


@pytest.mark.django_db
def test_the_page_and_its_files_tell_the_same_groups_and_no_others() -> None:
    campaign, batch = opened()
    claimants(batch, 0, 12, birth_year=1990, gender="female", prefecture=13)
    claimants(batch, 12, 13, gender="male", prefecture=27)
    client = signed_in(make.staff(Role.MARKETER, campaign.brand))
    assert "There are not enough such members yet." in result_page(client, campaign)
    campaigns.make_audiences(at=IN_DECEMBER, limit=9)
    page, csv = result_page(client, campaign), result_page(client, campaign, "?csv=1")
    for group in ["30 to 39"]:
        assert f'<th scope="row">{group}</th><td class="tk-right">10</td>' in page
        assert f"{group},10" in csv
    assert "As of the end of November 2026." in page
    # All 25 told where they live: none of these is told, or the last one could be reckoned.
    for untold in ("Tokyo", "Osaka", "female", "male"):
        assert f">{untold}<" not in page
        assert f"{untold}," not in csv


def result_page(client: Client, campaign: Campaign, ask: str = "") -> str:
    answer = client.get(reverse("admin:campaigns_campaign_results", args=(campaign.pk,)) + ask)
    return answer.content.decode("utf-8-sig")
