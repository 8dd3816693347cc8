"""The picture over a page: what is taken, what is made of it, and what it may weigh."""

from io import BytesIO
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.core.files.storage import default_storage
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import IntegrityError
from django.utils.datastructures import MultiValueDict
from PIL import Image, ImageCms, ImageFilter

from campaigns import heroes, logos
from campaigns.forms import CampaignForm, HeroField, LogoField
from campaigns.models import Campaign
from tests.campaigns import promos
from tests.campaigns.test_forms import SVG, picture, typed_campaign

RED, BLUE = (200, 30, 30), (30, 30, 200)


def upload(image: Image.Image, kind: str = "PNG", **options: Any) -> SimpleUploadedFile:
    file = BytesIO()
    image.save(file, kind, **options)
    return SimpleUploadedFile("picture", file.getvalue())


def hero(kind: str = "PNG", size: tuple[int, int] = (1600, 800), colour: Any = RED) -> SimpleUploadedFile:
    return upload(Image.new("RGB", size, colour), kind)


def grain(blur: int = 0) -> Image.Image:
    noise = Image.effect_noise((1600, 800), 90).convert("RGB")
    return noise.filter(ImageFilter.GaussianBlur(blur)) if blur else noise


def pixel(image: Image.Image, place: tuple[int, int]) -> tuple[int, ...]:
    found = image.getpixel(place)
    assert isinstance(found, tuple)
    return found


def opened(file: Any) -> Image.Image:
    file.seek(0)
    with Image.open(file) as image:
        assert image.format == "WEBP"
        assert not {"exif", "icc_profile", "xmp"} & set(image.info)
        return image.convert("RGB")


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "GIF"])
def test_a_picture_becomes_two_crops_in_webp(kind: str) -> None:
    wide, narrow = HeroField().clean(hero(kind))
    assert (opened(wide).size, opened(narrow).size) == ((1280, 400), (720, 360))


def test_the_middle_of_the_picture_is_what_is_shown() -> None:
    source = Image.new("RGB", (1280, 1600), BLUE)
    source.paste(RED, (0, 600, 1280, 1000))
    wide, narrow = heroes.clean_hero(upload(source))
    for crop in (opened(wide), opened(narrow)):
        red, _green, blue = pixel(crop, (crop.width // 2, crop.height // 2))
        assert red > 150 > blue
    assert pixel(opened(narrow), (360, 4))[2] > 150  # two to one reaches further up than three to one


def test_a_camera_held_upright_makes_an_upright_picture_without_its_metadata() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # turn by 90 degrees
    exif[0x010E] = "taken at home"
    lying = Image.new("RGB", (1400, 1300), BLUE)
    lying.paste(RED, (0, 0, 700, 1300))  # its left half, which becomes the upper one
    file = upload(lying, "JPEG", exif=exif, comment=b"<script>")
    wide, _narrow = heroes.clean_hero(file)
    assert b"taken at home" not in wide.read()
    assert pixel(opened(wide), (640, 40))[0] > 150
    assert pixel(opened(wide), (640, 360))[2] > 150


def test_colours_of_a_wide_gamut_are_brought_over() -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB"))
    broken = upload(Image.new("RGB", (1280, 400), RED), "PNG", icc_profile=b"no profile")
    assert opened(heroes.clean_hero(broken).wide).size == (1280, 400)
    of_another_kind = upload(Image.new("RGB", (1280, 400), RED), "PNG", icc_profile=profile.tobytes())
    assert opened(heroes.clean_hero(of_another_kind).wide).size == (1280, 400)


def test_of_a_moving_picture_the_first_frame_is_taken() -> None:
    frames = [Image.new("RGB", (1280, 400), colour) for colour in (RED, BLUE)]
    moving = upload(frames[0], "GIF", save_all=True, append_images=frames[1:])
    file = heroes.clean_hero(moving).wide
    with Image.open(file) as image:
        assert getattr(image, "n_frames", 1) == 1
    assert pixel(opened(file), (9, 9))[0] > 150


def test_what_is_transparent_becomes_white() -> None:
    clear = upload(Image.new("RGBA", (1280, 400), (0, 0, 0, 0)))
    assert min(pixel(opened(heroes.clean_hero(clear).wide), (9, 9))) > 250


@pytest.mark.parametrize("blur", [2, 3, 6])
def test_a_picture_is_made_light_enough(blur: int) -> None:
    wide, narrow = heroes.clean_hero(upload(grain(blur), "JPEG", quality=95))
    assert 2_000 < wide.size <= heroes.MOST_WIDE_BYTES
    assert narrow.size <= heroes.MOST_NARROW_BYTES


@pytest.mark.parametrize(
    ("file", "code"),
    [
        (lambda: upload(grain(), "JPEG", quality=90), "detail"),
        (lambda: hero(size=(1279, 800)), "small"),
        (lambda: hero(size=(1600, 399)), "small"),
        (lambda: hero(size=(6_000, 5_000)), "size"),
        (lambda: SimpleUploadedFile("x", b"\0" * 10_000_001), "size"),
        (lambda: SimpleUploadedFile("x.webp", SVG), "format"),
        (lambda: SimpleUploadedFile("x.png", hero().read()[:2_000]), "format"),
        (lambda: SimpleUploadedFile("x.png", b""), "format"),
        (lambda: hero("BMP"), "format"),
    ],
    ids=["grainy", "narrow", "low", "pixels", "bytes", "svg", "cut off", "empty", "bmp"],
)
def test_what_can_not_be_used_is_refused_with_the_reason(file: Any, code: str) -> None:
    with pytest.raises(ValidationError) as refusal:
        HeroField().clean(file())
    assert refusal.value.code == code


def test_a_logo_is_light_too() -> None:
    photograph = upload(Image.effect_noise((600, 600), 90).convert("RGB"), "JPEG", quality=90)
    logo = LogoField().clean(photograph)
    assert logo.size <= logos.MOST_BYTES
    with Image.open(logo) as image:
        assert (image.format, image.width) == ("PNG", image.height)
        assert image.width >= 96


@pytest.fixture
def campaign(db: None) -> Campaign:
    return promos.campaign(promos.team(), slug="spring-2027")


def typed(campaign: Campaign, **changes: Any) -> dict[str, Any]:
    return typed_campaign(brand=campaign.brand_id, starts_at="2026-10-23T12:00") | changes


def saved(campaign: Campaign, file: SimpleUploadedFile | None = None, **changes: Any) -> CampaignForm:
    files: Any = MultiValueDict({"hero_wide": [file]} if file else {})
    form = CampaignForm(typed(campaign, **changes), files, instance=Campaign.objects.get(pk=campaign.pk))
    if form.is_valid():
        form.save()
    campaign.refresh_from_db()
    return form


def test_a_picture_is_kept_under_random_names_and_described(campaign: Campaign) -> None:
    form = saved(campaign, hero(), hero_alt_ja="赤い壁")
    assert form.errors == {}
    names = {str(campaign.hero_wide.name), str(campaign.hero_narrow.name)}
    assert len(names) == 2
    assert all(name.startswith("heroes/") and len(name) == len("heroes/.webp") + 32 for name in names)


def test_a_picture_needs_a_description_or_to_be_decoration(campaign: Campaign) -> None:
    assert list(saved(campaign, hero()).errors) == ["hero_alt_ja"]
    assert list(saved(campaign, hero(), hero_alt_en="A red wall").errors) == ["hero_alt_ja"]
    assert not campaign.hero_wide
    assert saved(campaign, hero(), is_hero_decorative="on").errors == {}
    assert list(saved(campaign).errors) == ["hero_alt_ja"]  # the picture is there, and nothing describes it


def test_a_new_picture_replaces_both_crops_and_leaves_the_old_files_for_the_history(
    campaign: Campaign,
) -> None:
    saved(campaign, hero(), hero_alt_ja="赤い壁")
    before = {str(campaign.hero_wide.name), str(campaign.hero_narrow.name)}
    saved(campaign, hero(colour=BLUE), hero_alt_ja="青い壁")
    assert not before & {campaign.hero_wide.name, campaign.hero_narrow.name}
    assert all(default_storage.exists(name) for name in before)


def test_both_crops_go_when_the_picture_is_cleared_and_stay_when_nothing_is_chosen(
    campaign: Campaign,
) -> None:
    saved(campaign, hero(), hero_alt_ja="赤い壁")
    saved(campaign, hero_alt_ja="赤い壁", name="Renamed")
    assert campaign.hero_wide
    assert campaign.hero_narrow
    cleared: dict[str, Any] = {"hero_wide-clear": "on"}
    form = saved(campaign, **cleared)
    assert form.errors == {}
    assert not campaign.hero_wide
    assert not campaign.hero_narrow


@pytest.mark.parametrize(
    ("fields", "rule"),
    [
        ({"hero_wide": "a", "hero_alt_ja": "x"}, "hero_has_both_crops"),
        ({"hero_narrow": "a"}, "hero_has_both_crops"),
        ({"hero_wide": "a", "hero_narrow": "b"}, "hero_is_described"),
    ],
)
def test_the_database_holds_that_too(campaign: Campaign, fields: dict[str, str], rule: str) -> None:
    with pytest.raises(IntegrityError, match=rule):
        Campaign.objects.filter(pk=campaign.pk).update(**fields)


def test_a_logo_that_was_flat_stays_as_sharp_as_before() -> None:
    with Image.open(LogoField().clean(picture())) as logo:
        assert logo.size == (512, 256)
