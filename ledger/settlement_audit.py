"""Recompute every statement from the uses it counts, and name each difference. Run by `ledger.audit`."""

from collections.abc import Iterator

from ledger.files.content import recounted_content
from ledger.files.csv import fingerprint
from ledger.models import Settlement, SettlementState

# Each gives rows (subject, expected, found), one per difference. What a statement counts are the uses of its
# period and those that came late: see `ledger.counting`.
CHECKS = {
    "a statement counts its uses": """
        WITH counted AS (
            SELECT s.id AS settlement_id, u.funder_id, u.acceptor_id, u.store_id, u.points, 0 AS earlier
            FROM ledger_settlement s LEFT JOIN ledger_settlement b ON b.id = s.previous_id
            JOIN ledger_lotuse u ON u.program_id = s.program_id AND u.acceptor_id IS NOT NULL
                AND u.posted_at < s.ends_at AND u.id <= s.last_use_id
                AND (b.id IS NULL OR u.posted_at >= b.ends_at)
            WHERE s.state <> 'rejected'
            UNION ALL
            SELECT s.id, u.funder_id, u.acceptor_id, u.store_id, u.points, u.points
            FROM ledger_settlement s JOIN ledger_settlement b ON b.id = s.previous_id
            JOIN ledger_lotuse u ON u.program_id = s.program_id AND u.acceptor_id IS NOT NULL
                AND u.id > b.last_use_id AND u.id <= s.last_use_id AND u.posted_at < b.ends_at
            WHERE s.state <> 'rejected'
        )
        SELECT 'settlement ' || settlement_id || ', ' || funder_id || ' to ' || acceptor_id || ' in '
               || COALESCE(CAST(store_id AS text), 'no store'),
               SUM(uses) || ' uses, ' || SUM(points) || ' points, ' || SUM(earlier) || ' earlier',
               SUM(line_uses) || ' uses, ' || SUM(line_points) || ' points, '
               || SUM(line_earlier) || ' earlier'
        FROM (
            SELECT settlement_id, funder_id, acceptor_id, store_id,
                   COUNT(*) AS uses, SUM(points) AS points, SUM(earlier) AS earlier,
                   0 AS line_uses, 0 AS line_points, 0 AS line_earlier
            FROM counted GROUP BY settlement_id, funder_id, acceptor_id, store_id
            UNION ALL
            SELECT l.settlement_id, l.funder_id, l.acceptor_id, l.store_id, 0, 0, 0,
                   l.uses, l.points, l.earlier_points
            FROM ledger_settlementline l JOIN ledger_settlement s ON s.id = l.settlement_id
            WHERE s.state <> 'rejected'
        ) sides GROUP BY settlement_id, funder_id, acceptor_id, store_id
        HAVING SUM(uses) <> SUM(line_uses) OR SUM(points) <> SUM(line_points)
               OR SUM(earlier) <> SUM(line_earlier)
        ORDER BY settlement_id, funder_id, acceptor_id, store_id""",
    "a line is worth its points": """
        SELECT 'settlement line ' || l.id, l.points * s.yen_per_point || ' yen', l.yen || ' yen'
        FROM ledger_settlementline l JOIN ledger_settlement s ON s.id = l.settlement_id
        WHERE l.yen <> l.points * s.yen_per_point ORDER BY l.id""",
    "statements follow each other": """
        SELECT 'settlement ' || s.id, 'after ' || b.ends_at || ' and row ' || b.last_use_id,
               s.starts_at || ' to ' || s.ends_at || ', row ' || s.last_use_id
        FROM ledger_settlement s JOIN ledger_settlement b ON b.id = s.previous_id
        WHERE b.program_id <> s.program_id OR b.state <> 'closed' OR b.ends_at <> s.starts_at
              OR b.last_use_id > s.last_use_id
        ORDER BY s.id""",
    "a closed statement has moved its points": """
        SELECT 'settlement ' || settlement_id || ', ' || funder_id || ' to ' || acceptor_id,
               SUM(points) || ' points', SUM(moved) || ' points'
        FROM (
            SELECT l.settlement_id, l.funder_id, l.acceptor_id, l.points, 0 AS moved
            FROM ledger_settlementline l JOIN ledger_settlement s ON s.id = l.settlement_id
            WHERE s.state = 'closed'
            UNION ALL
            SELECT s.id, c.brand_id, a.brand_id, 0,
                   CASE WHEN p.target_id = c.id THEN p.points ELSE -p.points END
            FROM ledger_settlement s
            JOIN ledger_transfer t ON t.reason = 'settle'
                AND t.key = 'settle:' || REPLACE(CAST(s.public_id AS text), '-', '')
            JOIN ledger_posting p ON p.transfer_id = t.id
            JOIN ledger_account c ON c.kind = 'cleared' AND c.id IN (p.source_id, p.target_id)
            JOIN ledger_account a ON a.kind = 'accepted' AND a.id IN (p.source_id, p.target_id)
        ) sides GROUP BY settlement_id, funder_id, acceptor_id
        HAVING SUM(points) <> SUM(moved) ORDER BY settlement_id, funder_id, acceptor_id""",
    "a settling transfer belongs to a closed statement": """
        SELECT 'transfer ' || t.key, 'a closed statement', 'none' FROM ledger_transfer t
        WHERE t.reason = 'settle' AND NOT EXISTS (
            SELECT 1 FROM ledger_settlement s WHERE s.state = 'closed' AND s.decided_at = t.posted_at
            AND t.key = 'settle:' || REPLACE(CAST(s.public_id AS text), '-', '')) ORDER BY t.key""",
    "accepted points are used and not settled": """
        SELECT 'accepted points of brand ' || brand_id, CAST(SUM(owed) AS text), CAST(SUM(held) AS text)
        FROM (
            SELECT acceptor_id AS brand_id, points AS owed, 0 AS held FROM ledger_lotuse
            WHERE acceptor_id IS NOT NULL
            UNION ALL
            SELECT l.acceptor_id, -l.points, 0 FROM ledger_settlementline l
            JOIN ledger_settlement s ON s.id = l.settlement_id WHERE s.state = 'closed'
            UNION ALL
            SELECT a.brand_id, 0, p.points FROM ledger_posting p JOIN ledger_account a ON a.id = p.target_id
            WHERE a.kind = 'accepted'
            UNION ALL
            SELECT a.brand_id, 0, -p.points FROM ledger_posting p JOIN ledger_account a ON a.id = p.source_id
            WHERE a.kind = 'accepted'
        ) sides GROUP BY brand_id HAVING SUM(owed) <> SUM(held) ORDER BY brand_id""",
    "cleared points are settled and not corrected": """
        SELECT 'cleared points of brand ' || brand_id, CAST(SUM(settled) AS text), CAST(SUM(held) AS text)
        FROM (
            SELECT l.funder_id AS brand_id, l.points AS settled, 0 AS held FROM ledger_settlementline l
            JOIN ledger_settlement s ON s.id = l.settlement_id WHERE s.state = 'closed'
            UNION ALL
            SELECT funder_id, -points, 0 FROM ledger_lotuse WHERE kind = 'correction'
            UNION ALL
            SELECT a.brand_id, 0, p.points FROM ledger_posting p JOIN ledger_account a ON a.id = p.target_id
            WHERE a.kind = 'cleared'
            UNION ALL
            SELECT a.brand_id, 0, -p.points FROM ledger_posting p JOIN ledger_account a ON a.id = p.source_id
            WHERE a.kind = 'cleared'
        ) sides GROUP BY brand_id HAVING SUM(settled) <> SUM(held) ORDER BY brand_id""",
}

FINGERPRINT = "a statement gives its fingerprint"


def changed_fingerprints() -> Iterator[tuple[str, str, str]]:
    """Statements whose uses, counted again, no longer give the bytes that were agreed: (subject, expected,
    found).
    """
    kept = Settlement.objects.exclude(state=SettlementState.REJECTED).select_related("previous")
    for settlement in kept.order_by("pk").iterator(chunk_size=100):
        found = fingerprint(recounted_content(settlement))
        if found != settlement.sha256:
            yield f"settlement {settlement.pk}", settlement.sha256, found
