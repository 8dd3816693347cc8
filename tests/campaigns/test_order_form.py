"""The form of an order: what is wrong is told at its field, and the cost follows the typing."""

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from campaigns.models import Order
from tests.campaigns import promos
from tests.campaigns.pages import order_data, signed_in

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("noon")]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"channels-0-quantity": "0"}, "greater than or equal to 1"),
        ({"channels-0-quantity": "-5"}, "greater than or equal to"),
        ({"channels-0-quantity": "10000001"}, "less than or equal to 10000000"),
        ({"channels-0-quantity": "10000000"}, "at most 10,000,000 codes"),
        ({"channels-0-quantity": "1e9"}, "whole number"),
        ({"channels-0-quantity": "0.5"}, "whole number"),
        ({"channels-1-name": "poster"}, "duplicate"),
        ({"face_points": "0"}, "greater than or equal to 1"),
        ({"face_points": str(2**63)}, "less than or equal to"),
        ({"claim_until": "2026-11-01T23:59"}, "later than the beginning"),
        ({"claim_from": "2026-11-01T00:00", "claim_until": "2026-11-01T23:59"}, "ended already"),
        ({"claim_until": "2027-06-30T23:59"}, "Choose a claim window within the campaign"),
        ({"lot_life_days": "0"}, "greater than or equal to 1"),
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
