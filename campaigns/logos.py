"""An uploaded picture becomes a clean PNG: whatever else was in the file does not get onto a page."""

from io import BytesIO

from django.core.files.base import ContentFile
from django.core.files.uploadedfile import UploadedFile
from PIL import Image, ImageOps, UnidentifiedImageError

MAX_UPLOAD_BYTES = 1_000_000
MAX_SIDE_PIXELS = 512
_MAX_PIXELS = 25_000_000  # before anything is decoded: a small file can claim to be a very large picture
_FORMATS = ("PNG", "JPEG", "WEBP", "GIF")


class NotALogo(ValueError):
    """The file is too big, or no picture of a format that is taken; `code` says which: size, format."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


def clean_logo(upload: "UploadedFile[bytes]") -> "ContentFile[bytes]":
    """The picture as a PNG of at most 512 pixels a side, without metadata. NotALogo; SVG is no picture
    here.
    """
    if (upload.size or 0) > MAX_UPLOAD_BYTES:
        raise NotALogo("size")
    try:
        with Image.open(upload, formats=_FORMATS) as picture:
            if picture.width * picture.height > _MAX_PIXELS:
                raise NotALogo("size")
            upright = ImageOps.exif_transpose(picture).convert("RGBA")
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        if isinstance(error, NotALogo):
            raise
        raise NotALogo("format") from error
    upright.thumbnail((MAX_SIDE_PIXELS, MAX_SIDE_PIXELS))
    png = BytesIO()
    Image.frombytes("RGBA", upright.size, upright.tobytes()).save(png, "PNG", optimize=True)
    return ContentFile(png.getvalue(), name="logo.png")
