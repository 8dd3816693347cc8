"""The demo brand's logo, drawn here: a sun that rises over a loaf."""

from io import BytesIO

from django.core.files.base import ContentFile
from PIL import Image, ImageDraw

_SIDE = 512
_COLOUR = (163, 68, 31)
_CRUST = (201, 122, 58)


def draw_logo() -> "ContentFile[bytes]":
    """A square PNG with a transparent ground."""
    picture = Image.new("RGBA", (_SIDE, _SIDE), (0, 0, 0, 0))
    pen = ImageDraw.Draw(picture)
    pen.pieslice((96, 96, 416, 416), 180, 360, fill=(240, 178, 60))
    for number in range(7):
        box = (24, 24, 488, 488)
        pen.arc(box, 186 + number * 26, 194 + number * 26, fill=(240, 178, 60), width=36)
    pen.rounded_rectangle((72, 268, 440, 448), radius=84, fill=_CRUST)
    pen.rounded_rectangle((72, 268, 440, 448), radius=84, outline=_COLOUR, width=16)
    for left in (152, 240, 328):
        pen.line((left, 312, left + 40, 392), fill=_COLOUR, width=18)
    png = BytesIO()
    picture.save(png, "PNG", optimize=True)
    return ContentFile(png.getvalue(), name="logo.png")
