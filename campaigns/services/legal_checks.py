"""The legal check on the way of an order: made when it is submitted, and demanded when it is approved. The
caller holds the campaign.
"""

from datetime import datetime

from campaigns import legal_facts, queries
from campaigns.errors import ExtensionRefused, LegalChanged, LegalFailed, LegalFormMissing, SignOffMissing
from campaigns.legal import Answer
from campaigns.legal_models import LegalCheck, LegalSignOff
from campaigns.models import Order
from parties.models import User


def keep_check(order: Order, *, user: User, at: datetime) -> LegalCheck:
    """Check an order that is being submitted, and keep what was found. LegalFormMissing, LegalFailed."""
    facts = legal_facts.facts_of(order, codes=queries.codes_of(order), at=at)
    if facts is None:
        raise LegalFormMissing
    check = legal_facts.check_of(facts, at=at)
    if check.failed:
        raise LegalFailed([row.rule for row in check.failed])
    content = legal_facts.content_of(facts, check)
    return LegalCheck.objects.create(
        order=order,
        requested_by=user,
        version=check.version,
        content=content,
        sha256=legal_facts.sha256_of(content),
        asks_counsel=bool(check.to_ask),
        checked_at=at,
    )


def refuse_longer(order: Order, *, until: datetime, at: datetime) -> None:
    """What the law says of an approved order whose codes shall be claimable until then (exclusive).

    LegalFormMissing, LegalFailed; ExtensionRefused (`counsel`) if a rule wants counsel to be asked that did
    not when the order was approved.
    """
    kept = legal_facts.latest_check(order)
    facts = legal_facts.facts_of(
        order, codes=queries.codes_of(order), at=order.submitted_at or at, before=kept
    )
    if facts is None:
        raise LegalFormMissing
    last_day = legal_facts.last_day_of(claim_until=until, lot_life_days=order.lot_life_days)
    check = legal_facts.check_of(facts._replace(usable_until=last_day), at=at)
    if check.failed:
        raise LegalFailed([row.rule for row in check.failed])
    found = {row["rule"]: row["answer"] for row in kept.content["findings"]} if kept else {}
    if any(found.get(row.rule) != Answer.ASK_COUNSEL for row in check.to_ask):
        raise ExtensionRefused("counsel")


def refuse_unsound(order: Order, *, at: datetime) -> None:
    """Before an approval: what was found when the order was submitted must hold, by the rules of today.

    LegalFormMissing of an order that was submitted before there were checks, LegalChanged if the rules are
    others now or ask for more, LegalFailed, SignOffMissing.
    """
    kept = legal_facts.latest_check(order)
    if kept is None or order.submitted_at is None:
        raise LegalFormMissing
    facts = legal_facts.facts_of(order, codes=queries.codes_of(order), at=order.submitted_at, before=kept)
    if facts is None:
        raise LegalFormMissing
    check = legal_facts.check_of(facts, at=at)
    if check.failed:
        raise LegalFailed([row.rule for row in check.failed])
    found = {row["rule"]: row["answer"] for row in kept.content["findings"]}
    is_worse = any(row.answer != Answer.PASS and row.answer != found.get(row.rule) for row in check.findings)
    is_kept_whole = legal_facts.sha256_of(kept.content) == kept.sha256
    if check.version != kept.version or is_worse or not is_kept_whole:
        raise LegalChanged
    if kept.asks_counsel and not LegalSignOff.objects.filter(legal_check=kept).exists():
        raise SignOffMissing
