"""Facts for the legal check, whole but for what a test is about."""

from datetime import date
from typing import Any

from campaigns.legal import Answer, Facts, Finding, LegalForm, Statement, Tie, check

TODAY = date(2026, 11, 28)


def facts(form: LegalForm, **changes: Any) -> Facts:
    """An order of one code; what names a field of the statement goes there."""
    stated: dict[str, Any] = {"form": form, "tie": Tie.VISIT, "least_age": 18}
    stated |= {name: changes.pop(name) for name in list(changes) if name in Statement._fields}
    defaults: dict[str, Any] = {
        "code_yen": 100,
        "codes": 1,
        "others_yen": 0,
        "sold_elsewhere_yen": 0,
        "limit_per_member": 1,
        "issued_on": TODAY,
        "usable_until": TODAY,
    } | changes
    defaults.setdefault("order_yen", defaults["code_yen"] * defaults["codes"])
    return Facts(statement=Statement(**stated), **defaults)


def found(rule: str, asked: Facts, *, on: date = TODAY) -> Finding | None:
    rows = {row.rule: row for row in check(asked, on=on).findings}
    return rows.get(rule)


def answer(rule: str, asked: Facts, *, on: date = TODAY) -> Answer | None:
    row = found(rule, asked, on=on)
    return None if row is None else row.answer
