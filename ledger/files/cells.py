"""Texts and figures as cells. The words of a statement are part of its format, not of a catalogue: a better
translation must not change the bytes of a statement that was closed. Statements are in Japanese.
"""

import unicodedata
from typing import NamedTuple

from ledger.expiry import JAPAN
from ledger.files.content import Content
from ledger.models import Settlement, SettlementState

TITLE = "ポイント精算書"
SECTIONS = {
    "head": "概要",
    "line": "店舗別明細",
    "pair": "ブランド間小計",
    "due": "相殺後の支払",
    "total": "合計",
}
_FORMULA = "=+-@\u2212"


def safe_text(text: str) -> str:
    """The text as a cell that no spreadsheet takes for a formula (OWASP, CSV injection), in any width; what
    can't be seen (control characters, tabs, line ends, bidirectional marks) is left out.
    """
    seen = "".join(c for c in text if unicodedata.category(c) not in _UNSEEN).strip()
    if seen and unicodedata.normalize("NFKC", seen)[0] in _FORMULA:
        return f"'{seen}"
    return seen


# Control and format characters, surrogates, line and paragraph separators.
_UNSEEN = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})


def head_of(content: Content) -> list[tuple[str, str, str | int]]:
    """What stands above the figures: (key, label, value) in the order of all files."""
    return [
        ("number", "精算書番号", content.number),
        ("program", "プログラム", safe_text(content.program)),
        ("first_day", "対象期間の初日", content.first_day.isoformat()),
        ("last_day", "対象期間の末日", content.last_day.isoformat()),
        ("yen_per_point", "1ポイントあたりの円", content.yen_per_point),
        ("uses", "集計した行数", content.total.uses),
        ("prepared_at", "作成日時", content.prepared_at.isoformat(timespec="seconds")),
    ]


class Stamp(NamedTuple):
    """What a file says about the decision: its state, the day (ISO, in Japan; "" before it), and the
    fingerprint. Files name companies, never the persons who decided.
    """

    state: str
    decided_on: str
    sha256: str


_STATES = {
    SettlementState.PREPARED: "承認前（案）",
    SettlementState.CLOSED: "確定",
    SettlementState.REJECTED: "却下",
}


def stamp_of(settlement: Settlement) -> Stamp:
    """The decision as the files show it."""
    decided = settlement.decided_at
    decided_on = decided.astimezone(JAPAN).date().isoformat() if decided else ""
    return Stamp(_STATES[SettlementState(settlement.state)], decided_on, settlement.sha256)
