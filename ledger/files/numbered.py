"""Pages that know how many there are."""

from collections.abc import Callable
from typing import Any

from reportlab.pdfgen.canvas import Canvas


class NumberedCanvas(Canvas):  # type: ignore[misc]  # reportlab ships no types
    """Keeps pages back until it knows how many there are; `footer` gets the canvas, the page and their
    number.
    """

    def __init__(self, *args: Any, footer: Callable[[Canvas, int, int], None], **options: Any) -> None:
        super().__init__(*args, **options)
        self._footer = footer
        self._pages: list[dict[str, Any]] = []

    def showPage(self) -> None:  # noqa: N802  # reportlab's name
        self._pages.append(dict(self.__dict__))
        self._startPage()

    def save(self) -> None:
        for number, page in enumerate(self._pages, start=1):
            self.__dict__.update(page)
            self._footer(self, number, len(self._pages))
            super().showPage()
        super().save()
