"""Contrast of two colours, after WCAG 2.2 (definitions of relative luminance and contrast ratio)."""

MIN_CONTRAST = 4.5
_WHITE = "#ffffff"


def contrast_with_white(colour: str) -> float:
    """Contrast ratio of white text on `colour` ("#rrggbb"), from 1 to 21."""
    return (_luminance(_WHITE) + 0.05) / (_luminance(colour) + 0.05)


def _luminance(colour: str) -> float:
    red, green, blue = (_linear(int(colour[at : at + 2], 16) / 255) for at in (1, 3, 5))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _linear(part: float) -> float:
    return part / 12.92 if part <= 0.04045 else float(((part + 0.055) / 1.055) ** 2.4)


def text_on(colour: str) -> str:
    """Black or white, whichever can be read on `colour`: at 4.5 : 1 or more on any."""
    return _WHITE if contrast_with_white(colour) >= MIN_CONTRAST else "#000000"
