"""Recompute what orders and deposits say of batches and of the ledger, and name each difference."""

from collections.abc import Iterator
from typing import Any

from django.db.models import QuerySet

from campaigns import legal_facts
from campaigns.extension_checks import REQUESTS
from campaigns.legal_models import LegalCheck
from campaigns.models import Campaign, Order, OrderState
from campaigns.queries import fingerprint_of, page_address
from giftcodes import services as giftcodes
from ledger.audit import Difference, run_checks

AS_CHECKED = "an approved order passed its legal check, which is as it was found"
AS_SUBMITTED = "an approved order and its batch say what was submitted"

# Each gives rows (subject, expected, found), one per difference. A UUID is text with hyphens on PostgreSQL,
# without on SQLite.
# Where the window ended before it was extended.
_PRINTED_UNTIL = (
    "COALESCE((SELECT MIN(x.until_before) FROM giftcodes_batchextension x WHERE x.batch_id = b.id),"
    " b.claim_until)"
)
_CHECKS = {
    "an approved order has its own batch": """
        SELECT 'order ' || o.id, 'batch of order ' || {order_key}, COALESCE(b.order_key, 'none')
        FROM campaigns_order o LEFT JOIN giftcodes_batch b ON b.id = o.batch_id
        WHERE (o.state = 'approved' AND b.id IS NULL) OR (b.id IS NOT NULL AND o.state <> 'approved')
            OR b.order_key <> {order_key} ORDER BY o.id""",
    "a batch has the terms of its order": """
        SELECT 'batch ' || b.id,
            'brand ' || c.brand_id || ', ' || o.face_points || ' points from ' || o.claim_from || ' to '
                || o.claim_until || ' for ' || o.lot_life_days || ' days, active ' || o.activation
                || ', campaign:' || c.id || ', gifts of up to ' || COALESCE(o.most_points, 0),
            'brand ' || b.brand_id || ', ' || b.face_points || ' points from ' || b.claim_from || ' to '
                || {printed_until} || ' for ' || b.lot_life_days || ' days, active ' || b.activation
                || ', ' || b.limit_group || ', gifts of up to ' || COALESCE(b.most_points, 0)
        FROM campaigns_order o JOIN campaigns_campaign c ON c.id = o.campaign_id
        JOIN giftcodes_batch b ON b.id = o.batch_id
        WHERE b.brand_id <> c.brand_id OR b.face_points <> o.face_points OR b.claim_from <> o.claim_from
            OR {printed_until} <> o.claim_until OR b.lot_life_days <> o.lot_life_days
            OR COALESCE(b.most_points, 0) <> COALESCE(o.most_points, 0)
            OR b.activation <> o.activation OR b.limit_group <> 'campaign:' || c.id ORDER BY b.id""",
    "a batch has as many codes as its order": """
        SELECT 'batch ' || b.id, CAST(COALESCE(SUM(h.quantity), 0) AS text), CAST(b.size AS text)
        FROM campaigns_order o JOIN giftcodes_batch b ON b.id = o.batch_id
        LEFT JOIN campaigns_orderchannel h ON h.order_id = o.id
        GROUP BY b.id, b.size HAVING COALESCE(SUM(h.quantity), 0) <> b.size ORDER BY b.id""",
    "the channels of a batch are those of its order": """
        SELECT 'channel ' || name || ' of batch ' || batch_id,
            SUM(ordered) || ' codes', SUM(made) || ' codes'
        FROM (
            SELECT o.batch_id, h.name, h.quantity AS ordered, 0 AS made
            FROM campaigns_orderchannel h JOIN campaigns_order o ON o.id = h.order_id
            WHERE o.batch_id IS NOT NULL
            UNION ALL
            SELECT h.batch_id, h.name, 0, h.size
            FROM giftcodes_channel h JOIN campaigns_order o ON o.batch_id = h.batch_id
        ) sides GROUP BY batch_id, name HAVING SUM(ordered) <> SUM(made) ORDER BY 1""",
    "the file of a batch is for the requester of its order": """
        SELECT 'batch ' || o.batch_id, 'user ' || o.requested_by_id,
            COALESCE('user ' || d.recipient_id, 'none')
        FROM campaigns_order o LEFT JOIN giftcodes_delivery d ON d.batch_id = o.batch_id
        WHERE o.batch_id IS NOT NULL AND o.issuing = 'file'
            AND (d.id IS NULL OR d.recipient_id <> o.requested_by_id)
        ORDER BY o.id""",
    "the points of an order are from the funds of its brand": """
        SELECT 'order ' || o.id, b.face_points * b.size || ' points of brand ' || c.brand_id,
            COALESCE(p.points || ' points of account ' || s.label, 'none')
        FROM campaigns_order o JOIN campaigns_campaign c ON c.id = o.campaign_id
        JOIN giftcodes_batch b ON b.id = o.batch_id
        LEFT JOIN ledger_transfer t ON t.key = 'approve:' || {order_key} AND t.reason = 'approve'
        LEFT JOIN ledger_posting p ON p.transfer_id = t.id LEFT JOIN ledger_account s ON s.id = p.source_id
        WHERE p.id IS NULL OR p.points <> b.face_points * b.size OR p.target_id <> b.unclaimed_id
            OR s.id IS NULL OR s.kind <> 'funds' OR s.brand_id <> c.brand_id ORDER BY o.id""",
    "an approved order has the approvals that it took": """
        SELECT 'order ' || o.id, COALESCE(MAX(a.needed), 1) || ' approvals of what was submitted',
            CAST(COUNT(a.id) AS text)
        FROM campaigns_order o LEFT JOIN campaigns_orderapproval a ON a.order_id = o.id
            AND a.submission = o.submissions AND a.fingerprint = o.submitted_hash
        WHERE o.state = 'approved' GROUP BY o.id
        HAVING COUNT(a.id) < COALESCE(MAX(a.needed), 1) ORDER BY o.id""",
    "an order was decided by another person than its requester": """
        SELECT 'order ' || id, 'another than user ' || requested_by_id,
            COALESCE('user ' || decided_by_id, 'nobody')
        FROM campaigns_order WHERE state IN ('approved', 'rejected')
            AND (decided_by_id IS NULL OR decided_by_id = requested_by_id) ORDER BY id""",
    "a deposit was decided by another person than its recorder": """
        SELECT 'deposit ' || id, 'another than user ' || requested_by_id,
            COALESCE('user ' || decided_by_id, 'nobody')
        FROM campaigns_deposit WHERE state <> 'requested'
            AND (decided_by_id IS NULL OR decided_by_id = requested_by_id) ORDER BY id""",
    "a confirmed deposit is in the funds of its brand, once": """
        SELECT 'deposit ' || d.id, d.points || ' points to brand ' || d.brand_id,
            COALESCE(SUM(p.points), 0) || ' points in ' || COUNT(p.id) || ' postings'
        FROM campaigns_deposit d
        LEFT JOIN ledger_transfer t ON t.key = 'deposit:' || {deposit_key} AND t.reason = 'deposit'
        LEFT JOIN ledger_posting p ON p.transfer_id = t.id
        LEFT JOIN ledger_account a ON a.id = p.target_id
        LEFT JOIN ledger_account s ON s.id = p.source_id
        WHERE d.state = 'confirmed' GROUP BY d.id, d.points, d.brand_id
        HAVING COUNT(p.id) <> 1 OR SUM(p.points) <> d.points
            OR SUM(CASE WHEN a.kind = 'funds' AND a.brand_id = d.brand_id AND s.kind = 'world'
                THEN 1 ELSE 0 END) <> 1
        ORDER BY d.id""",
    "what came into funds from outside has its confirmed deposit": """
        SELECT 'transfer ' || t.key, 'a confirmed deposit', COALESCE('a ' || d.state || ' one', 'none')
        FROM ledger_transfer t LEFT JOIN campaigns_deposit d ON t.key = 'deposit:' || {deposit_key}
        WHERE t.reason = 'deposit' AND (d.id IS NULL OR d.state <> 'confirmed') ORDER BY t.key""",
}


def differences() -> Iterator[Difference]:
    """Every difference in orders and deposits, and between them, the code engine and the ledger; none in a
    sound database.
    """
    fill = {
        "order_key": _hex("o.public_id"),
        "deposit_key": _hex("d.public_id"),
        "printed_until": _PRINTED_UNTIL,
    }
    yield from run_checks({name: sql.format(**fill) for name, sql in (_CHECKS | REQUESTS).items()})
    yield from _not_as_submitted()
    yield from _not_as_checked()


def _hex(column: str) -> str:
    return f"REPLACE(CAST({column} AS text), '-', '')"


def _not_as_submitted() -> Iterator[Difference]:
    approved = Order.objects.filter(state=OrderState.APPROVED, batch__isnull=False)
    for order in approved.select_related("campaign", "batch").order_by("pk").iterator():
        if order.submitted_hash not in {fingerprint_of(order, version=version) for version in _told(order)}:
            subject, found = f"order {order.pk}", fingerprint_of(order)
            yield Difference(AS_SUBMITTED, subject, order.submitted_hash, found)


def _not_as_checked() -> Iterator[Difference]:
    """Orders that were approved on a legal check that is not whole, or not signed for where it had to be."""
    checks = LegalCheck.objects.filter(order__state=OrderState.APPROVED)
    for check in checks.select_related("sign_off", "order").order_by("pk").iterator():
        found = legal_facts.sha256_of(check.content)
        if found != check.sha256:
            yield Difference(AS_CHECKED, f"legal check {check.pk}", check.sha256, found)
        is_latest = legal_facts.latest_check(check.order) == check
        if is_latest and check.asks_counsel and getattr(check, "sign_off", None) is None:
            yield Difference(AS_CHECKED, f"legal check {check.pk}", "a sign-off", "none")


def _told(order: Order) -> Iterator[Campaign]:
    """The campaign as it may have been when the order was approved.

    Its period, its limit and (without orders) its address can be edited, and history keeps each version; of
    these, one has the limit and the address that the batch froze, and a period that holds its window.
    """
    batch = order.batch
    versions: QuerySet[Any] = Campaign.history.filter(id=order.campaign_id)
    kept = [record.instance for record in versions.order_by("-history_id")]
    for version in [order.campaign, *kept]:
        if (
            batch is not None
            and version.limit_per_member == batch.limit_per_member
            and batch.claim_url_base.endswith(page_address(version, site_url=""))
            and version.starts_at <= batch.claim_from
            and giftcodes.printed_until(batch) <= version.ends_at
        ):
            yield version
