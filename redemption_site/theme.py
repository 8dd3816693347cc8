"""A brand's colour as a page can use it: readable on it, and readable in it. Pure."""

from typing import NamedTuple

from campaigns.colours import MIN_CONTRAST, contrast, text_on

_TINT = 0.07
_WHITE, _BLACK = "#ffffff", "#000000"
_PAGE = "#f5f6f8"  # --page in site.css; white, where there is any, is lighter still


class Theme(NamedTuple):
    """CSS colours: the brand's own, what is written on it, the brand's darkened until readable, a tint, and
    what may be mixed into the brand's under text (it only adds to the contrast).
    """

    brand: str
    on_brand: str
    brand_text: str
    tint: str
    shade: str


def theme_of(colour: str) -> Theme:
    """The theme of "rrggbb", of any colour: also of those that the admin would refuse."""
    brand = text = f"#{colour.lower()}"
    tint = _mixed(brand, with_level=255, share=_TINT)
    while min(contrast(text, ground) for ground in (tint, _PAGE)) < MIN_CONTRAST:
        text = _mixed(text, with_level=0, share=0.95)
    on_brand = text_on(brand)
    return Theme(brand, on_brand, text, tint, _BLACK if on_brand == _WHITE else _WHITE)


def _mixed(colour: str, *, with_level: int, share: float) -> str:
    """`share` of the colour, the rest of a grey; rounded down, so that darkening always moves."""
    levels = (int(colour[at : at + 2], 16) for at in (1, 3, 5))
    return "#" + "".join(f"{int(level * share + with_level * (1 - share)):02x}" for level in levels)
