"""Contrast of two colours, after WCAG 2.2 (definitions of relative luminance and contrast ratio). Pure."""

MIN_CONTRAST = 4.5
MIN_CONTRAST_OF_EDGES = 3.0
# Below that, a band in the colour can hardly be told from the white around it.
PALE = 1.25


def contrast(one: str, other: str) -> float:
    """Contrast ratio of two colours ("#rrggbb"), from 1 to 21, whichever of them is the text."""
    darker, lighter = sorted((_luminance(one), _luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def contrast_with_white(colour: str) -> float:
    """Contrast ratio of white text on `colour`."""
    return contrast(colour, "#ffffff")


def is_pale(colour: str) -> bool:
    """Whether the colour can hardly be told from white."""
    return contrast_with_white(colour) < PALE


def _luminance(colour: str) -> float:
    red, green, blue = (_linear(int(colour[at : at + 2], 16) / 255) for at in (1, 3, 5))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _linear(part: float) -> float:
    return part / 12.92 if part <= 0.04045 else float(((part + 0.055) / 1.055) ** 2.4)


def text_on(colour: str) -> str:
    """Black or white, whichever can be read on `colour`: at 4.5 : 1 or more on any."""
    return "#ffffff" if contrast_with_white(colour) >= MIN_CONTRAST else "#000000"
