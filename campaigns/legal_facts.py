"""The facts of an order that the legal rules ask for, read from its campaign and the orders beside it."""

import hashlib
import json
from datetime import date, datetime, timedelta
from typing import Any

from django.db.models import CharField, F, OuterRef, QuerySet, Subquery, Sum
from django.db.models.fields.json import KT
from django.db.models.functions import Coalesce

from campaigns import legal
from campaigns.legal import Check, Facts, LegalForm, Statement
from campaigns.legal_models import LegalCheck, statement_of
from campaigns.models import Campaign, Order, OrderState
from ledger.expiry import JAPAN, end_after_days

_LIVE = (OrderState.SUBMITTED, OrderState.APPROVED)
_KEPT_FORM = KT("content__facts__statement__form")
_LEAST = timedelta(microseconds=1)  # ends are exclusive


def day_of(moment: datetime) -> date:
    """The day it is in Japan."""
    return moment.astimezone(JAPAN).date()


def last_day_of(*, claim_until: datetime, lot_life_days: int) -> date:
    """The last day on which points of codes that are claimed until then can be used."""
    return day_of(end_after_days(claim_until - _LEAST, days=lot_life_days) - _LEAST)


def facts_of(order: Order, *, codes: int, at: datetime, before: LegalCheck | None = None) -> Facts | None:
    """The facts of the order, which may be one that nobody has saved, with `codes` codes; None if its
    campaign has stated no form.

    The campaign's other orders are those that wait or were approved, as far as they were submitted before the
    check `before`: of all orders together, the one that was submitted last has counted every other one.
    """
    campaign = order.campaign
    statement = statement_of(campaign)
    if statement is None:
        return None
    yen = campaign.brand.program.yen_per_point
    issued_on = day_of(at)
    return Facts(
        statement=statement,
        code_yen=(order.most_points or order.face_points) * yen,
        codes=codes,
        order_yen=order.face_points * codes * yen,
        others_yen=_points_of(_others(order, before).filter(campaign=campaign)) * yen,
        sold_elsewhere_yen=_sold_elsewhere(order, before, statement, issued_on) * yen,
        limit_per_member=campaign.limit_per_member,
        issued_on=issued_on,
        usable_until=last_day_of(claim_until=order.claim_until, lot_life_days=order.lot_life_days),
    )


def _others(order: Order, before: LegalCheck | None) -> QuerySet[Order]:
    others = Order.objects.filter(state__in=_LIVE)
    if order.pk is not None:
        others = others.exclude(pk=order.pk)
    if before is not None:
        later = LegalCheck.objects.filter(pk__gt=before.pk)
        others = others.exclude(pk__in=later.values("order"))
    return others


def _sold_elsewhere(order: Order, before: LegalCheck | None, statement: Statement, day: date) -> int:
    """Points of the brand's other orders of codes for money that can be unused that day, or later."""
    if statement.form != LegalForm.SOLD:
        return 0
    brand = order.campaign.brand_id
    kept = LegalCheck.objects.filter(order=OuterRef("pk")).order_by("-pk")
    # Codes that were sold stay sold, whatever their campaign says of itself later.
    form = Coalesce(
        Subquery(kept.annotate(form=_KEPT_FORM).values("form")[:1]),
        "campaign__legal_form",
        output_field=CharField(),
    )
    others = _others(order, before).filter(campaign__brand=brand).annotate(sold_as=form)
    sold = others.filter(sold_as=LegalForm.SOLD).annotate(until=Coalesce("batch__claim_until", "claim_until"))
    ends = sold.values_list("pk", "until", "lot_life_days")
    usable = [pk for pk, until, days in ends if last_day_of(claim_until=until, lot_life_days=days) >= day]
    return _points_of(sold.filter(pk__in=usable))


def _points_of(orders: QuerySet[Order]) -> int:
    """Points of the orders. A query of its own: what `orders` joins would count channels twice."""
    rows = Order.objects.filter(pk__in=orders.values("pk"))
    return rows.aggregate(points=Sum(F("channels__quantity") * F("face_points")))["points"] or 0


def latest_check(order: Order) -> LegalCheck | None:
    """What the rules found when the order was submitted last; None of orders that are older than the
    rules.
    """
    return LegalCheck.objects.filter(order=order.pk).order_by("-pk").first()


def content_of(facts: Facts, check: Check) -> dict[str, Any]:
    """What is kept of a check: JSON that needs no words."""
    numbers = facts._asdict() | {
        "statement": facts.statement._asdict(),
        "issued_on": str(facts.issued_on),
        "usable_until": str(facts.usable_until),
    }
    findings = [row._asdict() | {"valid_from": str(row.valid_from)} for row in check.findings]
    return {"version": check.version, "facts": numbers, "findings": findings}


def sha256_of(content: object) -> str:
    """SHA-256, in hexadecimal, over canonical JSON (sorted keys, no spaces, UTF-8)."""
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


def fingerprint_part(order: Order, campaign: Campaign) -> dict[str, Any]:
    """What an approval is based on by law, for the order's fingerprint; nothing of an order that is older
    than the rules. `campaign` may be a version that history kept.
    """
    check = latest_check(order)
    if check is None:
        return {}
    stated = statement_of(campaign)
    statement = None if stated is None else stated._asdict()
    return {"legal": {"statement": statement, "check": check.sha256}}


def check_of(facts: Facts, *, at: datetime) -> Check:
    """What the rules find that are in force at that moment, in Japan."""
    return legal.check(facts, on=day_of(at))
