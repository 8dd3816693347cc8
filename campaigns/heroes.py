"""The picture over a campaign's page: two crops as WebP, so light that the whole page stays below 100 kB."""

from io import BytesIO
from typing import NamedTuple

from django.core.files.base import ContentFile
from django.core.files.uploadedfile import UploadedFile
from PIL import Image, ImageOps

from campaigns.pictures import NotAPicture, read_picture

MAX_UPLOAD_BYTES = 10_000_000
WIDE = (1280, 400)  # desktops
NARROW = (720, 360)  # telephones: 360 points at two pixels each
MOST_WIDE_BYTES = 40_000
MOST_NARROW_BYTES = 28_000
_QUALITIES = range(82, 33, -6)


class Hero(NamedTuple):
    """The two crops of one picture."""

    wide: "ContentFile[bytes]"
    narrow: "ContentFile[bytes]"


def clean_hero(upload: "UploadedFile[bytes]") -> Hero:
    """Both crops of the picture's middle, without metadata, on white where it is transparent.

    NotAPicture: "size" above 10 MB or 25 megapixels, "format", "small" below 1280 x 400 pixels, and "detail"
    if it stays too heavy at the lowest quality that still looks well.
    """
    picture = read_picture(upload, size_bytes=upload.size or 0, most_bytes=MAX_UPLOAD_BYTES)
    if picture.width < WIDE[0] or picture.height < WIDE[1]:
        raise NotAPicture("small")
    solid = Image.new("RGB", picture.size, "white")
    solid.paste(picture, mask=picture.getchannel("A"))
    return Hero(
        _as_webp(ImageOps.fit(solid, WIDE), MOST_WIDE_BYTES),
        _as_webp(ImageOps.fit(solid, NARROW), MOST_NARROW_BYTES),
    )


def _as_webp(picture: Image.Image, most_bytes: int) -> "ContentFile[bytes]":
    for quality in _QUALITIES:
        file = BytesIO()
        picture.save(file, "WEBP", quality=quality, method=5)
        if file.tell() <= most_bytes:
            return ContentFile(file.getvalue(), name="hero.webp")
    raise NotAPicture("detail")
