"""The demo campaign's picture, drawn here: morning over the hills, fresh bread in front."""

from io import BytesIO
from itertools import pairwise

from django.core.files.uploadedfile import SimpleUploadedFile
from PIL import Image, ImageChops, ImageDraw, ImageFilter

_SIZE = (2560, 1280)  # drawn at twice its size, for smooth edges
_SKY = ((255, 214, 153), (255, 244, 222))
_SUN = (255, 250, 232)
_HILLS = [
    ((240, 183, 122), [(0, 800), (420, 640), (980, 760), (1500, 600), (2100, 740), (2560, 650)]),
    ((219, 143, 84), [(0, 860), (600, 760), (1150, 850), (1750, 730), (2560, 850)]),
]
_BOARD, _BOARD_EDGE = (122, 70, 40), (98, 54, 30)
_CRUST, _LIGHT, _DARK = (198, 118, 56), (230, 168, 98), (150, 78, 34)


def draw_hero() -> SimpleUploadedFile:
    """A JPEG of 1280 x 640 pixels, as a camera would make it."""
    picture = Image.linear_gradient("L").resize(_SIZE)
    picture = Image.composite(Image.new("RGB", _SIZE, _SKY[1]), Image.new("RGB", _SIZE, _SKY[0]), picture)
    _glow(picture)
    pen = ImageDraw.Draw(picture)
    for colour, ridge in _HILLS:
        pen.polygon([*_smoothed(ridge), (2560, 1280), (0, 1280)], fill=colour)
    pen.rectangle((0, 960, 2560, 1280), fill=_BOARD)
    pen.rectangle((0, 960, 2560, 984), fill=_BOARD_EDGE)
    for left, width, height in ((300, 620, 300), (1700, 560, 270), (930, 740, 360)):
        _loaf(picture, left, 1010 - height, width, height)
    small = picture.resize((1280, 640), Image.Resampling.LANCZOS)
    jpeg = BytesIO()
    small.save(jpeg, "JPEG", quality=92)
    return SimpleUploadedFile("hero.jpg", jpeg.getvalue())


def _glow(picture: Image.Image) -> None:
    light = Image.new("L", _SIZE, 0)
    pen = ImageDraw.Draw(light)
    pen.ellipse((880, 280, 1680, 1080), fill=150)
    light = light.filter(ImageFilter.GaussianBlur(120))
    ImageDraw.Draw(light).ellipse((1080, 330, 1480, 730), fill=255)
    picture.paste(Image.new("RGB", _SIZE, _SUN), mask=light)


def _smoothed(ridge: list[tuple[int, int]]) -> list[tuple[float, float]]:
    """A soft line through the points."""
    line = []
    for (left, begin), (right, end) in pairwise(ridge):
        for step in range(33):
            share = step / 32
            ease = share * share * (3 - 2 * share)
            line.append((left + (right - left) * share, begin + (end - begin) * ease))
    return line


def _loaf(picture: Image.Image, left: int, top: int, width: int, height: int) -> None:
    shadow = Image.new("L", _SIZE, 0)
    box = (left - 10, top + height - 50, left + width + 30, top + height + 40)
    ImageDraw.Draw(shadow).ellipse(box, fill=110)
    picture.paste((40, 20, 10), mask=shadow.filter(ImageFilter.GaussianBlur(18)))
    shape = Image.new("L", _SIZE, 0)
    # An ellipse that reaches below the board, cut off flat.
    ImageDraw.Draw(shape).ellipse((left, top, left + width, top + height * 3 // 2), fill=255)
    flat = Image.new("L", _SIZE, 0)
    ImageDraw.Draw(flat).rounded_rectangle((left, top, left + width, top + height), 70, fill=255)
    shape = ImageChops.multiply(shape, flat)
    crust = Image.linear_gradient("L").resize((width, height))
    shaded = Image.composite(
        Image.new("RGB", (width, height), _DARK), Image.new("RGB", (width, height), _LIGHT), crust
    )
    body = Image.new("RGB", _SIZE, _CRUST)
    body.paste(shaded, (left, top))
    pen = ImageDraw.Draw(body)
    for number in range(4):
        x = left + width * (number + 1) // 5
        pen.line((x - 50, top + height // 6, x + 30, top + height * 3 // 5), fill=(250, 224, 176), width=26)
    picture.paste(body, mask=shape)
