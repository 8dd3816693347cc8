"""Where a line may be broken: Japanese between almost any two characters, Latin and katakana between words.
Pure.

The rules are the basic ones of JIS X 4051 (kinsoku): closing signs, small kana and the long-vowel mark begin
no line, opening signs end none.
"""

import unicodedata
from collections.abc import Callable, Iterator

_BEGINS_NO_LINE = set(
    "、。，．・：；？！‼⁇⁈⁉ー゠–〜～…‥」』）］｝〉》】〕〗〙’”ヽヾゝゞ々〻"
    "ぁぃぅぇぉっゃゅょゎゕゖァィゥェォッャュョヮヵヶㇰㇱㇲㇳㇴㇵㇶㇷㇸㇹㇺㇻㇼㇽㇾㇿ,.!?:;)]}%％℃°′″"
)
_ENDS_NO_LINE = set("「『（［｛〈《【〔〖〘‘“([{¥￥$＄£€№#＃")
Measure = Callable[[str], float]


def broken(text: str, *, width: float, measure: Measure) -> list[str]:
    """The text in as few lines as `width` allows, each about as long as the others."""
    units = [part for unit in _units(text) for part in _fitting(unit, width, measure)]
    lines = _filled(units, width, measure)
    low, high = 0.0, width
    for _ in range(8):  # the narrowest column with as many lines
        middle = (low + high) / 2
        if len(_filled(units, middle, measure)) > len(lines):
            low = middle
        else:
            high = middle
    return [line.strip() for line in _filled(units, high, measure)]


def _units(text: str) -> Iterator[str]:
    """Pieces that no line is broken within."""
    unit = ""
    for char in text:
        if unit and _may_break(unit[-1], char):
            yield unit
            unit = ""
        unit += char
    if unit:
        yield unit


def _may_break(before: str, after: str) -> bool:
    if after.isspace() or after in _BEGINS_NO_LINE or before in _ENDS_NO_LINE:
        return False
    if _is_katakana(before) and _is_katakana(after):
        return False  # a loan word: "スタンプラリー"
    return before.isspace() or _is_wide(before) or _is_wide(after)


def _is_katakana(char: str) -> bool:
    return "\u30a1" <= char <= "\u30fe" and char != "・"


def _is_wide(char: str) -> bool:
    return unicodedata.east_asian_width(char) in ("W", "F")


def _fitting(unit: str, width: float, measure: Measure) -> Iterator[str]:
    """A unit that no line could hold, cut wherever it has to be."""
    while len(unit) > 1 and measure(unit.strip()) > width:
        end = next(end for end in range(len(unit) - 1, 0, -1) if end == 1 or measure(unit[:end]) <= width)
        yield unit[:end]
        unit = unit[end:]
    yield unit


def _filled(units: list[str], width: float, measure: Measure) -> list[str]:
    lines = [""]
    for unit in units:
        if lines[-1] and measure((lines[-1] + unit).strip()) > width:
            lines.append("")
        lines[-1] += unit
    return lines
