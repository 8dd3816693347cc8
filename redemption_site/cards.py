"""The picture that stands for a campaign where a link to its page is shared: 1200 x 630, drawn from what
the page shows. A function of its key.
"""

import hashlib
import json
from functools import lru_cache
from io import BytesIO
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont, ImageOps

import ledger.files
from campaigns.models import Campaign
from redemption_site.line_breaks import broken
from redemption_site.theme import Theme, theme_of
from redemption_site.words import words_in

SIZE = (1200, 630)
_LAYOUT = 1  # part of the key: a card that is drawn in another way has another address
_FONTS = Path(ledger.files.__file__).parent / "fonts"
_MARGIN = 64
_HERO_HEIGHT = 375  # the shape of the wide crop
_TILE = 132  # the white ground of the logo
_WIDTH = SIZE[0] - 2 * _MARGIN
_COLOURS = 256

# (size of the title in pixels, lines it may take); the first that fits is taken.
_ABOVE_NOTHING = [(84, 2), (72, 2), (60, 3), (50, 4)]
_BELOW_A_PICTURE = [(64, 1), (52, 2), (42, 3)]


def card_key(campaign: Campaign, lang: str) -> str:
    """What the card depends on, as 32 hexadecimal digits."""
    content = [
        _LAYOUT,
        words_in(campaign, "title", lang),
        campaign.brand.name,
        campaign.colour.lower(),
        campaign.logo.name,
        campaign.hero_wide.name,
    ]
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()[:32]


def draw_card(campaign: Campaign, lang: str) -> bytes:
    """The card as a PNG."""
    theme = theme_of(campaign.colour.removeprefix("#"))
    card = Image.new("RGB", SIZE, theme.brand)
    if campaign.hero_wide:
        card.paste(ImageOps.fit(_opened(campaign.hero_wide), (SIZE[0], _HERO_HEIGHT)), (0, 0))
    else:
        _circles(card, theme)
    if campaign.logo:
        _logo(card, _opened(campaign.logo), top=_HERO_HEIGHT - _TILE - 28 if campaign.hero_wide else 56)
    _words(card, theme, campaign.brand.name, words_in(campaign, "title", lang), bool(campaign.hero_wide))
    png = BytesIO()
    # With a photograph, 256 colours are a quarter of the weight; some messengers show no heavy picture.
    (card.quantize(_COLOURS) if campaign.hero_wide else card).save(png, "PNG", optimize=True)
    return png.getvalue()


def _opened(file: object) -> Image.Image:
    with file.open() as stored, Image.open(stored) as picture:  # type: ignore[attr-defined]
        return picture.convert("RGBA")


def _circles(card: Image.Image, theme: Theme) -> None:
    """As on the page's band: darker under light text, lighter under dark text."""
    shade = Image.new("L", SIZE, 0)
    pen = ImageDraw.Draw(shade)
    pen.ellipse((760, -330, 1460, 370), fill=15)
    pen.ellipse((-220, 380, 260, 860), fill=15)
    card.paste(Image.new("RGB", SIZE, theme.shade), mask=shade)


def _logo(card: Image.Image, logo: Image.Image, *, top: int) -> None:
    inner = ImageOps.contain(logo, (2 * _TILE, _TILE - 32))
    width = max(inner.width + 40, _TILE)
    tile = Image.new("RGB", (width, _TILE), "white")
    tile.paste(inner, ((width - inner.width) // 2, (_TILE - inner.height) // 2), inner)
    rounded = Image.new("L", tile.size, 0)
    ImageDraw.Draw(rounded).rounded_rectangle((0, 0, width - 1, _TILE - 1), radius=24, fill=255)
    card.paste(tile, (_MARGIN, top), rounded)


def _words(card: Image.Image, theme: Theme, brand: str, title: str, has_picture: bool) -> None:
    """The brand's name over the title, both on the brand's colour, ending at the same line."""
    pen = ImageDraw.Draw(card)
    font, lines = _fitting(title, _BELOW_A_PICTURE if has_picture else _ABOVE_NOTHING)
    step = int(font.size * 1.32)
    small = _font("Regular", 34)
    room = SIZE[1] - _HERO_HEIGHT
    height = 54 + step * len(lines)
    top = _HERO_HEIGHT + (room - height) // 2 if has_picture else SIZE[1] - _MARGIN - height
    pen.text((_MARGIN, top), _cut(_known(brand, small), small), fill=theme.on_brand, font=small)
    for number, line in enumerate(lines):
        pen.text((_MARGIN, top + 54 + number * step), line, fill=theme.on_brand, font=font)


def _fitting(title: str, choices: list[tuple[int, int]]) -> tuple[ImageFont.FreeTypeFont, list[str]]:
    font, lines = _font("Bold", choices[0][0]), [""]
    for size, most_lines in choices:
        font = _font("Bold", size)
        lines = broken(_known(title, font), width=_WIDTH, measure=font.getlength)
        if len(lines) <= most_lines:
            return font, lines
    kept = lines[: choices[-1][1]]
    return font, [*kept[:-1], _cut(kept[-1] + "…", font)]


def _cut(line: str, font: ImageFont.FreeTypeFont) -> str:
    """The line, ended by an ellipsis where it would leave the card."""
    while font.getlength(line) > _WIDTH:
        line = line.removesuffix("…")[:-1] + "…"
    return line


def _known(text: str, font: ImageFont.FreeTypeFont) -> str:
    """Without the characters that the font can't draw, emoji above all: they would be empty boxes."""
    unknown = bytes(font.getmask("\uffff"))
    kept = (char for char in text if char.isspace() or bytes(font.getmask(char)) != unknown)
    return " ".join("".join(kept).split())


@lru_cache(maxsize=16)
def _font(weight: str, size: int) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(_FONTS / f"BIZUDPGothic-{weight}.ttf", size)
