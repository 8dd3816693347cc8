"""What the pages of orders show of the legal check and of what an order would mean: words put to numbers."""

from collections.abc import Iterable
from datetime import date, datetime
from typing import Any, NamedTuple

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from campaigns import legal_facts, previews, queries
from campaigns.legal import Answer, Finding, LegalForm
from campaigns.legal.words import REASONS, RULES, Text
from campaigns.legal_models import LegalCheck, LegalSignOff
from campaigns.models import Order, OrderState

LABELS: dict[Answer, tuple[str, Promise]] = {
    Answer.PASS: ("good", _("PASS")),
    Answer.FAIL: ("bad", _("FAIL")),
    Answer.ASK_COUNSEL: ("waiting", _("ASK COUNSEL")),
}
_FIRST_SHOWN = (Answer.FAIL, Answer.ASK_COUNSEL, Answer.PASS)


class Row(NamedTuple):
    """One rule, as people read it."""

    title: Text
    law: Text
    found: Text
    formula: str
    badge: str
    answer: Promise
    source: str
    since: str


def context_of(order: Order, *, at: datetime) -> dict[str, Any]:
    """Of an order that is a page: what was found when it was submitted; of a draft, what would be found."""
    if order.state == OrderState.DRAFT:
        return preview_context(order, codes=queries.codes_of(order), at=at)
    kept = legal_facts.latest_check(order)
    context: dict[str, Any] = {"preview": _preview(order, at)}
    if kept is None:
        return context | {"legal": {"is_missing": True}}
    signed = LegalSignOff.objects.select_related("signed_by").filter(legal_check=kept).first()
    return context | {
        "legal": {
            "rows": rows_of(findings_of(kept)),
            "form": LegalForm(kept.content["facts"]["statement"]["form"]).label,
            "version": kept.version,
            "checked_at": kept.checked_at,
            "hash": kept.sha256,
            "sign_off": signed,
            "is_sign_off_missing": kept.asks_counsel and signed is None,
            "is_kept": True,
        }
    }


def preview_context(order: Order, *, codes: int, at: datetime) -> dict[str, Any]:
    """Of an order that is a draft, or still being typed."""
    preview = previews.preview_of(order, codes=codes, at=at)
    if not order.campaign.legal_form:
        return {"preview": preview, "legal": {"is_not_stated": True, "campaign_id": order.campaign_id}}
    if preview.check is None:
        return {"preview": preview, "legal": None}
    check = preview.check
    return {
        "preview": preview,
        "legal": {
            "rows": rows_of(check.findings),
            "form": LegalForm(order.campaign.legal_form).label,
            "version": check.version,
            "has_failed": bool(check.failed),
            "asks_counsel": bool(check.to_ask),
        },
    }


def findings_of(kept: LegalCheck) -> list[Finding]:
    """What was found, out of what was kept of it."""
    return [
        Finding(
            **row | {"answer": Answer(row["answer"]), "valid_from": date.fromisoformat(row["valid_from"])}
        )
        for row in kept.content["findings"]
    ]


def rows_of(findings: Iterable[Finding]) -> list[Row]:
    """What stands in the way first, what passes last; else in the order of the table."""
    rows = sorted(findings, key=lambda found: _FIRST_SHOWN.index(found.answer))
    return [
        Row(
            title=RULES[found.rule].title,
            law=RULES[found.rule].formula,
            found=REASONS[found.reason],
            formula=found.formula,
            badge=LABELS[found.answer][0],
            answer=LABELS[found.answer][1],
            source=found.source,
            since=str(found.valid_from),
        )
        for found in rows
    ]


def _preview(order: Order, at: datetime) -> previews.Preview | None:
    """While an order waits; afterwards its batch says more."""
    if order.state == OrderState.APPROVED:
        return None
    return previews.preview_of(order, codes=queries.codes_of(order), at=at)
