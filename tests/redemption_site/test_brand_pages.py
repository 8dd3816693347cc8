"""What a brand puts on its page: a picture, marked text, a colour; and who may see it before it is public."""

import itertools
from datetime import UTC, datetime, timedelta

import pytest
from django.test import Client

from campaigns.colours import MIN_CONTRAST, MIN_CONTRAST_OF_EDGES, contrast, is_pale
from campaigns.models import Campaign
from redemption_site.theme import theme_of
from tests import make
from tests.redemption_site import dressed, visits

pytestmark = pytest.mark.django_db
ENGLISH = {"accept-language": "en"}


def page_at(client: Client, address: str = "/c/spring/", **headers: str) -> str:
    return client.get(address, headers=headers).content.decode()


def test_a_draft_is_no_page_for_anybody(client: Client, hanako: Client) -> None:
    campaign = visits.campaign(published_at=None)
    unknown = client.get("/c/summer/", headers=ENGLISH)
    for visitor in (client, hanako):
        answer = visitor.get("/c/spring/", headers=ENGLISH)
        assert answer.status_code == 404
        assert campaign.title_en not in answer.content.decode()
        assert campaign.brand.name not in answer.content.decode()
    assert client.get("/c/spring/", headers=ENGLISH).content == unknown.content


def test_a_code_is_claimed_whatever_its_form_says_of_a_draft(hanako: Client) -> None:
    visits.campaign(published_at=None)
    answer = hanako.post("/claim/", {"code": visits.code_now(), "campaign": "spring"})
    assert (answer.status_code, answer["Location"][:9]) == (303, "/claimed/")
    refused = hanako.post("/claim/", {"code": "1", "campaign": "spring"}).content.decode()
    assert "Spring points" not in refused  # nor does a typing error tell of it


def test_the_picture_comes_in_two_widths_that_keep_their_place(client: Client) -> None:
    campaign = dressed.campaign()
    page = page_at(client, **ENGLISH)
    assert (
        f'<source media="(min-width: 40rem)" srcset="{campaign.hero_wide.url}" type="image/webp"'
        ' width="1280" height="400">'
    ) in page
    assert f'<img src="{campaign.hero_narrow.url}" width="720" height="360" fetchpriority="high"' in page
    assert 'alt="Loaves" lang="en"' in page
    assert 'alt="並んだパン" lang="ja"' in page_at(client)
    for url in (campaign.hero_wide.url, campaign.hero_narrow.url):
        answer = client.get(url)
        assert answer["Content-Type"] == "image/webp"
        assert answer["X-Content-Type-Options"] == "nosniff"
        assert answer["Cache-Control"] == "public, max-age=31536000, immutable"
        assert b"".join(answer.streaming_content)[8:12] == b"WEBP"  # type: ignore[attr-defined]
    assert client.get(f"/media/heroes/{'0' * 32}.webp").status_code == 404
    assert client.get("/media/heroes/../logos/x.webp").status_code == 404


def test_without_english_the_picture_is_described_in_japanese_and_as_decoration_not_at_all(
    client: Client,
) -> None:
    campaign = dressed.campaign(hero_alt_en="")
    assert 'alt="並んだパン" lang="ja"' in page_at(client, **ENGLISH)
    Campaign.objects.filter(pk=campaign.pk).update(is_hero_decorative=True)
    assert 'fetchpriority="high" alt="">' in page_at(client, **ENGLISH)


def test_only_the_campaigns_own_page_loads_the_picture(client: Client, hanako: Client) -> None:
    campaign = dressed.campaign()
    batch = visits.batch_of(campaign, size=1)
    claimed = hanako.post("/claim/", {"code": make.code_of(batch)}, follow=True).content.decode()
    assert campaign.logo.url in claimed
    assert "/media/heroes/" not in claimed
    assert "/media/heroes/" not in page_at(client, "/")


def test_the_texts_are_marked_in_both_languages(client: Client) -> None:
    dressed.campaign()
    japanese = page_at(client)
    assert '<section class="prose" lang="ja"><p>焼きたてのパンと<strong>「500ポイント」</strong>' in japanese
    assert "<h2>使いみち</h2>" in japanese
    assert '店舗一覧<span class="leaving"> (shops.example)</span></a>' in japanese
    english = page_at(client, **ENGLISH)
    assert "<h2>What for</h2>" in english
    assert 'content="500 points with your fresh bread. What for' in english


@pytest.mark.parametrize(
    ("hours", "said"), [(0.001, "It begins today."), (24, "It begins tomorrow."), (72, "3 days to go")]
)
def test_a_campaign_that_has_not_begun_counts_the_days(client: Client, hours: float, said: str) -> None:
    starts_at = datetime.now(UTC) + timedelta(hours=hours)
    visits.campaign(starts_at=starts_at, ends_at=starts_at + timedelta(days=9))
    page = page_at(client, **ENGLISH)
    assert said in page or hours < 1  # a second before midnight in Japan it is tomorrow


WHITE, PAGE, INK, SOFT, EDGE, WRONG = "#ffffff", "#f5f6f8", "#1b1f27", "#59606d", "#767d8a", "#b3261e"
STEPS = [*range(0, 256, 17)]


def mixed(one: str, other: str, share: float) -> str:
    """`share` of the one over the other, as a browser mixes a translucent shape."""
    pairs = [(int(one[at : at + 2], 16), int(other[at : at + 2], 16)) for at in (1, 3, 5)]
    return "#" + "".join(f"{round(top * share + below * (1 - share)):02x}" for top, below in pairs)


def test_whatever_the_colour_every_text_and_every_edge_of_a_page_can_be_seen() -> None:
    for red, green, blue in itertools.product(STEPS, STEPS, STEPS):
        theme = theme_of(f"{red:02x}{green:02x}{blue:02x}")
        shaded = mixed(theme.shade, theme.brand, 0.06)  # the circles of the band
        texts = [
            (theme.on_brand, theme.brand),  # band, button
            (theme.on_brand, shaded),
            *((theme.brand_text, ground) for ground in (WHITE, PAGE, theme.tint)),  # links, figures, steps
            *((text, theme.tint) for text in (INK, SOFT)),  # the waiting code
        ]
        edges = [
            (theme.brand_text, WHITE),  # a button, a field with the focus
            (theme.brand_text, PAGE),
            *((EDGE, ground) for ground in (WHITE, PAGE)),  # a field, the button of the camera
            (INK, theme.brand),  # the outline of the focus has a white ring within
        ]
        for one, other in texts:
            assert contrast(one, other) >= MIN_CONTRAST, (theme, one, other)
        for one, other in edges[:-1]:
            assert contrast(one, other) >= MIN_CONTRAST_OF_EDGES, (theme, one, other)
        ring = max(contrast(INK, theme.brand), contrast(WHITE, theme.brand))
        assert ring >= MIN_CONTRAST_OF_EDGES, theme


def test_texts_that_have_no_brand_colour_can_be_read() -> None:
    for text, ground in itertools.product((INK, SOFT, WRONG), (WHITE, PAGE)):
        assert contrast(text, ground) >= MIN_CONTRAST


@pytest.mark.parametrize(
    ("colour", "pale"), [("#ffffff", True), ("#f2f2f2", True), ("#ffff00", True), ("#ffd700", False)]
)
def test_a_colour_that_can_hardly_be_told_from_white_is_pale(colour: str, pale: bool) -> None:
    assert is_pale(colour) is pale
