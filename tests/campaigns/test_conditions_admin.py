"""The page of a campaign's conditions in the admin."""

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from campaigns import services as campaigns
from campaigns.conditions_models import MAX_CONDITIONS_LETTERS, ConditionsVersion
from campaigns.models import Campaign
from parties.models import Role
from tests import make
from tests.campaigns import promos
from tests.campaigns.pages import signed_in, told
from tests.make import NOON

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("noon")]


def address(campaign: Campaign, act: str = "") -> str:
    name = f"conditions_{act}" if act else "conditions"
    return reverse(f"admin:campaigns_campaign_{name}", args=(campaign.pk,))


def write(client: Client, campaign: Campaign, **texts: str) -> Any:
    return client.post(address(campaign), {"text_ja": "規約"} | texts, follow=True)


def publish(client: Client, campaign: Campaign) -> Any:
    seen = client.get(address(campaign)).context["fingerprint"]
    return client.post(address(campaign, "publish"), {"fingerprint": seen}, follow=True)


def test_conditions_are_written_published_and_renewed_through_the_page() -> None:
    team = promos.team()
    campaign, marketer = promos.campaign(team), signed_in(team.marketer)
    saved = write(marketer, campaign, text_ja="第1条\n規約", in_force_from="2026-11-10T10:00")
    assert "The draft is saved" in told(saved)
    assert "<p>第1条<br>規約</p>" in saved.content.decode()

    page = publish(marketer, campaign).content.decode()

    first = ConditionsVersion.objects.get()
    assert (first.number, first.published_by, first.published_at) == (1, team.marketer, NOON)
    assert "10 November 2026, 10:00" in page
    assert f"/c/{campaign.slug}/conditions/1/" in page
    assert str(team.marketer) in page
    assert "Accepted by 0 members" in page
    write(marketer, campaign, text_ja="第2版")
    publish(marketer, campaign)
    assert list(campaign.conditions.order_by("number").values_list("number", "text_ja")) == [
        (1, "第1条\n規約"),
        (2, "第2版"),
    ]


def test_what_another_person_edited_meanwhile_is_not_published() -> None:
    team = promos.team()
    campaign, marketer = promos.campaign(team), signed_in(team.marketer)
    write(marketer, campaign)
    seen = marketer.get(address(campaign)).context["fingerprint"]
    write(signed_in(make.staff(Role.MARKETER, team.brand)), campaign, text_ja="別の規約")
    answer = marketer.post(address(campaign, "publish"), {"fingerprint": seen}, follow=True)
    assert "The draft is no longer the one that you saw" in told(answer)
    assert campaign.conditions.get().published_at is None


def test_a_draft_can_be_discarded() -> None:
    team = promos.team()
    campaign, marketer = promos.campaign(team), signed_in(team.marketer)
    write(marketer, campaign)
    assert "The draft is gone" in told(marketer.post(address(campaign, "discard"), follow=True))
    assert not campaign.conditions.exists()


@pytest.mark.parametrize("role", Role)
def test_the_brand_reads_and_its_marketers_write(role: Role) -> None:
    team = promos.team()
    campaign = promos.campaign(team)
    promos.conditions(campaign, team.marketer)
    draft: dict[str, Any] = {
        "campaign_id": campaign.pk,
        "text_ja": "案",
        "text_en": "",
        "in_force_from": None,
    }
    campaigns.write_conditions(**draft, user=team.marketer, at=NOON)
    insider, outsider = (signed_in(make.staff(role, brand)) for brand in (team.brand, promos.team().brand))
    page = insider.get(address(campaign))
    assert page.status_code == 200
    assert "Version 1" in page.content.decode()
    assert ("Save the draft" in page.content.decode()) == (role == Role.MARKETER)
    for act in ("", "publish", "discard"):
        assert outsider.get(address(campaign)).status_code == 404
        assert outsider.post(address(campaign, act), {"text_ja": "x"}).status_code == 404
        if role != Role.MARKETER:
            assert insider.post(address(campaign, act), {"text_ja": "x"}).status_code == 404
    assert campaign.conditions.filter(published_at=None).get().text_ja == "案"
    assert Client().get(address(campaign)).status_code == 302


@pytest.mark.both
def test_what_can_not_be_seen_is_taken_out() -> None:
    team = promos.team()
    campaign = promos.campaign(team)
    write(signed_in(team.marketer), campaign, text_ja="規\u202e約\x00\u200b\n\n\n\n第2\u2066条")
    assert campaign.conditions.get().text_ja == "規約\n\n第2条"


@pytest.mark.parametrize("field", ["text_ja", "text_en"])
def test_a_text_that_is_too_long_is_refused_with_the_reason(field: str) -> None:
    team = promos.team()
    campaign = promos.campaign(team)
    answer = write(signed_in(team.marketer), campaign, **{field: "x" * 100_000})
    assert answer.status_code == 400
    assert field in answer.context["form"].errors
    assert f"{MAX_CONDITIONS_LETTERS}" in answer.content.decode()
    assert not campaign.conditions.exists()


def test_a_version_needs_its_japanese() -> None:
    team = promos.team()
    campaign = promos.campaign(team)
    answer = write(signed_in(team.marketer), campaign, text_ja=" \u200b", text_en="Conditions")
    assert "text_ja" in answer.context["form"].errors
    assert not campaign.conditions.exists()
