"""Holds, claims taken back, receivables, and acts by hand: what each row says, and what was posted for it."""

# Each gives rows (subject, expected, found), one per difference. {hold}, {act} and {reversal} are ids as they
# stand in keys.
_CHECKS = {
    "the held account holds the open holds": """
        SELECT 'program ' || program_id, CAST(SUM(held) AS text), CAST(SUM(posted) AS text) FROM (
            SELECT w.program_id, h.points AS held, 0 AS posted FROM ledger_hold h
            JOIN ledger_account w ON w.id = h.wallet_id WHERE h.state = 'open'
            UNION ALL
            SELECT a.program_id, 0, p.points FROM ledger_posting p
            JOIN ledger_account a ON a.id = p.target_id AND a.kind = 'held'
            UNION ALL
            SELECT a.program_id, 0, -p.points FROM ledger_posting p
            JOIN ledger_account a ON a.id = p.source_id AND a.kind = 'held'
        ) sides GROUP BY program_id HAVING SUM(held) <> SUM(posted) ORDER BY program_id""",
    "a hold set aside what was posted": """
        SELECT 'transfer ' || t.key, COALESCE(h.points || ' points of account ' || h.wallet_id, 'a hold'),
               COALESCE(p.points || ' points of account ' || p.source_id, 'none')
        FROM ledger_transfer t LEFT JOIN ledger_hold h ON h.transfer_id = t.id
        LEFT JOIN ledger_posting p ON p.transfer_id = t.id
        WHERE (t.reason = 'hold' OR h.transfer_id IS NOT NULL) AND (h.transfer_id IS NULL OR p.id IS NULL
            OR t.reason <> 'hold' OR h.points <> p.points OR h.wallet_id <> p.source_id
            OR h.held_at <> t.posted_at) ORDER BY t.key""",
    "a hold ended as its transfers say": """
        SELECT 'hold ' || {hold},
            h.captured_points || ' captured, '
                || CASE WHEN h.state = 'open' THEN 0 ELSE h.points - h.captured_points END || ' released',
            COALESCE(cp.points, 0) || ' captured, ' || COALESCE(rp.points, 0) || ' released'
        FROM ledger_hold h
        LEFT JOIN ledger_transfer c ON c.key = 'capture:' || {hold}
        LEFT JOIN ledger_posting cp ON cp.transfer_id = c.id
        LEFT JOIN ledger_transfer r ON r.key = 'release:' || {hold}
        LEFT JOIN ledger_posting rp ON rp.transfer_id = r.id
        WHERE COALESCE(cp.points, 0) <> h.captured_points OR COALESCE(rp.points, 0) <>
                CASE WHEN h.state = 'open' THEN 0 ELSE h.points - h.captured_points END
            OR c.posted_at <> h.ended_at OR r.posted_at <> h.ended_at OR rp.target_id <> h.wallet_id
        ORDER BY 1""",
    "a hold was captured in its store and its time": """
        SELECT DISTINCT 'hold ' || {hold}, 'store ' || h.store_id || ' before ' || h.expires_at,
               'store ' || u.store_id || ' at ' || h.ended_at
        FROM ledger_hold h JOIN ledger_transfer c ON c.key = 'capture:' || {hold}
        JOIN ledger_lotuse u ON u.transfer_id = c.id AND u.kind = 'spend'
        WHERE u.store_id <> h.store_id OR h.ended_at >= h.expires_at ORDER BY 1""",
    "a capture or release has its hold": """
        SELECT 'transfer ' || t.key, 'a hold', 'none'
        FROM ledger_transfer t LEFT JOIN (
            SELECT 'capture:' || {hold} AS key FROM ledger_hold h
            UNION ALL SELECT 'release:' || {hold} FROM ledger_hold h
        ) ends ON ends.key = t.key
        WHERE t.reason IN ('capture', 'release') AND ends.key IS NULL ORDER BY t.key""",
    "held points are in open holds": """
        SELECT 'account ' || wallet_id, CAST(SUM(held) AS text), CAST(SUM(used) AS text) FROM (
            SELECT wallet_id, points AS held, 0 AS used FROM ledger_hold WHERE state = 'open'
            UNION ALL
            SELECT l.wallet_id, 0, u.points FROM ledger_lotuse u JOIN ledger_lot l ON l.id = u.lot_id
            WHERE u.kind = 'hold'
        ) sides GROUP BY wallet_id HAVING SUM(held) <> SUM(used) ORDER BY wallet_id""",
    "no more of a lot is taken from holds than was held": """
        SELECT 'lot ' || lot_id, 'none below zero', CAST(SUM(points) AS text) FROM ledger_lotuse
        WHERE kind = 'hold' GROUP BY lot_id HAVING SUM(points) < 0 ORDER BY lot_id""",
    "points of a claim taken back go on to the funds": """
        SELECT 'transfer ' || r.key, p.points || ' points to its funds',
               COALESCE(q.points || ' points to account ' || q.target_id, 'none')
        FROM ledger_transfer r JOIN ledger_transfer o ON o.id = r.original_id AND o.reason = 'claim'
        JOIN ledger_posting p ON p.transfer_id = r.id
        LEFT JOIN ledger_transfer t ON t.key = 'return:' || {reversal} AND t.reason = 'return'
        LEFT JOIN ledger_posting q ON q.transfer_id = t.id
        LEFT JOIN ledger_account u ON u.id = p.target_id LEFT JOIN ledger_account f ON f.id = q.target_id
        WHERE q.id IS NULL OR p.points <> q.points OR p.target_id <> q.source_id
            OR COALESCE(u.brand_id, 0) <> COALESCE(f.brand_id, 0) ORDER BY r.key""",
    "points return to the funds for a claim taken back": """
        SELECT 'transfer ' || t.key, 'a claim taken back', 'none' FROM ledger_transfer t LEFT JOIN (
            SELECT 'return:' || {reversal} AS key FROM ledger_transfer r
            JOIN ledger_transfer o ON o.id = r.original_id AND o.reason = 'claim'
        ) reversals ON reversals.key = t.key
        WHERE t.reason = 'return' AND reversals.key IS NULL ORDER BY t.key""",
    "a receivable is what is missing of its original": """
        SELECT 'receivable of ' || t.key,
               l.granted_points - COALESCE(y.reversed_points, 0) - COALESCE(e.points, 0) || ' owed, 0 left',
               r.points - r.recovered_points || ' owed, ' || l.remaining_points || ' left'
        FROM ledger_receivable r JOIN ledger_transfer t ON t.id = r.original_id
        JOIN ledger_lot l ON l.transfer_id = t.id
        LEFT JOIN ledger_reversaltally y ON y.original_id = t.id
        LEFT JOIN (
            SELECT lot_id, SUM(points) AS points FROM ledger_lotuse
            WHERE kind IN ('expiry', 'forfeit') GROUP BY lot_id
        ) e ON e.lot_id = l.id
        WHERE r.points - r.recovered_points
                <> l.granted_points - COALESCE(y.reversed_points, 0) - COALESCE(e.points, 0)
            OR l.remaining_points <> 0 ORDER BY t.key""",
    "a receivable is of a lot, its wallet and its funder": """
        SELECT 'receivable of ' || t.key,
               COALESCE('account ' || l.wallet_id || ' to brand ' || l.funder_id, 'a claim or grant'),
               'account ' || r.wallet_id || ' to brand ' || r.funder_id
        FROM ledger_receivable r JOIN ledger_transfer t ON t.id = r.original_id
        LEFT JOIN ledger_lot l ON l.transfer_id = t.id
        WHERE l.id IS NULL OR l.wallet_id <> r.wallet_id OR l.funder_id <> r.funder_id ORDER BY t.key""",
    "what is missing of a claim or grant taken back is a receivable": """
        SELECT 'transfer ' || b.key, 'a receivable', 'none'
        FROM ledger_transfer b JOIN ledger_lot l ON l.transfer_id = b.original_id
        LEFT JOIN ledger_receivable r ON r.original_id = b.original_id
        LEFT JOIN ledger_reversaltally y ON y.original_id = b.original_id
        LEFT JOIN (
            SELECT lot_id, SUM(points) AS points FROM ledger_lotuse
            WHERE kind IN ('expiry', 'forfeit') GROUP BY lot_id
        ) e ON e.lot_id = l.id
        WHERE r.original_id IS NULL AND (b.key LIKE 'recover:%' OR b.key LIKE 'take_back:%'
            AND l.granted_points <> COALESCE(y.reversed_points, 0) + COALESCE(e.points, 0))
        ORDER BY b.key""",
    "what was recovered was taken from its lot": """
        SELECT 'receivable of ' || t.key, CAST(COALESCE(SUM(p.points), 0) AS text),
               CAST(r.recovered_points AS text)
        FROM ledger_receivable r JOIN ledger_transfer t ON t.id = r.original_id
        LEFT JOIN ledger_transfer b ON b.original_id = t.id AND b.key LIKE 'recover:%'
        LEFT JOIN ledger_posting p ON p.transfer_id = b.id
        GROUP BY t.key, r.recovered_points HAVING COALESCE(SUM(p.points), 0) <> r.recovered_points
        ORDER BY t.key""",
    "an act by hand was decided by another person": """
        SELECT 'adjustment ' || id, 'somebody other than ' || requested_by_id,
               COALESCE(CAST(decided_by_id AS text), 'nobody')
        FROM ledger_adjustment
        WHERE state <> 'requested' AND (decided_by_id IS NULL OR decided_by_id = requested_by_id)
        ORDER BY id""",
    "a confirmed act by hand has happened": """
        SELECT 'adjustment ' || a.id, a.kind || ' of ' || COALESCE(CAST(a.points AS text), 'all'),
               COALESCE(t.key || ' of ' || p.points, 'nothing')
        FROM ledger_adjustment a
        LEFT JOIN ledger_transfer t ON t.key = CASE a.kind
            WHEN 'grant' THEN 'grant:adjust:' WHEN 'correct' THEN 'correct:'
            ELSE CASE WHEN a.points IS NULL AND EXISTS (
                SELECT 1 FROM ledger_lot l WHERE l.transfer_id = a.original_id
            ) THEN 'take_back:adjust:' ELSE 'reverse:adjust:' END END || {act}
        LEFT JOIN ledger_posting p ON p.transfer_id = t.id
        LEFT JOIN ledger_lot l ON l.transfer_id = t.id
        LEFT JOIN ledger_receivable r ON r.original_id = a.original_id AND a.points IS NULL
        WHERE a.state = 'confirmed' AND (t.id IS NULL AND r.original_id IS NULL
            OR t.posted_at <> a.decided_at OR p.points <> ABS(a.points)
            OR a.kind = 'take_back' AND t.original_id <> a.original_id
            OR a.kind = 'grant' AND (l.wallet_id <> a.wallet_id OR l.funder_id <> a.brand_id))
            OR a.state <> 'confirmed' AND t.id IS NOT NULL ORDER BY a.id""",
    "a transfer by hand was confirmed": """
        SELECT 'transfer ' || t.key, 'a confirmed adjustment', 'none'
        FROM ledger_transfer t LEFT JOIN (
            SELECT 'grant:adjust:' || {act} AS key FROM ledger_adjustment a WHERE a.kind = 'grant'
            UNION ALL SELECT 'correct:' || {act} FROM ledger_adjustment a WHERE a.kind = 'correct'
            UNION ALL SELECT 'take_back:adjust:' || {act} FROM ledger_adjustment a WHERE a.kind = 'take_back'
            UNION ALL SELECT 'reverse:adjust:' || {act} FROM ledger_adjustment a WHERE a.kind = 'take_back'
        ) acts ON acts.key = t.key
        WHERE (t.reason = 'correct' OR t.key LIKE 'grant:adjust:%' OR t.key LIKE 'take_back:adjust:%'
            OR t.key LIKE 'reverse:adjust:%') AND acts.key IS NULL ORDER BY t.key""",
}
_HEX = "REPLACE(CAST({0} AS text), '-', '')"
_IDS = {
    "hold": _HEX.format("h.transfer_id"),
    "act": _HEX.format("a.public_id"),
    "reversal": _HEX.format("r.id"),
}
CHECKS = {name: sql.format(**_IDS) for name, sql in _CHECKS.items()}
