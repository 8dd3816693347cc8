"""Conditions of participation on the members' pages: read, ticked, carried through the sign-in, asked for."""

import json
import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography.fernet import Fernet
from django.conf import settings
from django.test import Client

from campaigns.conditions_models import ConditionsAcceptance, ConditionsVersion
from campaigns.models import Campaign
from giftcodes import codec
from giftcodes.models import Claim
from redemption_site import pending, texts
from redemption_site.boxes import box
from redemption_site.pending import PendingClaim
from tests import make
from tests.redemption_site import visits
from tests.redemption_site.test_claiming import in_english, made_with_another_key

pytestmark = pytest.mark.django_db


def ticked(version: ConditionsVersion, language: str = "ja") -> str:
    return f"{version.pk}-{language}"


class Stall:
    """A campaign with conditions, and its codes."""

    def __init__(self, **fields: Any) -> None:
        self.campaign: Campaign = visits.campaign(**fields)
        self.batch = visits.batch_of(self.campaign, size=5)
        self.version = visits.conditions(self.campaign, text_ja="第1条 規約", text_en="1. Conditions")

    def code(self, place: int = 0) -> str:
        return make.code_of(self.batch, place)

    def form(self, place: int = 0, **changes: str) -> dict[str, str]:
        return {"code": self.code(place), "campaign": self.campaign.slug, "asked": "1"} | changes


@pytest.fixture
def stall(db: None) -> Stall:
    return Stall()


def test_the_campaigns_page_asks_and_nothing_is_ticked(client: Client, stall: Stall) -> None:
    page = client.get("/c/spring/", headers={"accept-language": "en"}).content.decode()
    box = re.search(r'<input type="checkbox"[^>]*>', page)
    assert box
    assert f'value="{ticked(stall.version, "en")}"' in box[0]
    assert "checked" not in box[0]
    assert "/c/spring/conditions/1/" in page
    japanese = client.get("/c/spring/", headers={"accept-language": "ja"}).content.decode()
    assert f'value="{ticked(stall.version)}"' in japanese
    assert 'name="accept"' not in client.get("/").content.decode()


def test_with_the_tick_it_is_one_step(hanako: Client, stall: Stall) -> None:
    answer = hanako.post("/claim/", stall.form(accept=ticked(stall.version, "en")))
    assert (answer.status_code, answer["Location"]) == (303, f"/claimed/{stall.batch.first_claim_id}/")
    row = ConditionsAcceptance.objects.get()
    assert (row.language, row.sha256) == ("en", stall.version.sha256_en)
    assert row.accepted_at <= Claim.objects.get().claimed_at


def test_without_the_tick_the_page_says_so_and_keeps_the_code(hanako: Client, stall: Stall) -> None:
    answer = hanako.post("/claim/", stall.form())
    page = answer.content.decode()
    assert answer.status_code == 400
    assert in_english(texts.NOT_ACCEPTED) in page
    assert f'value="{codec.group(stall.code())}"' in page
    assert '<a href="#accept">' in page
    assert re.search(r'id="accept"[^>]*aria-invalid="true" aria-describedby="accept-error"', page)
    assert page.count("aria-invalid") == 1  # the code itself is right
    assert not Claim.objects.exists()
    assert settings.PENDING_COOKIE_NAME not in answer.cookies


def test_a_typing_error_and_a_missing_tick_are_told_together(hanako: Client, stall: Stall) -> None:
    page = hanako.post("/claim/", stall.form() | {"code": "1234"}).content.decode()
    assert in_english(texts.NOT_ACCEPTED) in page
    assert page.count("aria-invalid") == 2
    kept = hanako.post("/claim/", stall.form(accept=ticked(stall.version)) | {"code": "1234"})
    assert re.search(r'id="accept"[^>]* checked', kept.content.decode())  # the person's own tick stays


@pytest.mark.both
@pytest.mark.parametrize("typed", ["on", "1", "-", "9" * 30 + "-ja", "１-ja", "\x00", "' OR 1=1", "a-ja\n"])
def test_a_tick_of_nothing_is_no_tick(hanako: Client, stall: Stall, typed: str) -> None:
    answer = hanako.post("/claim/", stall.form(accept=typed))
    assert answer.status_code == 400
    assert not Claim.objects.exists()


def test_whoever_accepted_before_is_told_when_and_asked_nothing(hanako: Client, stall: Stall) -> None:
    hanako.post("/claim/", stall.form(accept=ticked(stall.version)))
    page = hanako.get("/c/spring/").content.decode()
    assert 'name="accept"' not in page
    assert "You accepted the conditions of participation on" in page
    assert hanako.post("/claim/", stall.form(1)).status_code == 303
    assert ConditionsAcceptance.objects.count() == 1


def test_the_tick_travels_with_the_code_through_the_sign_in(client: Client, stall: Stall) -> None:
    answer = client.post("/claim/", stall.form(accept=ticked(stall.version)))
    assert answer["Location"] == "/sign-in/"
    assert not ConditionsAcceptance.objects.exists()
    claimed = visits.sign_in(client)
    assert claimed["Location"] == f"/claimed/{stall.batch.first_claim_id}/"
    assert ConditionsAcceptance.objects.get().member == Claim.objects.get().member


def test_conditions_renewed_during_the_sign_in_are_asked_for(client: Client, stall: Stall) -> None:
    client.post("/claim/", stall.form(accept=ticked(stall.version)))
    renewed = visits.conditions(stall.campaign, text_ja="改定")
    assert visits.sign_in(client)["Location"] == "/claim/"
    assert not Claim.objects.exists()
    page = client.get("/claim/")
    assert f'value="{ticked(renewed)}"' in page.content.decode()
    assert visits.accept_waiting(client, ticked(stall.version)).status_code == 400
    assert visits.accept_waiting(client, ticked(renewed)).status_code == 303
    assert ConditionsAcceptance.objects.get().version == renewed


def test_conditions_renewed_while_the_page_was_open_are_asked_for(hanako: Client, stall: Stall) -> None:
    visits.conditions(stall.campaign, text_ja="改定")
    answer = hanako.post("/claim/", stall.form(accept=ticked(stall.version)))
    assert answer.status_code == 400
    assert in_english(texts.CONDITIONS_CHANGED) in answer.content.decode()
    assert not Claim.objects.exists()


def test_from_another_page_the_claim_shows_what_is_to_be_accepted(hanako: Client, stall: Stall) -> None:
    answer = hanako.post("/claim/", {"code": stall.code()})
    page = answer.content.decode()
    assert answer.status_code == 428
    assert answer["Cache-Control"].startswith("max-age=0, no-cache, no-store")
    assert "1. Conditions" in page
    assert "checked" not in page
    assert stall.code() not in re.sub(r"\D", "", re.sub(r"<[^>]*>", "", page))
    assert not Claim.objects.exists()

    missing = visits.accept_waiting(hanako, "")
    assert missing.status_code == 400
    assert in_english(texts.NOT_ACCEPTED) in missing.content.decode()
    assert not Claim.objects.exists()
    assert "1. Conditions" in hanako.get("/claim/").content.decode()  # can be loaded again

    claimed = visits.accept_waiting(hanako, ticked(stall.version, "en"))
    assert claimed["Location"] == f"/claimed/{stall.batch.first_claim_id}/"
    assert ConditionsAcceptance.objects.get().language == "en"


def test_on_the_page_of_another_campaign_it_is_the_codes_own_that_count(hanako: Client) -> None:
    here, there = Stall(), Stall(slug="autumn")
    form = {"code": there.code(), "campaign": "spring", "accept": ticked(here.version)}
    assert hanako.post("/claim/", form).status_code == 428
    assert visits.accept_waiting(hanako, ticked(here.version)).status_code == 400
    assert visits.accept_waiting(hanako, ticked(there.version)).status_code == 303
    assert ConditionsAcceptance.objects.get().version == there.version


@pytest.mark.parametrize("accept", [True, False], ids=["ticked", "from elsewhere"])
def test_no_refusal_tells_that_there_are_conditions(hanako: Client, stall: Stall, accept: bool) -> None:
    """A used code of a campaign that asks, beside one that nobody issued."""
    other = Client()
    visits.member_in(other)
    other.post("/claim/", stall.form(accept=ticked(stall.version)))
    form = stall.form(accept=ticked(stall.version, "en")) if accept else {}
    used, unknown = (
        hanako.post("/claim/", form | {"code": code})
        for code in (stall.code(), made_with_another_key(stall.batch, 5000))
    )
    assert used.status_code == unknown.status_code == 422
    pages = [re.sub(r'value="[\d-]{19}"', "", visits.text_of(answer)) for answer in (used, unknown)]
    assert pages[0] == pages[1]
    assert ConditionsAcceptance.objects.count() == 1


def test_the_same_code_twice_is_told_as_claimed_before(hanako: Client, stall: Stall) -> None:
    form = stall.form(accept=ticked(stall.version))
    hanako.post("/claim/", form)
    visits.conditions(stall.campaign, text_ja="改定")
    again = hanako.post("/claim/", {"code": stall.code()})
    assert again["Location"].endswith("?again=1")


def test_a_cookie_of_an_earlier_release_is_still_read(rf: Any, stall: Stall) -> None:
    def carried(fields: list[object]) -> PendingClaim | None:
        sealing: Fernet = box("pending-claim")
        request = rf.get("/claim/")
        request.COOKIES[settings.PENDING_COOKIE_NAME] = sealing.encrypt(json.dumps(fields).encode()).decode()
        return pending.carried(request)

    assert carried([stall.code(), "spring", False, ""]) == PendingClaim(stall.code(), "spring")
    assert carried([stall.code(), "spring", False, "", "1-ja", 0, "of a later one"]) is None


# --- The pages of the conditions


def test_every_version_stays_readable_and_says_which_it_is(client: Client, stall: Stall) -> None:
    tomorrow = datetime.now(UTC) + timedelta(days=1)
    visits.conditions(stall.campaign, text_ja="第2版の規約")
    visits.conditions(stall.campaign, text_ja="第3版の規約", in_force_from=tomorrow)

    def page(address: str) -> str:
        answer = client.get(address, headers={"accept-language": "ja"})
        assert answer.status_code == 200
        return answer.content.decode()

    assert "第2版の規約" in page("/c/spring/conditions/")
    assert "第1条 規約" in page("/c/spring/conditions/1/")
    assert "これは以前の応募規約です" in page("/c/spring/conditions/1/")
    assert "これは以前の応募規約です" not in page("/c/spring/conditions/2/")
    upcoming = page("/c/spring/conditions/3/")
    assert "まだ適用されていません" in upcoming
    japan = tomorrow + timedelta(hours=9)
    assert f"{japan:%Y年}{japan.month}月{japan.day}日" in upcoming


@pytest.mark.both
@pytest.mark.parametrize("address", ["0", "2", "9" * 30])
def test_there_is_no_page_for_what_was_not_published(client: Client, stall: Stall, address: str) -> None:
    assert client.get(f"/c/spring/conditions/{address}/").status_code == 404
    visits.campaign(slug="bare")
    assert client.get("/c/bare/conditions/").status_code == 404
    assert client.get("/c/nothing/conditions/").status_code == 404


def test_a_draft_is_on_no_page(client: Client) -> None:
    campaign = visits.campaign()
    visits.conditions_draft(campaign, text_ja="下書き")
    assert client.get("/c/spring/conditions/").status_code == 404
    assert client.get("/c/spring/conditions/1/").status_code == 404
    assert 'name="accept"' not in client.get("/c/spring/").content.decode()


def test_nothing_in_the_text_is_markup(client: Client) -> None:
    campaign = visits.campaign()
    visits.conditions(campaign, text_ja="<script>alert(1)</script>\n\n次の段落\n行")
    page = client.get("/c/spring/conditions/").content.decode()
    assert "<p>&lt;script&gt;alert(1)&lt;/script&gt;</p>" in page
    assert "<p>次の段落<br>行</p>" in page


def test_what_no_checkbox_sends_is_not_carried_along(client: Client) -> None:
    client.post("/claim/", {"code": visits.code_now(), "accept": "7" * 5_000})
    assert len(client.cookies["pending"].value) < 300
    assert client.get("/sign-in/").status_code == 200
