"""Results on paper: the figures of the page, in words of the page's language, and nobody else's."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.test import Client
from django.urls import reverse
from reportlab.pdfgen.textobject import PDFTextObject

from campaigns.models import Campaign
from giftcodes import services as giftcodes
from giftcodes.models import Batch
from giftcodes.services import ChannelSize
from parties.models import Role
from tests import make
from tests.campaigns.pages import signed_in
from tests.make import NOON
from tests.redemption_site import visits

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)


@pytest.fixture
def printed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every piece of text that is drawn: in the file they are numbers of glyphs."""
    pieces: list[str] = []
    draw = PDFTextObject._formatText

    def spy(self: Any, text: Any) -> Any:
        pieces.append(text if isinstance(text, str) else text.decode())
        return draw(self, text)

    monkeypatch.setattr(PDFTextObject, "_formatText", spy)
    return pieces


def sold(**fields: Any) -> Campaign:
    campaign = visits.campaign(brand=make.brand(funds=10_000_000, name="Aozora"), **fields)
    window = {"claim_from": NOON, "claim_until": NOON + 60 * DAY, "approved_at": NOON, "face_points": 1_000}
    channels = [ChannelSize("poster", 1_200), ChannelSize("レシート", 34)]
    batch = visits.batch_of(campaign, size=1_234, brand=campaign.brand, channels=channels, **window)
    Batch.objects.filter(pk=batch.pk).update(activated_at=NOON)
    for place, after in enumerate((0, 1, 1, 5)):
        giftcodes.claim_code(text=make.code_of(batch, place), member=make.member(), at=NOON + after * DAY)
    return campaign


def get(client: Client, name: str, ask: str = "", *args: int) -> Any:
    return client.get(reverse(f"admin:campaigns_campaign_{name}", args=args) + ask)


def cells(page: str) -> list[str]:
    found = re.findall(r"<(?:td|th)[^>]*>(?:<a[^>]*>)?([^<]*)<", page)
    return [" ".join(cell.split()) for cell in found if cell.strip()]


def test_every_cell_of_the_page_is_printed(printed: list[str]) -> None:
    campaign = sold()
    client = signed_in(make.staff(Role.MARKETER, campaign.brand))
    page = get(client, "results", "", campaign.pk).content.decode()
    answer = get(client, "results", "?pdf=1", campaign.pk)
    assert answer["Content-Type"] == "application/pdf"
    assert answer.content.startswith(b"%PDF-")
    text = "".join(printed).replace(" ", "")
    tables = page[page.index("tk-result") :]
    shown = cells("".join(re.findall(r"<t(?:body|foot)>.*?</t(?:body|foot)>", tables, re.DOTALL)))
    assert {"poster", "レシート", "1,234", "4,000"} <= set(shown)
    assert [cell for cell in shown if cell.replace(" ", "") not in text] == []
    for step in re.findall(r"<strong>([\d,]+)</strong>", page):
        assert step in printed
    for share in re.findall(r"<span>([\d.]+ % of those [a-z ]+)</span>", page):
        assert share in printed


def test_the_comparison_is_printed_and_holds_no_other_brand(printed: list[str]) -> None:
    campaign = sold()
    visits.campaign(slug="autumn", name="Autumn")
    client = signed_in(make.staff(Role.AUDITOR, campaign.brand))
    page = get(client, "all_results").content.decode()
    assert get(client, "all_results", "?pdf=1").content.startswith(b"%PDF-")
    text = "".join(printed).replace(" ", "")
    shown = cells(page[page.index("<tbody") : page.index("</tbody")])
    assert [cell for cell in shown if cell.replace(" ", "") not in text] == []
    assert "Autumn" not in text


def test_a_brand_of_others_prints_nothing() -> None:
    campaign = sold()
    client = signed_in(make.staff(Role.MARKETER, make.brand()))
    assert get(client, "results", "?pdf=1", campaign.pk).status_code == 404


def test_an_empty_campaign_and_one_with_many_channels_and_a_logo_print_too(
    settings: Any, tmp_path: Any, printed: list[str]
) -> None:
    settings.MEDIA_ROOT = tmp_path
    campaign = visits.campaign(colour="#ffffff", name="=cmd", brand=make.brand(funds=1_000_000))
    campaign.logo.save("logo.png", ContentFile(LOGO))
    client = signed_in(make.staff(Role.MARKETER, campaign.brand))
    assert b"/Image" in get(client, "results", "?pdf=1", campaign.pk).content
    channels = [ChannelSize(f"Shop no. {number}", 1) for number in range(90)]
    visits.batch_of(campaign, size=90, brand=campaign.brand, channels=channels)
    assert get(client, "results", "?pdf=1", campaign.pk).content.count(b"/Type /Page\n") >= 3
    assert "Shop no. 89" in " ".join(printed)
    assert "'=cmd" in printed


LOGO = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108020000009077"
    "53de0000000c49444154789c636060600000000400012734270a0000000049454e44ae426082"
)
