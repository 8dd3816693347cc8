"""The typeface of all that is printed: BIZ UDPGothic (SIL Open Font License, `fonts/OFL.txt`), embedded as a
subset, so that every reader shows what was printed here.
"""

from functools import cache
from pathlib import Path

from reportlab.pdfbase.pdfmetrics import registerFont
from reportlab.pdfbase.ttfonts import TTFont

REGULAR, BOLD = "BIZUDPGothic", "BIZUDPGothic-Bold"


@cache
def register_fonts() -> None:
    """Make both known to the library that draws; once per process."""
    folder = Path(__file__).parent / "fonts"
    registerFont(TTFont(REGULAR, folder / "BIZUDPGothic-Regular.ttf"))
    registerFont(TTFont(BOLD, folder / "BIZUDPGothic-Bold.ttf"))
