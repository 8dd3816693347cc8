"""An uploaded logo becomes a clean, light PNG: whatever else was in the file does not get onto a page."""

from io import BytesIO

from django.core.files.base import ContentFile
from django.core.files.uploadedfile import UploadedFile
from PIL import Image

from campaigns.pictures import read_picture

MAX_UPLOAD_BYTES = 1_000_000
MOST_BYTES = 20_000
_SIDES = (512, 384, 256, 192, 128, 96)  # pixels; a page shows it 40 high


def clean_logo(upload: "UploadedFile[bytes]") -> "ContentFile[bytes]":
    """The picture as a PNG of at most 512 pixels a side and 20,000 bytes, without metadata. NotAPicture if
    it is none.

    What would weigh more gets a palette of 256 colours, then fewer pixels.
    """
    picture = read_picture(upload, size_bytes=upload.size or 0, most_bytes=MAX_UPLOAD_BYTES)
    for side in _SIDES:
        smaller = picture.copy()
        smaller.thumbnail((side, side))
        for candidate in (smaller, smaller.quantize(256, method=Image.Quantize.FASTOCTREE)):
            png = _as_png(candidate)
            if len(png) <= MOST_BYTES:
                return ContentFile(png, name="logo.png")
    raise AssertionError("96 x 96 pixels of one byte each always fit")


def _as_png(picture: Image.Image) -> bytes:
    file = BytesIO()
    picture.save(file, "PNG", optimize=True)
    return file.getvalue()
