"""What the pages show, in which language, and what they let a browser do."""

import re
from datetime import datetime
from io import BytesIO
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from django.contrib.staticfiles import finders
from django.core.files.base import ContentFile
from django.test import Client, override_settings
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from campaigns.colours import contrast_with_white
from ledger import audit
from redemption_site.theme import theme_of
from tests import make
from tests.redemption_site import visits

pytestmark = pytest.mark.django_db

JAPAN = ZoneInfo("Asia/Tokyo")
ENGLISH = {"accept-language": "en-GB,en;q=0.9"}


Seen = tuple[str, str, visits.Answer]  # address, page, answer


def page_at(client: Client, address: str, **headers: str) -> str:
    return client.get(address, headers=headers).content.decode()


def test_the_landing_page_has_the_one_field(client: Client) -> None:
    page = page_at(client, "/")
    assert page.count('name="code"') == 1
    assert 'inputmode="numeric"' in page
    assert 'autocomplete="off"' in page


def test_japanese_comes_first_and_english_on_request(client: Client) -> None:
    assert '<html lang="ja">' in page_at(client, "/")
    assert '<html lang="ja">' in page_at(client, "/", **{"accept-language": "fr"})
    assert '<html lang="en">' in page_at(client, "/", **ENGLISH)


def test_the_switch_outlasts_the_browsers_wish(client: Client) -> None:
    answer = client.post("/language/", {"language": "en", "next": "/wallet/"})
    assert (answer.status_code, answer["Location"]) == (302, "/wallet/")
    assert '<html lang="en">' in page_at(client, "/", **{"accept-language": "ja"})
    assert client.post("/language/", {"language": "ja", "next": "https://evil.example"})["Location"] == "/"


def test_a_campaign_speaks_in_its_brands_name_and_colour(client: Client) -> None:
    campaign = visits.campaign(brand=make.brand(name="青空ベーカリー"), colour="#AA3300")
    page = page_at(client, "/c/spring/", **ENGLISH)
    assert campaign.title_en in page
    assert "青空ベーカリー" in page
    assert "/theme/aa3300.css" in page
    css = client.get("/theme/aa3300.css")
    assert "--brand:#aa3300" in css.content.decode()
    assert css["Content-Type"] == "text/css"
    assert "immutable" in css["Cache-Control"]
    assert client.get("/theme/red.css").status_code == 404


def test_a_campaign_without_english_is_marked_as_japanese(client: Client) -> None:
    visits.campaign(title_en="")
    assert '<h1 lang="ja">春のポイント祭り</h1>' in page_at(client, "/c/spring/", **ENGLISH)


def test_the_end_is_the_last_minute_within_in_japan_time(client: Client) -> None:
    start, end = datetime(2026, 6, 1, tzinfo=JAPAN), datetime(2026, 7, 1, tzinfo=JAPAN)
    visits.campaign(starts_at=start, ends_at=end)
    japanese = page_at(client, "/c/spring/")
    assert "2026年6月1日(月) 00:00 から" in japanese
    assert "2026年6月30日(火) 23:59 まで" in japanese
    assert "Tue 30 June 2026, 23:59" in page_at(client, "/c/spring/", **ENGLISH)


@pytest.mark.parametrize(
    ("days", "has_field", "said"),
    [
        ((-1, 1), True, None),
        ((1, 2), False, "This campaign has not begun yet"),
        ((-2, -1), True, "This campaign has ended"),
    ],
)
def test_a_campaign_says_where_it_stands(
    client: Client, days: tuple[float, float], has_field: bool, said: str | None
) -> None:
    visits.campaign(days=days)
    page = page_at(client, "/c/spring/", **ENGLISH)
    assert ('name="code"' in page) == has_field
    assert [text for text in ("has not begun yet", "has ended") if text in page] == (
        [said.removeprefix("This campaign ")] if said else []
    )


@pytest.mark.parametrize("days", [(-1, 1), (1, 2), (-2, -1)])
def test_a_campaign_whose_codes_were_all_withdrawn_has_been_stopped(
    client: Client, days: tuple[float, float]
) -> None:
    campaign = visits.campaign(days=days)
    first, second = (visits.batch_of(campaign, size=4) for _ in range(2))
    said = "Its codes can’t be used any more"
    assert said not in page_at(client, "/c/spring/", **ENGLISH)
    visits.withdraw(first, 0, 3)
    visits.withdraw(second, 1, 3)
    assert said not in page_at(client, "/c/spring/", **ENGLISH)
    visits.withdraw(second, 0, 3)
    page = page_at(client, "/c/spring/", **ENGLISH)
    has_ended = days[1] < 0
    assert (said in page) is not has_ended  # what has ended has ended
    assert 'name="code"' in page  # for codes of other campaigns
    assert not list(audit.differences())


@override_settings(SITE_URL="https://points.example.com")
def test_a_shared_link_shows_the_campaign(client: Client) -> None:
    picture = BytesIO()
    Image.new("RGB", (4, 4), "red").save(picture, "PNG")
    campaign = visits.campaign(
        title_ja='"><b>春', text_ja="あ" * 200, logo=ContentFile(picture.getvalue(), "logo.png")
    )
    told = shared(page_at(client, "/c/spring/?utm=1"))
    assert told["og:url"] == "https://points.example.com/c/spring/"
    assert told["og:title"] == f"&quot;&gt;&lt;b&gt;春 – {campaign.brand.name}"
    assert told["og:description"] == "あ" * 119 + "…"
    assert told["og:image"].startswith("https://points.example.com/c/spring/card-ja-")
    campaign.logo.delete()
    visits.campaign(slug="plain", brand=campaign.brand)
    told = shared(page_at(client, "/c/plain/", **ENGLISH))
    assert told["og:title"].startswith("Spring points – ")
    assert told["og:description"] == "Enter the 16 digits from your card, leaflet or e-mail."
    told = shared(page_at(client, "/", **ENGLISH))
    assert told["og:image"] == "https://points.example.com/static/redemption_site/card.png"
    with Image.open(str(finders.find("redemption_site/card.png"))) as card:
        assert card.size == (1200, 630)


def shared(page: str) -> dict[str, str]:
    """What a page tells about itself to those who show a link to it."""
    return dict(re.findall(r'<meta property="(og:\w+)" content="([^"]*)">', page))


def test_texts_of_a_campaign_are_text(client: Client) -> None:
    visits.campaign(title_ja="<b>x</b>", text_ja="<script>alert(1)</script>\n\n次")
    page = page_at(client, "/c/spring/")
    assert "<b>x</b>" not in page
    assert "<script>alert" not in page
    assert "<p>次</p>" in page


def test_a_logo_is_shown_with_the_brands_name(client: Client) -> None:
    picture = BytesIO()
    Image.new("RGB", (4, 4), "red").save(picture, "PNG")
    campaign = visits.campaign(logo=ContentFile(picture.getvalue(), "logo.png"))
    page = page_at(client, "/c/spring/")
    assert f'alt="{campaign.brand.name}"' in page
    answer = client.get(campaign.logo.url)
    assert answer["Content-Type"] == "image/png"
    assert b"".join(answer.streaming_content) == picture.getvalue()  # type: ignore[attr-defined]
    assert client.get(f"/media/logos/{'0' * 32}.png").status_code == 404
    assert client.get("/media/../var/secrets.env").status_code == 404


@pytest.mark.parametrize("address", ["/c/nowhere/", "/nothing/", "/claimed/x/"])
def test_a_page_that_is_not_there_says_so_in_style(client: Client, address: str) -> None:
    answer = client.get(address, headers=ENGLISH)
    assert answer.status_code == 404
    assert "This page does not exist" in answer.content.decode()
    assert "no-store" in answer["Cache-Control"]


def test_what_belongs_to_somebody_else_is_not_kept_either(hanako: Client) -> None:
    answer = hanako.get("/claimed/100000001/")
    assert answer.status_code == 404
    assert "no-store" in answer["Cache-Control"]


def test_a_refused_form_is_not_kept() -> None:
    answer = Client(enforce_csrf_checks=True).post("/claim/", {"code": "1"})
    assert answer.status_code == 403
    assert "no-store" in answer["Cache-Control"]


@pytest.mark.parametrize(
    ("method", "address", "allowed"),
    [
        ("GET", "/sign-out/", "POST, OPTIONS"),
        ("POST", "/", "GET, HEAD"),
        ("POST", "/c/spring/", "GET, HEAD"),
        ("PUT", "/claim/", "GET, HEAD, POST"),
        ("DELETE", "/wallet/", "GET, HEAD"),
        ("PUT", "/theme/aa3300.css", "GET, HEAD"),
        ("TRACE", "/sign-in/refused/", "GET, HEAD, OPTIONS"),
    ],
)
def test_a_method_that_a_page_does_not_take_has_a_page(
    client: Client, method: str, address: str, allowed: str
) -> None:
    answer = client.generic(method, address, headers=ENGLISH)
    assert (answer.status_code, answer["Allow"]) == (405, allowed)
    assert "no-store" in answer["Cache-Control"]
    assert "This address can't do that" in answer.content.decode()


def test_a_bug_of_ours_has_a_page_too(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    client.raise_request_exception = False
    monkeypatch.delattr("redemption_site.queries.campaign_at")  # any bug
    answer = client.get("/c/spring/", headers=ENGLISH)
    page = answer.content.decode()
    assert answer.status_code == 500
    assert "no-store" in answer["Cache-Control"]
    assert "Something went wrong on our side" in page
    assert "tell whoever runs the campaign" in page
    assert "told" not in page


ADDRESSES = ["/", "/c/spring/", "/claim/", "/claimed/{gift}/", "/wallet/", "/wallet/{program}/history/"]
ANYBODYS = ["/", "/c/spring/", "/sign-in/", "/sign-in/code/", "/sign-in/refused/", "/nothing/"]


@pytest.fixture
def every_page(hanako: Client) -> list[Seen]:
    """(address, page, answer) of every page there is."""
    batch = visits.batch_now(size=2)
    hanako.post("/claim/", {"code": make.code_of(batch)})
    visits.campaign()
    stranger = Client(headers={"accept-language": "en"})
    stranger.post("/claim/", {"code": make.code_of(batch, 1)})
    hanako.cookies["pending"] = stranger.cookies["pending"].value
    names = {"gift": batch.first_claim_id, "program": batch.brand.program.slug}
    visits.ask_to_sign_in(stranger, "new@example.com")
    answers = [(address, hanako.get(address.format(**names))) for address in ADDRESSES]
    answers.append(("/sign-in/code/", stranger.get("/sign-in/code/")))
    answers += [(address, Client(headers=ENGLISH).get(address)) for address in ANYBODYS]
    answers.append(("/claim/", hanako.post("/claim/", {"code": "1"})))
    return [(address, answer.content.decode(), answer) for address, answer in answers]


@pytest.mark.both
def test_every_page_keeps_to_the_content_policy(every_page: list[Seen]) -> None:
    assert len(every_page) == 14
    for address, page, answer in every_page:
        policy = answer.headers["Content-Security-Policy"]
        assert "default-src 'self'" in policy, address
        assert "unsafe" not in policy, address
        assert "frame-ancestors 'none'" in policy
        assert not re.search(r"\sstyle=|<style|\son\w+=|<script(?! src=)", page), address
        assert re.findall(r"(?:src|href|action)=[\"']?(?:https?:)?//", page) == [], address


def test_every_page_sends_its_headers(every_page: list[Seen]) -> None:
    for address, _, answer in every_page:
        headers = answer.headers
        assert headers["Referrer-Policy"] == "same-origin"
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["X-Frame-Options"] == "DENY"
        assert headers["Cross-Origin-Opener-Policy"] == "same-origin"
        assert "no-store" in headers["Cache-Control"], address


def test_a_page_is_light() -> None:
    files = [
        Path(str(finders.find(f"redemption_site/{name}"))) for name in ("site.css", "code.js", "icon.svg")
    ]
    assert files[0].stat().st_size < 20_000
    page = len(Client().get("/", headers=ENGLISH).content)
    assert page + sum(file.stat().st_size for file in files) < 100_000


@given(st.integers(0, 0xFFFFFF))
def test_any_colour_can_be_read(number: int) -> None:
    theme = theme_of(f"{number:06x}")
    on_white = contrast_with_white(theme.brand)
    assert (on_white if theme.on_brand == "#ffffff" else 21 / on_white) >= 4.5
    tint = contrast_with_white(theme.tint)
    assert contrast_with_white(theme.brand_text) / tint >= 4.5
