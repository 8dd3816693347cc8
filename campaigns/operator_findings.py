"""What calls for the operator's attention: the breaker, the code series, work that is late."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from django.db.models import Min, QuerySet

from campaigns.alert_findings import Finding
from campaigns.alert_models import AlertKind, AlertMail, Level, MailState
from campaigns.alert_rules import LATE_AFTER, SERIES_USED_PERCENT
from campaigns.dispute_models import DisputeNotice
from campaigns.dispute_models import NoticeState as AnswerState
from campaigns.mailing_models import MailingState, Recipient, RecipientState
from campaigns.monthly_queries import waiting_mails
from giftcodes.delivery_models import DeliveryState, FurtherDelivery
from giftcodes.guarding import guard
from giftcodes.guarding.rules import Level as BreakerLevel
from giftcodes.models import (
    MAX_LIVE_CODES,
    SANDBOX_SERIES,
    SERIALS_PER_SERIES,
    WARN_LIVE_CODES,
    Batch,
    BatchState,
    Series,
)
from ledger.models import Lot
from parties.notice_models import ExpiryNotice, NoticeState
from parties.webhook_models import DeliveryState as HookState
from parties.webhook_models import WebhookDelivery


def findings_of_operator(*, at: datetime) -> Iterator[Finding]:
    """All of them."""
    level = guard.level(at=at)
    if level != BreakerLevel.OPEN:
        urgency = Level.URGENT if level == BreakerLevel.CLOSED else Level.WARNING
        yield _finding(AlertKind.BREAKER, "site", urgency, {"level": int(level)})
    yield from _series()
    for name, since in _oldest_work(at=at).items():
        if since is not None and since <= at - LATE_AFTER[name]:
            yield _finding(
                AlertKind.WORK_BEHIND, name, Level.URGENT, {"work": name, "since": since.isoformat()}
            )


def _finding(
    kind: AlertKind, subject: str, level: Level, facts: dict[str, Any], *, opens: bool = True
) -> Finding:
    return Finding(kind, subject, None, subject, level, facts, opens)


def _series() -> Iterator[Finding]:
    """Guessing gets easier with each live code, and new serials run out: at the warning of `giftcodes.models`
    an alert opens, and it goes on down to nine tenths of that.
    """
    for series in Series.objects.exclude(digit=SANDBOX_SERIES).order_by("digit"):
        used = series.next_serial * 100 // SERIALS_PER_SERIES
        is_dense = series.live_codes >= WARN_LIVE_CODES
        if series.live_codes * 10 < WARN_LIVE_CODES * 9 and used < SERIES_USED_PERCENT:
            continue
        is_near = series.live_codes * 10 >= MAX_LIVE_CODES * 8 or used >= 95
        facts = {"series": series.digit, "live": series.live_codes, "most": MAX_LIVE_CODES, "used": used}
        opens = is_dense or used >= SERIES_USED_PERCENT
        level = Level.URGENT if is_near else Level.WARNING
        yield _finding(AlertKind.SERIES_DENSITY, f"series:{series.digit}", level, facts, opens=opens)


def _oldest_work(*, at: datetime) -> dict[str, datetime | None]:
    """Since when the oldest piece of each kind of work has been due; None where nothing is."""
    files = FurtherDelivery.objects.filter(state=DeliveryState.APPROVED)
    mails = AlertMail.objects.filter(state__in=[MailState.WAITING, MailState.SENDING])
    mailed = Recipient.objects.filter(state=RecipientState.WAITING, mailing__state=MailingState.SENDING)
    return {
        "minting": _oldest(Batch.objects.filter(state__in=_UNMINTED), "approved_at"),
        "files": _oldest(files, "decided_at"),
        "closing": _oldest(Batch.objects.filter(state__in=_CLOSABLE), "claim_until"),
        "expiry": _oldest(Lot.objects.filter(remaining_points__gt=0), "expires_at"),
        "webhooks": _oldest(_hooks(), "next_attempt_at"),
        "notices": _oldest(ExpiryNotice.objects.filter(state=NoticeState.WAITING), "next_try_at"),
        "answers": _oldest(DisputeNotice.objects.filter(state=AnswerState.WAITING), "due_at"),
        "alert_mails": _oldest(mails, "due_at"),
        "monthly_mails": _oldest(waiting_mails(at=at), "due_at"),
        "mailings": _oldest(mailed, "next_try_at"),
    }


_CLOSABLE = [BatchState.MINTED, BatchState.ACTIVE, BatchState.PAUSED]
_UNMINTED = [BatchState.APPROVED, BatchState.MINTING]


def _oldest(rows: QuerySet[Any], field: str) -> datetime | None:
    found: datetime | None = rows.order_by().aggregate(oldest=Min(field))["oldest"]
    return found


def _hooks() -> QuerySet[WebhookDelivery]:
    """To endpoints that are open: what waits for another one is never sent."""
    return WebhookDelivery.objects.filter(state=HookState.WAITING, endpoint__closed_at=None)
