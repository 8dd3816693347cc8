"""The picture that a shared link shows: what it holds, what its address depends on, where its lines break."""

import re
from io import BytesIO

import pytest
from django.core.files.storage import default_storage
from django.test import Client, override_settings
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageChops

from campaigns.models import Campaign
from parties.models import Brand
from redemption_site import cards
from redemption_site.line_breaks import broken
from tests.redemption_site import dressed, visits

ENGLISH = {"accept-language": "en"}


def address_in(page: str) -> str:
    found = re.search(r'property="og:image" content="https://points\.example\.com([^"]+)"', page)
    assert found
    return found[1]


@pytest.mark.django_db
@override_settings(SITE_URL="https://points.example.com")
def test_a_shared_link_has_a_card_of_its_own_in_each_language(client: Client) -> None:
    dressed.campaign(title_en="Spring points")
    pages = [client.get("/c/spring/", headers=headers).content.decode() for headers in ({}, ENGLISH)]
    japanese, english = map(address_in, pages)
    assert re.fullmatch(r"/c/spring/card-ja-[0-9a-f]{32}\.png", japanese)
    assert re.fullmatch(r"/c/spring/card-en-[0-9a-f]{32}\.png", english)
    assert '<meta property="og:image:width" content="1200">' in pages[1]
    assert '<meta property="og:image:height" content="630">' in pages[1]
    assert re.search(r'og:image:alt" content="Spring points – [^"]+"', pages[1])
    assert '<meta name="twitter:card" content="summary_large_image">' in pages[1]
    first = client.get(japanese)
    again = client.get(japanese)
    assert first["Content-Type"] == again["Content-Type"] == "image/png"
    assert "immutable" in first["Cache-Control"]
    kept = b"".join(again.streaming_content)  # type: ignore[attr-defined]
    assert kept == first.content
    assert len(kept) < 300_000
    with Image.open(BytesIO(kept)) as card:
        assert card.size == (1200, 630)


@pytest.mark.django_db
def test_a_card_is_drawn_for_its_own_address_alone(client: Client) -> None:
    campaign = visits.campaign()
    key = cards.card_key(campaign, "ja")
    assert client.get(f"/c/spring/card-ja-{'0' * 32}.png").status_code == 404
    assert client.get(f"/c/spring/card-en-{key}.png").status_code == 404
    assert not default_storage.exists(f"cards/{key}.png")
    assert client.get(f"/c/spring/card-ja-{key}.png").status_code == 200
    assert default_storage.exists(f"cards/{key}.png")


@pytest.mark.django_db
def test_a_draft_has_no_card(client: Client) -> None:
    campaign = visits.campaign(published_at=None)
    assert client.get(f"/c/spring/card-ja-{cards.card_key(campaign, 'ja')}.png").status_code == 404


@pytest.mark.django_db
@pytest.mark.parametrize("field", ["title_ja", "colour", "logo", "hero_wide", "brand"])
def test_a_card_has_another_address_when_it_would_look_different(field: str) -> None:
    campaign = visits.campaign()
    before = cards.card_key(campaign, "ja")
    if field == "brand":
        campaign.brand.name = "Another brand"
    else:
        setattr(campaign, field, "#123456")
    assert cards.card_key(campaign, "ja") != before


def drawn(title: str, **fields: str) -> Image.Image:
    campaign = Campaign(brand=Brand(name="青空ベーカリー"), title_ja=title, **fields)
    return Image.open(BytesIO(cards.draw_card(campaign, "ja"))).convert("RGB")


LONG = "夏のポイント祭り！「ひまわり」スタンプラリーで、ソーダ水とかき氷を楽しもう。最大10,000ポイント、第2弾"


@pytest.mark.parametrize("title", ["春", LONG, "W" * 80, "あ" * 80, "a " * 40, "🎉祭り🎉"])
def test_no_title_leaves_the_card(title: str) -> None:
    card, empty = drawn(title), drawn("")
    changed = ImageChops.difference(card, empty).getbbox()
    assert changed is not None
    left, top, right, bottom = changed
    assert 50 <= left < right <= 1200 - 50
    assert 50 <= top < bottom <= 630 - 40


def test_what_the_font_does_not_have_leaves_no_empty_box() -> None:
    assert ImageChops.difference(drawn("🎉祭り🎉"), drawn("祭り")).getbbox() is None
    assert ImageChops.difference(drawn("祭 り"), drawn("祭り")).getbbox() is not None


@pytest.mark.parametrize(
    ("text", "width", "lines"),
    [
        ("朝のごほうび", 6, ["朝のごほうび"]),
        ("朝のごほうび", 4, ["朝のご", "ほうび"]),  # about as long as one another
        ("あいう、えお", 3, ["あい", "う、", "えお"]),
        ("あいう「え」", 4, ["あいう", "「え」"]),
        ("春のスタンプラリー", 7, ["春の", "スタンプラリー"]),
        ("スタンプラリー", 4, ["スタンプ", "ラリー"]),
        ("good morning points", 11, ["good", "morning", "points"]),
        ("最大10,000円", 6, ["最大", "10,000", "円"]),
        ("", 5, [""]),
    ],
)
def test_lines_break_where_a_reader_expects_it(text: str, width: int, lines: list[str]) -> None:
    assert broken(text, width=width, measure=len) == lines


@given(st.text("あいうアイウー。、「」（）abc 12,!？", max_size=60), st.integers(4, 30))
def test_no_line_is_too_long_and_nothing_is_lost(text: str, width: int) -> None:
    lines = broken(text, width=width, measure=len)
    assert "".join(lines).replace(" ", "") == text.replace(" ", "")
    assert all(len(line) <= width for line in lines)
