"""How a campaign knows its members: a choice of the form, open where the brand has a pattern."""

from typing import Any

import pytest
from django.db import IntegrityError
from django.test import Client
from django.utils.timezone import localtime

from campaigns import queries
from campaigns.models import Campaign, KnownBy
from parties.forms import last_moment
from parties.models import Role
from tests import make
from tests.campaigns import promos
from tests.campaigns.pages import signed_in

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("noon")]


def data(campaign: Campaign, **changes: str) -> dict[str, Any]:
    return {
        "brand": campaign.brand_id,
        "name": campaign.name,
        "slug": campaign.slug,
        "starts_at": f"{localtime(campaign.starts_at):%Y-%m-%dT%H:%M}",
        "ends_at": f"{localtime(last_moment(campaign.ends_at)):%Y-%m-%dT%H:%M}",
        "limit_per_member": "3",
        "title_ja": campaign.title_ja,
        "colour": campaign.colour,
        "known_by": KnownBy.MEMBERSHIP_NUMBER,
    } | changes


def save(client: Client, campaign: Campaign, **changes: str) -> Any:
    return client.post(f"/admin/campaigns/campaign/{campaign.pk}/change/", data(campaign, **changes))


def test_the_choice_is_open_where_the_brand_has_a_pattern() -> None:
    team = promos.team()
    campaign = promos.campaign(team)
    assert campaign.known_by == KnownBy.SIGN_IN
    refused = save(signed_in(team.marketer), campaign)
    assert "known_by" in refused.context["adminform"].form.errors
    make.number_pattern(team.brand)
    assert save(signed_in(team.marketer), campaign).status_code == 302
    campaign.refresh_from_db()
    assert campaign.known_by == KnownBy.MEMBERSHIP_NUMBER
    assert campaign.history.count() == 2


def test_a_new_campaign_asks_for_the_same() -> None:
    team = promos.team()
    client = signed_in(team.marketer)
    fields = data(promos.campaign(team), slug="autumn", name="Autumn")
    refused = client.post("/admin/campaigns/campaign/add/", fields)
    assert "known_by" in refused.context["adminform"].form.errors
    make.number_pattern(team.brand)
    assert client.post("/admin/campaigns/campaign/add/", fields).status_code == 302
    assert Campaign.objects.get(slug="autumn").known_by == KnownBy.MEMBERSHIP_NUMBER


def test_a_change_takes_back_no_order_and_no_approval() -> None:
    team = promos.team()
    make.number_pattern(team.brand)
    order = promos.submitted(team)
    batch = promos.approve(order, team.approver)
    waiting = promos.submitted(team, promotion=order.campaign)
    assert save(signed_in(team.marketer), order.campaign).status_code == 302
    waiting.refresh_from_db()
    assert waiting.state == "submitted"
    assert batch.limit_group == queries.limit_group_of(order.campaign)


def test_others_do_not_change_it() -> None:
    team = promos.team()
    make.number_pattern(team.brand)
    campaign = promos.campaign(team)
    for role in set(Role) - {Role.MARKETER}:
        assert save(signed_in(make.staff(role, team.brand)), campaign).status_code == 403
    campaign.refresh_from_db()
    assert campaign.known_by == KnownBy.SIGN_IN


def test_the_database_knows_both_ways_and_no_other() -> None:
    with pytest.raises(IntegrityError):
        promos.campaign(promos.team(), known_by="fingerprint")
