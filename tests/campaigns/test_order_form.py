"""The form of an order: what is wrong is told at its field, and the cost follows the typing."""

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from campaigns.models import Order
from tests.campaigns import promos
from tests.campaigns.pages import order_data, signed_in

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("noon")]


NO_CHANNEL = {f"channels-{place}-{field}": "" for place in (0, 1) for field in ("name", "quantity")}


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"channels-0-quantity": "0"}, "greater than or equal to 1"),
        ({"channels-0-quantity": "-5"}, "greater than or equal to 1."),
        ({"channels-0-quantity": "10000001"}, "less than or equal to 10000000"),
        ({"channels-0-quantity": "10000000"}, "at most 10,000,000 codes"),
        ({"channels-0-quantity": "1e9"}, "whole number"),
        ({"channels-0-quantity": "0.5"}, "whole number"),
        ({"channels-1-name": "poster"}, "Two channels have the same name."),
        ({"channels-0-name": "A", "channels-1-name": "Ａ"}, "Two channels have the same name."),
        (NO_CHANNEL, "Enter at least one channel, each with one code or more."),
        ({"channels-0-quantity": ""}, "This field is required."),
        ({"face_points": "0"}, "greater than or equal to 1"),
        ({"face_points": str(2**63)}, "less than or equal to 1000000000000."),
        ({"claim_until": "2026-11-01T23:59"}, "later than the beginning"),
        ({"claim_from": "2026-11-01T00:00", "claim_until": "2026-11-01T23:59"}, "ended already"),
        ({"claim_until": "2027-06-30T23:59"}, "Choose a claim window within the campaign"),
        ({"lot_life_days": "-1"}, "greater than or equal to 1."),
        ({"lot_life_days": "99999"}, "less than or equal to 3660."),
    ],
)
def test_an_order_form_says_what_is_wrong_with_it(changes: dict[str, str], words: str) -> None:
    team = promos.team()
    promotion = promos.campaign(team)
    answer = signed_in(team.marketer).post(
        reverse("admin:campaigns_order_add"), order_data(promotion, **changes)
    )
    assert words in answer.content.decode()
    assert not Order.objects.exists()


def test_an_edited_draft_is_told_about_the_same_name_too() -> None:
    team = promos.team()
    order = promos.draft(team)
    ids = {f"channels-{place}-id": row.pk for place, row in enumerate(order.channels.order_by("pk"))}
    data = order_data(order.campaign, **ids) | {"channels-INITIAL_FORMS": "2", "channels-1-name": "poster"}
    answer = signed_in(team.marketer).post(
        reverse("admin:campaigns_order_change", args=(order.pk,)), data, headers={"accept-language": "ja"}
    )
    assert "同じ名前のチャネルが二つあります。" in answer.content.decode()
    assert "重複" not in answer.content.decode()


def test_channels_of_a_draft_exchange_their_names_and_take_over_that_of_one_that_goes() -> None:
    team = promos.team()
    order = promos.draft(team)
    ids = {f"channels-{place}-id": row.pk for place, row in enumerate(order.channels.order_by("pk"))}
    where = reverse("admin:campaigns_order_change", args=(order.pk,))
    data = order_data(order.campaign, **ids) | {"channels-INITIAL_FORMS": "2"}
    client = signed_in(team.marketer)
    client.post(where, data | {"channels-0-name": "receipt", "channels-1-name": "poster"})
    named = order.channels.order_by("pk").values_list("name", "quantity")
    assert list(named) == [("receipt", 30), ("poster", 20)]
    client.post(where, data | {"channels-0-name": "poster", "channels-1-DELETE": "on"})
    assert list(named.all()) == [("poster", 30)]


def test_a_draft_keeps_at_least_one_channel() -> None:
    team = promos.team()
    order = promos.draft(team)
    ids = {f"channels-{place}-id": row.pk for place, row in enumerate(order.channels.order_by("pk"))}
    gone = {"channels-INITIAL_FORMS": "2", "channels-0-DELETE": "on", "channels-1-DELETE": "on"}
    answer = signed_in(team.marketer).post(
        reverse("admin:campaigns_order_change", args=(order.pk,)), order_data(order.campaign, **ids) | gone
    )
    assert "Enter at least one channel" in answer.content.decode()
    assert order.channels.count() == 2


def cost(client: Client, data: dict[str, Any]) -> str:
    return client.post(reverse("admin:campaigns_order_cost"), data).content.decode()


def test_the_cost_follows_the_typing() -> None:
    team = promos.team()
    client, data = signed_in(team.marketer), order_data(promos.campaign(team))
    assert "5,000" in cost(client, data)
    assert "95,000" in cost(client, data)
    assert "95,000" not in cost(client, data | {"channels-1-DELETE": "on"})
    assert "points are missing" in cost(client, data | {"channels-0-quantity": "981"})
    assert "points are missing" not in cost(client, data | {"channels-0-quantity": "980"})
    assert "at most 10,000,000 codes" in cost(client, data | {"channels-0-quantity": "10000000"})


@pytest.mark.both
@pytest.mark.parametrize("typed", ["", "abc", "-1", "1e9", "9" * 4_000, "１２", "\x00"])
def test_the_cost_survives_whatever_is_typed(typed: str) -> None:
    team = promos.team()
    data = order_data(promos.campaign(team), face_points=typed, **{"channels-0-quantity": typed})
    assert "What" not in cost(signed_in(team.marketer), data | {"campaign": typed, "of_order": typed})
    assert "Funds now" in cost(signed_in(team.marketer), data)


def test_the_cost_of_another_brands_campaign_is_not_told() -> None:
    team, other = promos.team(), promos.team(funds=77_777)
    foreign = promos.campaign(other)
    assert "77,777" not in cost(signed_in(team.marketer), order_data(foreign))
