"""A page is a draft until a marketer publishes it, and stays public once codes lead to it."""

from datetime import UTC, datetime
from importlib import import_module
from types import SimpleNamespace
from typing import Any

import pytest
from django.apps import apps
from django.db import connection
from django.urls import reverse

from campaigns import services as campaigns
from campaigns.errors import PageInUse, PageNotPublished
from campaigns.gaps import Gap, gaps_of
from campaigns.models import Campaign, OrderState
from campaigns.wording import words_of_gap
from giftcodes.models import Batch
from parties.errors import NotReachable
from parties.models import Role
from tests import make
from tests.campaigns import promos
from tests.campaigns.pages import act, page, signed_in, told
from tests.make import NOON

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("noon")]


def draft_of(team: promos.Team, **fields: Any) -> Campaign:
    return promos.campaign(team, published_at=None, **fields)


def form_data(**changes: str) -> dict[str, str]:
    return {
        "name": "Spring",
        "slug": "spring",
        "starts_at": "2026-11-01T00:00",
        "ends_at": "2026-12-31T23:59",
        "title_ja": "春の特典",
        "colour": "#1a5f7a",
    } | changes


def change(campaign: Campaign) -> str:
    return reverse("admin:campaigns_campaign_change", args=(campaign.pk,))


def take_offline(campaign: Campaign) -> str:
    return reverse("admin:campaigns_campaign_take_offline", args=(campaign.pk,))


def test_a_new_campaign_is_a_draft_and_is_published_once() -> None:
    team = promos.team()
    campaign = draft_of(team)
    campaigns.publish_page(campaign_id=campaign.pk, user=team.marketer, at=NOON)
    campaigns.publish_page(campaign_id=campaign.pk, user=team.marketer, at=datetime.now(UTC))
    campaign.refresh_from_db()
    assert campaign.published_at == NOON
    lines = campaign.history.exclude(history_change_reason=None)
    assert [(line.history_change_reason, line.history_user) for line in lines] == [
        ("published", team.marketer)
    ]


def test_a_page_without_codes_can_be_taken_offline_again() -> None:
    team = promos.team()
    campaign = promos.submitted(team).campaign
    campaigns.take_page_offline(campaign_id=campaign.pk, user=team.marketer, at=NOON)
    campaign.refresh_from_db()
    assert campaign.published_at is None
    assert campaign.history.filter(history_change_reason="taken offline", published_at=None).exists()


@pytest.mark.parametrize("role", [role for role in Role if role is not Role.MARKETER])
def test_nobody_but_a_marketer_of_the_brand_publishes(role: Role) -> None:
    team, other = promos.team(), promos.team()
    campaign = draft_of(team)
    superuser = make.user(is_staff=True, is_superuser=True)
    for person in (make.staff(role, team.brand), other.marketer, superuser):
        for step in (campaigns.publish_page, campaigns.take_page_offline):
            with pytest.raises(NotReachable):
                step(campaign_id=campaign.pk, user=person, at=NOON)
        answer = signed_in(person).post(take_offline(campaign))
        assert answer.status_code == 404
    campaign.refresh_from_db()
    assert campaign.published_at is None


def test_an_order_can_be_drafted_but_not_submitted_before_its_page_is_public() -> None:
    team = promos.team()
    order = promos.draft(team, promotion=draft_of(team))
    with pytest.raises(PageNotPublished):
        campaigns.submit_order(order_id=order.pk, user=team.marketer, at=NOON)
    assert "Publish the page first" in told(act(signed_in(team.marketer), order, "submit"))
    campaigns.publish_page(campaign_id=order.campaign_id, user=team.marketer, at=NOON)
    submitted = campaigns.submit_order(order_id=order.pk, user=team.marketer, at=NOON)
    assert submitted.state == OrderState.SUBMITTED


def test_an_order_whose_page_was_taken_offline_is_not_approved() -> None:
    team = promos.team()
    order = promos.submitted(team)
    campaigns.take_page_offline(campaign_id=order.campaign_id, user=team.marketer, at=NOON)
    with pytest.raises(PageNotPublished):
        promos.approve(order, team.approver)
    assert promos.nothing_is_reserved(team)


def test_a_page_that_codes_lead_to_stays() -> None:
    team = promos.team()
    order = promos.submitted(team)
    promos.approve(order, team.approver)
    with pytest.raises(PageInUse):
        campaigns.take_page_offline(campaign_id=order.campaign_id, user=team.marketer, at=NOON)
    client = signed_in(team.marketer)
    assert "so it stays" in told(client.post(take_offline(order.campaign), follow=True))
    form = client.get(change(order.campaign)).content.decode()
    assert 'form="take-offline"' not in form
    assert "It stays public" in form
    order.campaign.refresh_from_db()
    assert order.campaign.published_at is not None
    assert Batch.objects.exists()


def test_the_form_saves_and_publishes_in_one_step_and_says_what_is_missing() -> None:
    team = promos.team()
    client = signed_in(team.marketer)
    add = reverse("admin:campaigns_campaign_add")
    assert "_publish" in client.get(add).content.decode()
    client.post(add, form_data(brand=str(team.brand.pk), _save="1"))
    campaign = Campaign.objects.get()
    assert not campaign.published_at
    shown = client.get(change(campaign)).content.decode()
    assert "No English title" in shown
    assert "Only people of the brand can see the page" in shown
    answer = client.post(change(campaign), form_data(title_en="Spring gifts", _publish="1"), follow=True)
    assert "public now" in told(answer)
    campaign.refresh_from_db()
    assert (campaign.title_en, campaign.published_at) == ("Spring gifts", NOON)
    assert "_publish" not in answer.content.decode()
    assert "draft again" in told(client.post(take_offline(campaign), follow=True))
    campaign.refresh_from_db()
    assert campaign.published_at is None


def test_a_form_that_is_wrong_publishes_nothing() -> None:
    team = promos.team()
    campaign = draft_of(team)
    signed_in(team.marketer).post(change(campaign), form_data(title_ja="", _publish="1"))
    campaign.refresh_from_db()
    assert campaign.published_at is None


def test_looking_never_takes_a_page_offline() -> None:
    team = promos.team()
    campaign = promos.campaign(team)
    assert signed_in(team.marketer).get(take_offline(campaign)).status_code == 405


def test_saving_a_public_campaign_leaves_it_public() -> None:
    team = promos.team()
    campaign = promos.campaign(team)
    signed_in(team.marketer).post(change(campaign), form_data(_save="1"))
    before = campaign.published_at
    campaign.refresh_from_db()
    assert (campaign.name, campaign.published_at) == ("Spring", before)


def test_the_list_and_the_history_tell_a_draft() -> None:
    team = promos.team()
    campaign = draft_of(team)
    client = signed_in(team.marketer)
    rows = client.get(reverse("admin:campaigns_campaign_changelist")).content.decode()
    assert '<span class="tk-badge tk-quiet">draft</span>' in rows
    campaigns.publish_page(campaign_id=campaign.pk, user=team.marketer, at=NOON)
    rows = client.get(reverse("admin:campaigns_campaign_changelist")).content.decode()
    assert '<span class="tk-badge tk-good">running</span>' in rows
    history = client.get(reverse("admin:campaigns_campaign_history", args=(campaign.pk,))).content.decode()
    assert "published" in history


@pytest.mark.parametrize(
    ("fields", "gaps"),
    [
        ({}, {Gap.TITLE_EN, Gap.TEXT_JA, Gap.LOGO, Gap.HERO}),
        ({"title_en": "x", "text_ja": "x", "logo": "x"}, {Gap.TEXT_EN, Gap.HERO}),
        (
            {"title_en": "x", "text_ja": "x", "text_en": "x", "logo": "x", "hero_wide": "x"},
            {Gap.HERO_ALT_EN},
        ),
        (
            {"title_en": "x", "text_ja": "x", "text_en": "x", "logo": "x", "hero_wide": "x"}
            | {"hero_alt_en": "x", "colour": "#f2f2f2"},
            {Gap.PALE},
        ),
    ],
)
def test_what_a_page_lacks_is_named(fields: dict[str, Any], gaps: set[Gap]) -> None:
    campaign = Campaign(title_ja="春", **fields)
    assert set(gaps_of(campaign)) == gaps
    assert all(words_of_gap(gap) for gap in gaps)


def test_pages_that_were_public_before_stay_public() -> None:
    team = promos.team()
    old, new = draft_of(team), promos.campaign(team)
    migration = import_module("campaigns.migrations.0003_publish_what_was_public")
    migration.publish(apps, SimpleNamespace(connection=connection))
    published = new.published_at
    old.refresh_from_db()
    new.refresh_from_db()
    assert old.published_at == old.created_at
    assert new.published_at == published


def test_a_draft_order_is_shown_to_its_marketer_as_before() -> None:
    team = promos.team()
    order = promos.draft(team, promotion=draft_of(team))
    assert 'name="face_points"' in page(signed_in(team.marketer), order)
