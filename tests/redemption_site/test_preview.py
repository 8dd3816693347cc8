"""The preview of a page: for whom, of what, and that it leaves no trace."""

import re
from html import unescape
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from campaigns.models import Campaign
from parties.models import Role
from tests import make
from tests.campaigns import promos
from tests.campaigns.pages import signed_in
from tests.factors import let_in
from tests.redemption_site import dressed, visits

pytestmark = pytest.mark.django_db


def typed(**changes: Any) -> dict[str, Any]:
    return {
        "name": "Autumn",
        "slug": "spring",
        "starts_at": "2030-11-01T00:00",
        "ends_at": "2030-12-31T23:59",
        "title_ja": "秋のポイント",
        "title_en": "Points in autumn",
        "text_en": "**bold** <script>alert(1)</script>",
        "colour": "#0a5f3a",
    } | changes


def of(campaign: Campaign) -> str:
    return reverse("preview", args=(campaign.pk,))


def frames(answer: Any) -> list[str]:
    found = re.findall(r'<iframe sandbox title="[^"]+" srcdoc="([^"]*)">', answer.content.decode())
    return [unescape(frame) for frame in found]


def state_of_everything() -> list[dict[str, Any]]:
    return [*Campaign.objects.order_by("pk").values(), *Campaign.history.order_by("pk").values()]


def test_what_stands_in_the_form_is_shown_and_nothing_is_kept() -> None:
    campaign = dressed.campaign(published_at=None)
    client = signed_in(make.staff(Role.MARKETER, campaign.brand))
    before = state_of_everything()
    answer = client.post(of(campaign), typed(lang="en"))
    assert answer.status_code == 200
    assert "no-store" in answer["Cache-Control"]
    phone, desktop = frames(answer)
    assert phone == desktop
    assert "Points in autumn" in phone
    assert "/theme/0a5f3a.css" in phone
    assert "<strong>bold</strong> &lt;script&gt;" in phone
    assert campaign.hero_wide.url in phone
    assert state_of_everything() == before
    assert Client().get("/c/spring/").status_code == 404


def test_nothing_in_a_preview_can_run_or_be_sent() -> None:
    campaign = dressed.campaign()
    answer = signed_in(make.staff(Role.APPROVER, campaign.brand)).get(of(campaign))
    for frame in frames(answer):
        assert "<body inert>" in frame
        assert "<script" not in frame
        assert 'name="code"' in frame
    assert "frame-ancestors 'none'" in answer["Content-Security-Policy"]
    assert "unsafe" not in answer["Content-Security-Policy"]
    assert answer["X-Frame-Options"] == "DENY"
    assert answer.content.decode().count("<iframe sandbox ") == 2


def test_a_saved_page_is_shown_in_every_state_and_language() -> None:
    campaign = visits.campaign(days=(-1, 1))
    client = signed_in(make.staff(Role.AUDITOR, campaign.brand))
    said = {
        "not_begun": "has not begun yet",
        "open": 'name="code"',
        "ended": "has ended",
        "stopped": "has been stopped",
    }
    for state, words in said.items():
        frame = frames(client.get(of(campaign), {"state": state, "lang": "en"}))[0]
        assert words in frame
        assert [other for other in said.values() if other in frame and other != 'name="code"'] == (
            [] if state == "open" else [words]
        )
    assert campaign.title_ja in frames(client.get(of(campaign), {"lang": "ja"}))[0]
    strange = client.get(of(campaign), {"state": "sold_out", "lang": "xx"})
    assert 'name="code"' in frames(strange)[0]


def test_the_conditions_of_a_draft_are_shown_in_its_preview_and_nowhere_else(client: Client) -> None:
    campaign = visits.campaign(published_at=None)
    conditions = visits.conditions(campaign, text_ja="参加は一人一回です。", text_en="Once each.")
    staff = signed_in(make.staff(Role.AUDITOR, campaign.brand))
    first = staff.get(of(campaign), {"lang": "en"})
    leads_to = f"{of(campaign)}?page=conditions"
    assert f'href="{leads_to}"' in frames(first)[0]
    assert "Once each." not in frames(first)[0]
    assert "Once each." in frames(staff.get(f"{leads_to}&lang=en"))[0]
    assert "参加は一人一回です。" in frames(staff.get(f"{leads_to}&lang=ja"))[0]
    writer = signed_in(make.staff(Role.MARKETER, campaign.brand))
    assert "Once each." in frames(writer.post(of(campaign), typed(lang="en", page="conditions")))[0]
    for address in ("/c/spring/conditions/", f"/c/spring/conditions/{conditions.number}/"):
        assert client.get(address).status_code == staff.get(address).status_code == 404
    assert client.get(leads_to)["Location"].startswith("/admin/login/")


def test_without_conditions_there_is_no_page_of_them_to_preview() -> None:
    campaign = visits.campaign(published_at=None)
    answer = signed_in(make.staff(Role.AUDITOR, campaign.brand)).get(of(campaign), {"page": "conditions"})
    assert 'name="code"' in frames(answer)[0]
    assert 'name="page"' not in answer.content.decode()


def test_the_buttons_send_what_was_typed_once_more() -> None:
    campaign = visits.campaign()
    client = signed_in(make.staff(Role.MARKETER, campaign.brand))
    page = client.post(of(campaign), typed(state="ended", lang="en")).content.decode()
    hidden = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)">', page))
    assert unescape(hidden["text_en"]) == "**bold** <script>alert(1)</script>"
    assert "state" not in hidden
    again = client.post(of(campaign), {**typed(), "state": "stopped", "lang": "ja"})
    assert "中止されました" in frames(again)[0]


def test_what_is_wrong_is_named_and_the_rest_is_shown() -> None:
    campaign = visits.campaign()
    client = signed_in(make.staff(Role.MARKETER, campaign.brand))
    answer = client.post(of(campaign), typed(colour="red", ends_at="2029-01-01T00:00", lang="en"))
    page = answer.content.decode()
    assert "Colour: Enter a colour" in page
    assert "The end has to be later" in page
    assert "Points in autumn" in frames(answer)[0]
    assert campaign.colour.removeprefix("#") in frames(answer)[0]


def test_a_picture_that_was_only_chosen_is_not_looked_at() -> None:
    campaign = visits.campaign()
    client = signed_in(make.staff(Role.MARKETER, campaign.brand))
    chosen = SimpleUploadedFile("x.png", b"no picture")
    answer = client.post(of(campaign), typed(hero_wide=chosen))
    assert "hero-picture" not in frames(answer)[0]
    assert "pictures are those that were saved last" in answer.content.decode()


@pytest.mark.both
def test_a_campaign_that_was_never_saved_has_a_preview_too() -> None:
    team = promos.team()
    client = signed_in(team.marketer)
    answer = client.post(reverse("preview_new"), typed(brand=str(team.brand.pk), slug="", lang="en"))
    assert "Points in autumn" in frames(answer)[0]
    assert team.brand.name in frames(answer)[0]
    assert not Campaign.objects.exists()
    for brand in ("", "x", "9" * 30, str(promos.team().brand.pk)):
        answer = client.post(reverse("preview_new"), typed(brand=brand))
        assert "Choose a brand first" in answer.content.decode()
        assert frames(answer) == []


@pytest.mark.parametrize("role", Role)
def test_people_of_another_brand_find_nothing(role: Role) -> None:
    campaign = visits.campaign(published_at=None)
    stranger = signed_in(make.staff(role, make.brand()))
    unknown = stranger.get(reverse("preview", args=(999_999,)))
    for answer in (stranger.get(of(campaign)), stranger.post(of(campaign), typed())):
        assert (answer.status_code, unknown.status_code) == (404, 404)
        assert campaign.title_en not in answer.content.decode()
    own = signed_in(make.staff(role, campaign.brand))
    assert own.get(of(campaign)).status_code == 200
    new = own.post(reverse("preview_new"), typed(brand=str(campaign.brand_id)))
    assert new.status_code == (200 if role is Role.MARKETER else 404)


def test_members_and_nobody_are_asked_to_sign_in_as_staff(client: Client, hanako: Client) -> None:
    campaign = visits.campaign(published_at=None)
    for visitor in (client, hanako):
        for answer in (visitor.get(of(campaign)), visitor.post(of(campaign), typed())):
            assert answer.status_code == 302
            assert answer["Location"].startswith("/admin/login/")


def test_a_superuser_may_look() -> None:
    campaign = visits.campaign(published_at=None)
    client = signed_in(make.user(is_staff=True, is_superuser=True))
    assert client.get(of(campaign)).status_code == 200
    assert client.post(reverse("preview_new"), typed(brand=str(campaign.brand_id))).status_code == 404


def test_a_forged_form_shows_nothing() -> None:
    campaign = visits.campaign()
    client = Client(enforce_csrf_checks=True)
    person = make.staff(Role.MARKETER, campaign.brand)
    let_in(client, person)
    assert client.post(of(campaign), typed()).status_code == 403


def test_the_form_leads_to_the_preview() -> None:
    campaign = visits.campaign()
    change = reverse("admin:campaigns_campaign_change", args=(campaign.pk,))
    marketer = signed_in(make.staff(Role.MARKETER, campaign.brand)).get(change).content.decode()
    assert f'formtarget="_blank" formaction="{of(campaign)}"' in marketer
    approver = signed_in(make.staff(Role.APPROVER, campaign.brand)).get(change).content.decode()
    assert f'href="{of(campaign)}"' in approver
    assert "formaction" not in approver
