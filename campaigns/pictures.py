"""Uploaded pictures, decoded: nothing of the file but its pixels gets any further. Pure."""

from io import BytesIO
from typing import IO

from PIL import Image, ImageCms, ImageOps, UnidentifiedImageError

FORMATS = ("PNG", "JPEG", "WEBP", "GIF")  # SVG is a program, and no picture here
_MAX_PIXELS = 25_000_000  # before anything is decoded: a small file can claim to be a very large picture


class NotAPicture(ValueError):
    """The upload can't be used; `code` says why: size, format, small, detail."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


def read_picture(file: IO[bytes], *, size_bytes: int, most_bytes: int) -> Image.Image:
    """The first frame, upright, in sRGB, as RGBA: at most `most_bytes` and 25 megapixels, else NotAPicture
    "size"; what is no PNG, JPEG, WebP or GIF is "format".

    What comes back shares nothing with the file: no EXIF, no colour profile, no comment.
    """
    if size_bytes > most_bytes:
        raise NotAPicture("size")
    try:
        with Image.open(file, formats=FORMATS) as picture:
            if picture.width * picture.height > _MAX_PIXELS:
                raise NotAPicture("size")
            upright = _in_srgb(ImageOps.exif_transpose(picture)).convert("RGBA")
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        if isinstance(error, NotAPicture):
            raise
        raise NotAPicture("format") from error
    return Image.frombytes("RGBA", upright.size, upright.tobytes())


def _in_srgb(picture: Image.Image) -> Image.Image:
    """Cameras of telephones write wider colours: without their profile they would look dull."""
    profile = picture.info.get("icc_profile")
    if not profile or picture.mode != "RGB":
        return picture
    try:
        of_the_picture = ImageCms.ImageCmsProfile(BytesIO(profile))
        converted = ImageCms.profileToProfile(picture, of_the_picture, ImageCms.createProfile("sRGB"))
    except (ImageCms.PyCMSError, OSError):
        return picture  # a broken profile: the picture as it stands
    return converted or picture
