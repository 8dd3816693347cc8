"""A set of serial numbers that may hold millions."""

from collections import defaultdict

_PAGE = 65_536  # serial numbers


class SerialSet:
    """Serial numbers, a bit each: those of a batch lie close together."""

    def __init__(self) -> None:
        self._pages: defaultdict[int, bytearray] = defaultdict(lambda: bytearray(_PAGE // 8))

    def add(self, number: int) -> None:
        page, place = divmod(number, _PAGE)
        self._pages[page][place // 8] |= 1 << place % 8

    def __contains__(self, number: int) -> bool:
        page, place = divmod(number, _PAGE)
        return page in self._pages and bool(self._pages[page][place // 8] >> place % 8 & 1)
