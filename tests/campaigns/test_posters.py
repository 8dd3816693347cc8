"""Posters and QR codes: every code on them is read back."""

import re
from io import BytesIO
from typing import Any

import pytest
from django.conf import LazySettings
from django.core.files.base import ContentFile
from django.test import Client
from django.urls import reverse
from PIL import Image

from campaigns.colours import MIN_CONTRAST, contrast_with_white, text_on
from campaigns.files import posters, qr
from campaigns.files.posters import Box, Poster
from campaigns.models import Campaign
from ledger.files.typefaces import BOLD, register_fonts
from parties.models import Role
from tests import make
from tests.campaigns import promos
from tests.campaigns.pages import signed_in
from tests.drawings import page_of, qr_texts, svg_picture

ADDRESS = "https://points.example.com/c/spring-2027/"
FILES = ["a4-ja.pdf", "a4-en.pdf", "a5-ja.pdf", "a5-en.pdf", "qr.svg", "qr.png"]
MM = 72 / 25.4


def poster(**changes: Any) -> Poster:
    steps = [
        ("QRコードを読み取る", "開きます。"),
        ("コードを入力する", "記載されています。"),
        ("受け取る", "不要です。"),
    ]
    defaults = Poster(
        brand="みどり市場",
        title="春のポイント祭り",
        language="ja",
        colour="#1a5f7a",
        logo=None,
        address=ADDRESS,
        lead="コードをポイントに",
        scan="読み取ってください",
        steps=steps,
        period_label="期間",
        period="2026年11月1日 00:00 ～ 2026年12月31日 23:59 まで",
    )
    return defaults._replace(**changes)


def logo(size: tuple[int, int] = (512, 200)) -> bytes:
    target = BytesIO()
    Image.new("RGBA", size, (200, 30, 30, 128)).save(target, "PNG")
    return target.getvalue()


def address(campaign: Campaign, name: str = "") -> str:
    kind = "poster" if name else "posters"
    return reverse(f"admin:campaigns_campaign_{kind}", args=(campaign.pk, *([name] if name else [])))


EXTREMES: dict[str, dict[str, Any]] = {
    "plain": {},
    "logo": {"logo": logo()},
    "tall logo": {"logo": logo((20, 512))},
    "long": {"title": "とても長い" * 16, "brand": "長い名前の株式会社" * 10, "logo": logo()},
    "one long word": {"title": "W" * 80, "language": "en"},
    "long address": {"address": f"https://{'points.' * 12}example.co.jp/c/{'a' * 40}/"},
    "white": {"colour": "#ffffff"},
    "black": {"colour": "#000000"},
    "yellow": {"colour": "#ffff00"},
    "markup": {"title": "<b>&amp; </b>", "brand": "A & B <i>"},
}


@pytest.mark.parametrize("size", posters.SIZES)
@pytest.mark.parametrize("changes", EXTREMES.values(), ids=EXTREMES)
def test_the_code_on_a_poster_is_the_address_whatever_is_around_it(
    changes: dict[str, Any], size: str
) -> None:
    drawn = poster(**changes)
    pdf = posters.document(drawn, size)
    assert qr_texts(page_of(pdf)) == [drawn.address]
    assert pdf.count(b"/Type /Page\n") == 1
    width, height = posters.SIZES[size]
    assert [round(width), round(height)] == [
        round(float(part)) for part in re.findall(rb"/MediaBox \[ 0 0 ([\d.]+) ([\d.]+) \]", pdf)[0]
    ]
    assert pdf.count(b"/FontFile2") >= 2  # both weights are embedded


def test_a_spoilt_code_would_be_noticed() -> None:
    picture = page_of(posters.document(poster(), "a4"), scale=2)
    picture.paste("white", (400, 700, 800, 1100))
    assert qr_texts(picture) == []


def test_the_code_is_black_with_four_white_modules_around_it() -> None:
    picture = page_of(posters.document(poster(colour="#ffff00"), "a4"), scale=2).crop((0, 660, 1190, 1380))
    colours = {colour for _count, colour in picture.getcolors() or []}
    assert colours == {(0, 0, 0), (255, 255, 255)}
    side, dark = qr.runs(ADDRESS)
    places = [place for column, row, length in dark for place in (column, row, column + length, row + 1)]
    assert (min(places), max(places)) == (qr.QUIET_MODULES, side - qr.QUIET_MODULES)


def test_a_quarter_of_the_code_may_be_dirty() -> None:
    picture = Image.open(BytesIO(qr.png(ADDRESS))).convert("L")
    side = picture.width
    picture.paste(255, (side // 2, side // 2, side // 2 + side // 4, side // 2 + side // 5))
    assert qr_texts(picture) == [ADDRESS]


def test_bare_codes_say_the_address_and_are_large_enough_to_print() -> None:
    picture = Image.open(BytesIO(qr.png(ADDRESS)))
    assert qr_texts(picture) == [ADDRESS]
    assert picture.width > 900
    assert qr_texts(svg_picture(qr.svg(ADDRESS).decode())) == [ADDRESS]


@pytest.mark.parametrize("text", ["春", "春のポイント祭り", "とても長い" * 16, "W" * 80, "long words " * 7])
def test_a_text_gets_as_large_as_its_box_allows(text: str) -> None:
    register_fonts()
    box = Box(0, 0, 186 * MM, 36 * MM)
    paragraph, height = posters.fitted(text, box, sizes=(46, 14), fontName=BOLD)
    assert height <= box.height
    size = paragraph.style.fontSize
    if size < 46:
        larger = posters.fitted(text, box, sizes=(size + 1, size + 1), fontName=BOLD)[1]
        assert larger > box.height


@pytest.mark.parametrize("colour", ["#ffffff", "#000000", "#767676", "#777777", "#ffff00", "#ff0000"])
def test_what_stands_on_a_colour_can_be_read(colour: str) -> None:
    ratio = contrast_with_white(colour)
    assert (ratio if text_on(colour) == "#ffffff" else 21 / ratio) >= MIN_CONTRAST


@pytest.mark.django_db
def test_the_files_of_a_campaign_lead_to_its_page(settings: LazySettings) -> None:
    team = promos.team()
    campaign = promos.campaign(team, title_en="Spring points", colour="#f5c518")
    campaign.logo.save("logo.png", ContentFile(logo()))
    client = signed_in(team.marketer)
    page = client.get(address(campaign)).content.decode()
    expected = f"{settings.SITE_URL}/c/{campaign.slug}/"
    assert expected in page
    for name in FILES:
        assert address(campaign, name) in page
        answer = client.get(address(campaign, name))
        assert answer["Content-Disposition"] == f'attachment; filename="{campaign.slug}-{name}"'
        if name.endswith("pdf"):
            assert answer["Content-Type"] == "application/pdf"
            picture = page_of(answer.content)
        elif name.endswith("svg"):
            picture = svg_picture(answer.content.decode())
        else:
            picture = Image.open(BytesIO(answer.content))
        assert qr_texts(picture) == [expected], name
    assert client.get(address(campaign, "a3-ja.pdf")).status_code == 404
    assert client.get(address(campaign)).content.count(b"<img") >= 1


@pytest.mark.django_db
@pytest.mark.parametrize("role", Role)
def test_people_of_the_brand_alone_reach_them(role: Role) -> None:
    team, other = promos.team(), promos.team()
    campaign = promos.campaign(team)
    insider, outsider = (signed_in(make.staff(role, of.brand)) for of in (team, other))
    assert insider.get(address(campaign)).status_code == 200
    assert outsider.get(address(campaign)).status_code == 404
    for name in FILES:
        assert insider.get(address(campaign, name)).status_code == 200
        assert outsider.get(address(campaign, name)).status_code == 404
        assert Client().get(address(campaign, name)).status_code == 302
