"""A brand's colour as a page can use it: readable on it, and readable in it. Pure.

Contrast as in WCAG 2.2 (relative luminance of sRGB): 4.5 to 1 for text, which also covers the 3 to 1 of edges.
"""

from typing import NamedTuple

READABLE = 4.5
_WHITE, _BLACK = (255, 255, 255), (0, 0, 0)
Colour = tuple[int, int, int]


class Theme(NamedTuple):
    """CSS colours: the brand's own, what is written on it, the brand's darkened until readable on white, a tint."""

    brand: str
    on_brand: str
    brand_text: str
    tint: str


def theme_of(colour: str) -> Theme:
    """The theme of "rrggbb" (six hexadecimal digits, with or without #)."""
    digits = colour.removeprefix("#")
    brand = (int(digits[0:2], 16), int(digits[2:4], 16), int(digits[4:6], 16))
    on_brand = _WHITE if contrast(brand, _WHITE) >= READABLE else _BLACK
    text = brand
    # On the tint too, which is a little darker than white.
    tint = _mix(brand, _WHITE, 0.07)
    while contrast(text, tint) < READABLE:
        text = _mix(text, _BLACK, 0.95)
    return Theme(_css(brand), _css(on_brand), _css(text), _css(tint))


def contrast(one: Colour, other: Colour) -> float:
    """The contrast ratio of two colours, 1 to 21."""
    darker, lighter = sorted((_luminance(one), _luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def _luminance(colour: Colour) -> float:
    red, green, blue = (_linear(channel / 255) for channel in colour)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _linear(channel: float) -> float:
    return channel / 12.92 if channel <= 0.04045 else float(((channel + 0.055) / 1.055) ** 2.4)


def _mix(one: Colour, other: Colour, share: float) -> Colour:
    """`share` of one, the rest of the other, rounded towards black so that darkening always moves."""
    red, green, blue = (int(a * share + b * (1 - share)) for a, b in zip(one, other, strict=True))
    return red, green, blue


def _css(colour: Colour) -> str:
    return "#{:02x}{:02x}{:02x}".format(*colour)
