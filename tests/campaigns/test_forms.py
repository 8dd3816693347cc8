"""What people type: inclusive ends, names without tricks, plain colours, real pictures."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from io import BytesIO
from typing import Any

import pytest
from django import forms
from django.core.exceptions import ValidationError
from django.core.files.uploadedfile import SimpleUploadedFile
from django.utils import translation
from django.utils.datastructures import MultiValueDict
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from campaigns.colours import contrast_with_white
from campaigns.forms import CampaignForm, LogoField
from campaigns.models import Campaign
from parties.forms import (
    PeriodEndField,
    PeriodStartField,
    PlainLineField,
    last_moment,
    plain_line,
    plain_text,
)
from parties.periods import end_text, moment_text, period_text
from tests.campaigns import promos
from tests.make import NOON

NEW_YEAR_IN_JAPAN = datetime(2026, 12, 31, 15, 0, tzinfo=UTC)


@pytest.fixture
def _in_english() -> Iterator[None]:
    with translation.override("en"):
        yield


class Period(forms.Form):
    start = PeriodStartField()
    end = PeriodEndField()


def test_the_last_minute_of_the_year_ends_at_new_year() -> None:
    form = Period({"start": "2026-12-01T00:00", "end": "2026-12-31T23:59"})
    assert form.is_valid()
    assert form.cleaned_data["end"] == NEW_YEAR_IN_JAPAN
    assert form.cleaned_data["start"] == datetime(2026, 11, 30, 15, 0, tzinfo=UTC)


def test_the_form_shows_the_last_minute_again() -> None:
    page = str(Period(initial={"start": NEW_YEAR_IN_JAPAN, "end": NEW_YEAR_IN_JAPAN}))
    assert 'value="2027-01-01T00:00"' in page
    assert 'value="2026-12-31T23:59"' in page


def test_what_was_typed_is_shown_as_it_was_typed() -> None:
    form = Period({"start": "", "end": "2026-12-31T23:59"})
    assert not form.is_valid()
    assert 'value="2026-12-31T23:59"' in str(form)


def test_an_untouched_end_has_not_changed() -> None:
    data = {"start": "2027-01-01T00:00", "end": "2026-12-31T23:59"}
    form = Period(data, initial={"start": NEW_YEAR_IN_JAPAN, "end": NEW_YEAR_IN_JAPAN})
    assert form.changed_data == []
    later = Period(data | {"end": "2027-01-01T00:00"}, initial={"end": NEW_YEAR_IN_JAPAN})
    assert "end" in later.changed_data


@given(minutes=st.integers(0, 50 * 365 * 24 * 60))
def test_an_end_that_is_shown_and_typed_again_is_the_same_instant(minutes: int) -> None:
    end = datetime(2027, 1, 1, tzinfo=UTC) + timedelta(minutes=minutes)
    shown = PeriodEndField().prepare_value(end)
    assert PeriodEndField().clean(shown.strftime("%Y-%m-%dT%H:%M")) == end


@pytest.mark.parametrize(
    "typed", ["", "9999-12-31T23:59", "1999-12-31T23:59", "31.12.2026", "2026-02-30T10:00"]
)
def test_what_is_no_moment_of_this_century_is_refused(typed: str) -> None:
    with pytest.raises(ValidationError):
        PeriodEndField().clean(typed)


def test_an_end_between_two_minutes_is_shown_as_the_minute_it_lies_in() -> None:
    assert last_moment(NEW_YEAR_IN_JAPAN + timedelta(seconds=30)) == NEW_YEAR_IN_JAPAN
    assert last_moment(NEW_YEAR_IN_JAPAN) == NEW_YEAR_IN_JAPAN - timedelta(minutes=1)


def test_periods_are_told_inclusive_in_both_languages() -> None:
    start = NEW_YEAR_IN_JAPAN - timedelta(days=31)
    with translation.override("ja"):
        assert end_text(NEW_YEAR_IN_JAPAN) == "2026年12月31日 23:59 まで"
        assert period_text(start, NEW_YEAR_IN_JAPAN) == "2026年12月1日 00:00 から 2026年12月31日 23:59 まで"
    with translation.override("en"):
        assert end_text(NEW_YEAR_IN_JAPAN) == "until 31 December 2026, 23:59"
        assert moment_text(NEW_YEAR_IN_JAPAN) == "1 January 2027, 00:00"


@pytest.mark.parametrize(
    ("typed", "plain"),
    [
        ("  珈琲店 \u3000あおぞら ", "珈琲店 あおぞら"),
        ("Ao\u202ezora", "Aozora"),
        ("Ao\u200b\ufeff\u2066zora", "Aozora"),
        ("Ao\nzora\t", "Ao zora"),
        ("か\u3099", "が"),
        ("a\x00b\ue000c", "abc"),
    ],
)
def test_a_name_keeps_only_what_can_be_seen(typed: str, plain: str) -> None:
    assert plain_line(typed) == plain


def test_a_name_of_nothing_visible_is_no_name() -> None:
    with pytest.raises(ValidationError):
        PlainLineField().clean("\u200b\u202e")


def test_paragraphs_keep_their_lines() -> None:
    assert plain_text("one\r\n\r\n\r\n\u202etwo \n") == "one\n\ntwo"


@pytest.mark.parametrize(
    ("colour", "ratio"), [("#ffffff", 1.0), ("#000000", 21.0), ("#767676", 4.54), ("#777777", 4.48)]
)
def test_contrast_is_that_of_wcag(colour: str, ratio: float) -> None:
    assert contrast_with_white(colour) == pytest.approx(ratio, abs=0.01)


def picture(kind: str = "PNG", size: tuple[int, int] = (800, 400)) -> SimpleUploadedFile:
    file = BytesIO()
    Image.new("RGB", size, "#1a5f7a").save(file, kind)
    return SimpleUploadedFile("logo", file.getvalue())


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "GIF"])
def test_a_logo_becomes_a_small_png(kind: str) -> None:
    with Image.open(LogoField().clean(picture(kind))) as logo:
        assert (logo.format, logo.size) == ("PNG", (512, 256))


def test_a_logo_keeps_nothing_but_its_pixels() -> None:
    file = BytesIO()
    exif = Image.Exif()
    exif[0x010E] = "taken at home"
    Image.new("RGB", (10, 10)).save(file, "JPEG", exif=exif, comment=b"<script>")
    assert b"taken at home" in file.getvalue()
    cleaned = LogoField().clean(SimpleUploadedFile("logo.jpg", file.getvalue())).read()
    assert b"taken at home" not in cleaned
    assert b"<script>" not in cleaned


SVG = b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (SVG, "format"),
        (b"", "format"),
        (b"\x89PNG\r\n\x1a\n" + b"\0" * 40, "format"),
        (picture("BMP").read(), "format"),
        (b"\0" * 1_000_001, "size"),
        (picture("PNG", (6_000, 5_000)).read(), "size"),
    ],
    ids=["svg", "empty", "broken", "bmp", "too many bytes", "too many pixels"],
)
def test_what_is_no_logo_is_refused(content: bytes, code: str) -> None:
    with pytest.raises(ValidationError) as refusal:
        LogoField().clean(SimpleUploadedFile("logo.png", content))
    assert refusal.value.code == code


def typed_campaign(**changes: Any) -> dict[str, Any]:
    return {
        "name": "Spring",
        "slug": "spring-2027",
        "starts_at": "2026-11-01T00:00",
        "ends_at": "2027-01-31T23:59",
        "title_ja": "春の特典",
        "colour": "#1A5F7A",
    } | changes


@pytest.mark.django_db
def test_a_campaign_is_kept_as_it_was_meant() -> None:
    team = promos.team()
    form = CampaignForm(typed_campaign(brand=team.brand.pk), MultiValueDict({"logo": [picture()]}))
    assert form.errors == {}
    campaign = form.save()
    assert (campaign.colour, campaign.limit_per_member) == ("#1a5f7a", None)
    assert campaign.ends_at == datetime(2027, 1, 31, 15, 0, tzinfo=UTC)
    assert campaign.logo.name.startswith("logos/")
    campaign.logo.delete()


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"colour": "red"}, "colour"),
        ({"colour": "#1a5f7a;}"}, "colour"),
        ({"slug": "Spring_2027"}, "slug"),
        ({"slug": "-spring"}, "slug"),
        ({"limit_per_member": "32768"}, "limit_per_member"),
        ({"limit_per_member": "0"}, "limit_per_member"),
        ({"ends_at": "2026-10-31T23:59"}, "ends_at"),
        ({"title_ja": "\u200b"}, "title_ja"),
    ],
)
def test_a_campaign_that_breaks_a_rule_is_told_at_its_field(changes: dict[str, str], field: str) -> None:
    form = CampaignForm(typed_campaign(brand=promos.team().brand.pk, **changes))
    assert list(form.errors) == [field]
    assert not Campaign.objects.exists()


@pytest.mark.usefixtures("_in_english")
@pytest.mark.django_db
@pytest.mark.parametrize("slug", ["Spring", "spring_2027", "spring--2027", "春"])
def test_the_address_of_a_page_is_refused_in_words_that_offer_nothing_else_that_is_refused(slug: str) -> None:
    form = CampaignForm(typed_campaign(brand=promos.team().brand.pk, slug=slug))
    assert form.errors["slug"] == ["Use small letters, digits and single hyphens between them."]


@pytest.mark.usefixtures("_in_english")
@pytest.mark.django_db
def test_a_limit_below_one_is_told_with_the_bound_that_counts() -> None:
    form = CampaignForm(typed_campaign(brand=promos.team().brand.pk, limit_per_member="-5"))
    assert form.errors["limit_per_member"] == ["Ensure this value is greater than or equal to 1."]


@pytest.mark.django_db
@pytest.mark.parametrize("colour", ["#FFEB3B", "#ffffff", "#777777"])
def test_a_light_colour_is_a_brands_own_affair(colour: str) -> None:
    form = CampaignForm(typed_campaign(brand=promos.team().brand.pk, colour=colour))
    assert form.errors == {}
    assert form.cleaned_data["colour"] == colour.lower()


@pytest.mark.django_db
def test_a_campaign_of_one_minute_is_a_campaign() -> None:
    data = typed_campaign(brand=promos.team().brand.pk, ends_at="2026-11-01T00:00")
    assert CampaignForm(data).errors == {}


@pytest.mark.django_db
def test_the_period_is_not_cut_below_what_approved_codes_promise() -> None:
    team = promos.team()
    promotion = promos.campaign(team)
    order = promos.submitted(team, promotion=promotion)

    def errors_with_end(end: datetime) -> list[str]:
        japan = last_moment(end) + timedelta(hours=9)
        data = typed_campaign(brand=team.brand.pk, slug=promotion.slug, starts_at="2026-10-23T12:00")
        return list(
            CampaignForm(data | {"ends_at": japan.strftime("%Y-%m-%dT%H:%M")}, instance=promotion).errors
        )

    shorter = order.claim_until - timedelta(minutes=1)
    assert errors_with_end(shorter) == []
    promos.approve(order, team.approver)
    assert errors_with_end(shorter) == ["ends_at"]
    assert errors_with_end(order.claim_until) == []
    assert order.claim_until > NOON
