"""What became of the points of each lot (invariants 2, 5, 6 and 8)."""

# Each gives rows (subject, expected, found), one per difference.
CHECKS = {
    "a lot has left what its uses left": """
        SELECT 'lot ' || l.id, CAST(l.granted_points - COALESCE(u.points, 0) AS text),
               CAST(l.remaining_points AS text)
        FROM ledger_lot l LEFT JOIN (
            SELECT lot_id, SUM(points) AS points FROM ledger_lotuse WHERE lot_id IS NOT NULL GROUP BY lot_id
        ) u ON u.lot_id = l.id
        WHERE l.remaining_points <> l.granted_points - COALESCE(u.points, 0) ORDER BY l.id""",
    "the uses of a transfer are what it moved out of a wallet": """
        SELECT 'transfer ' || COALESCE(t.key, 'unknown') || ', account ' || wallet_id,
               CAST(SUM(moved) AS text), CAST(SUM(used) AS text)
        FROM (
            SELECT p.transfer_id, p.source_id AS wallet_id, p.points AS moved, 0 AS used FROM ledger_posting p
            JOIN ledger_account a ON a.id = p.source_id AND a.kind = 'wallet'
            UNION ALL
            SELECT p.transfer_id, p.target_id, -p.points, 0 FROM ledger_posting p
            JOIN ledger_account a ON a.id = p.target_id AND a.kind = 'wallet'
            UNION ALL
            SELECT transfer_id, wallet_id, 0, -granted_points FROM ledger_lot
            UNION ALL
            SELECT u.transfer_id, COALESCE(l.wallet_id, 0), 0, u.points FROM ledger_lotuse u
            LEFT JOIN ledger_lot l ON l.id = u.lot_id WHERE u.kind <> 'correction'
        ) sides LEFT JOIN ledger_transfer t ON t.id = sides.transfer_id
        GROUP BY transfer_id, t.key, wallet_id HAVING SUM(moved) <> SUM(used) ORDER BY 1""",
    "what a brand accepted in a transfer are uses of points": """
        SELECT 'transfer ' || COALESCE(t.key, 'unknown') || ', brand ' || sides.brand_id,
               CAST(SUM(moved) AS text), CAST(SUM(used) AS text)
        FROM (
            SELECT p.transfer_id, a.brand_id, p.points AS moved, 0 AS used FROM ledger_posting p
            JOIN ledger_account a ON a.id = p.target_id AND a.kind = 'accepted'
            UNION ALL
            SELECT p.transfer_id, a.brand_id, -p.points, 0 FROM ledger_posting p
            JOIN ledger_account a ON a.id = p.source_id AND a.kind = 'accepted'
            UNION ALL
            SELECT transfer_id, acceptor_id, 0, points FROM ledger_lotuse WHERE acceptor_id IS NOT NULL
        ) sides LEFT JOIN ledger_transfer t ON t.id = sides.transfer_id
        WHERE t.reason IS NULL OR t.reason <> 'settle'
        GROUP BY sides.transfer_id, t.key, sides.brand_id HAVING SUM(moved) <> SUM(used) ORDER BY 1""",
    "a use is of its transfer's kind": """
        SELECT 'use ' || u.id, 'a use of ' || COALESCE(t.reason, 'a transfer'),
               u.kind || ' of ' || u.points || ' points'
        FROM ledger_lotuse u LEFT JOIN ledger_transfer t ON t.id = u.transfer_id
        LEFT JOIN (
            SELECT 'spend' AS reason, 'spend' AS kind, 1 AS sign
            UNION ALL SELECT 'hold', 'hold', 1
            UNION ALL SELECT 'capture', 'hold', -1 UNION ALL SELECT 'capture', 'spend', 1
            UNION ALL SELECT 'release', 'hold', -1 UNION ALL SELECT 'expire', 'expiry', 1
            UNION ALL SELECT 'forfeit', 'forfeit', 1
            UNION ALL SELECT 'reverse', 'withdrawal', 1 UNION ALL SELECT 'reverse', 'spend', -1
            UNION ALL SELECT 'correct', 'correction', 1 UNION ALL SELECT 'correct', 'correction', -1
        ) ways ON ways.reason = t.reason AND ways.kind = u.kind AND ways.sign * u.points > 0
        WHERE ways.kind IS NULL ORDER BY u.id""",
    "a use has the moment of its transfer": """
        SELECT 'use ' || u.id, 'the moment of ' || t.key, 'another' FROM ledger_lotuse u
        JOIN ledger_transfer t ON t.id = u.transfer_id WHERE u.posted_at <> t.posted_at ORDER BY u.id""",
    "a use has the funder of its lot": """
        SELECT 'use ' || u.id, 'funder ' || COALESCE(CAST(l.funder_id AS text), 'of a lot'),
               'funder ' || u.funder_id
        FROM ledger_lotuse u LEFT JOIN ledger_lot l ON l.id = u.lot_id
        WHERE u.kind <> 'correction' AND (l.id IS NULL OR l.funder_id <> u.funder_id) ORDER BY u.id""",
    "a use is of the program of its brands": """
        SELECT 'use ' || u.id, 'program ' || COALESCE(CAST(f.program_id AS text), 'of a brand'),
               'program ' || u.program_id
        FROM ledger_lotuse u LEFT JOIN parties_brand f ON f.id = u.funder_id
        LEFT JOIN parties_brand a ON a.id = u.acceptor_id
        WHERE f.id IS NULL OR f.program_id <> u.program_id
            OR u.acceptor_id IS NOT NULL AND (a.id IS NULL OR a.program_id <> u.program_id) ORDER BY u.id""",
    "a use was accepted in a store of its acceptor": """
        SELECT 'use ' || u.id, 'a store of brand ' || u.acceptor_id, 'store ' || u.store_id
        FROM ledger_lotuse u LEFT JOIN parties_store s ON s.id = u.store_id
        WHERE u.store_id IS NOT NULL AND (s.id IS NULL OR s.brand_id <> u.acceptor_id) ORDER BY u.id""",
    "a lot is paid by its funder": """
        SELECT 'lot ' || l.id, 'points of brand ' || l.funder_id,
               'points of ' || COALESCE('brand ' || a.brand_id, 'no brand')
        FROM ledger_lot l
        JOIN ledger_posting p ON p.transfer_id = l.transfer_id AND p.target_id = l.wallet_id
        JOIN ledger_account a ON a.id = p.source_id
        WHERE COALESCE(a.brand_id, 0) <> l.funder_id ORDER BY l.id""",
    "a lot pays before its end and expires from then on": """
        SELECT 'use ' || u.id, CASE WHEN t.reason = 'expire' THEN 'from ' ELSE 'before ' END || l.expires_at,
               CAST(u.posted_at AS text)
        FROM ledger_lotuse u JOIN ledger_lot l ON l.id = u.lot_id
        JOIN ledger_transfer t ON t.id = u.transfer_id
        WHERE t.reason IN ('spend', 'hold', 'forfeit') AND u.posted_at >= l.expires_at
            OR t.reason = 'expire' AND u.posted_at < l.expires_at ORDER BY u.id""",
    "expired points are breakage of their funder": """
        SELECT 'posting ' || p.id, 'breakage of brand ' || u.funder_id,
               a.kind || ' of ' || COALESCE('brand ' || a.brand_id, 'no brand')
        FROM ledger_lotuse u JOIN ledger_posting p ON p.transfer_id = u.transfer_id
        JOIN ledger_account a ON a.id = p.target_id
        WHERE u.kind = 'expiry' AND (a.kind <> 'breakage' OR COALESCE(a.brand_id, 0) <> u.funder_id)
        ORDER BY p.id""",
    "points given up are breakage of their funders": """
        SELECT 'transfer ' || COALESCE(t.key, 'unknown') || ', brand ' || COALESCE(sides.brand_id, 0),
               CAST(SUM(used) AS text), CAST(SUM(moved) AS text)
        FROM (
            SELECT u.transfer_id, u.funder_id AS brand_id, u.points AS used, 0 AS moved FROM ledger_lotuse u
            WHERE u.kind = 'forfeit'
            UNION ALL
            SELECT p.transfer_id, a.brand_id, 0, p.points FROM ledger_posting p
            JOIN ledger_transfer f ON f.id = p.transfer_id AND f.reason = 'forfeit'
            JOIN ledger_account a ON a.id = p.target_id AND a.kind = 'breakage'
        ) sides LEFT JOIN ledger_transfer t ON t.id = sides.transfer_id
        GROUP BY sides.transfer_id, t.key, sides.brand_id HAVING SUM(used) <> SUM(moved) ORDER BY 1""",
}
