"""Accounts, transfers and postings, lots and tallies (invariants 1, 3, 4, 6, 7)."""

# Each gives rows (subject, expected, found), one per difference, and passes over each of its tables once.
CHECKS = {
    "every posting has two accounts of one program": """
        SELECT 'posting ' || p.id, 'two accounts of one program',
               'source ' || p.source_id || ', target ' || p.target_id
        FROM ledger_posting p
        LEFT JOIN ledger_account s ON s.id = p.source_id LEFT JOIN ledger_account t ON t.id = p.target_id
        WHERE s.id IS NULL OR t.id IS NULL OR s.program_id <> t.program_id ORDER BY p.id""",
    "points are positive and ends differ": """
        SELECT 'posting ' || id, 'points 1 to 10^12 and two ends', points || ' points' FROM ledger_posting
        WHERE points <= 0 OR points > 1000000000000 OR source_id = target_id ORDER BY id""",
    "a posting has the moment of its transfer": """
        SELECT 'posting ' || p.id, 'the moment of ' || t.key, 'another' FROM ledger_posting p
        JOIN ledger_transfer t ON t.id = p.transfer_id WHERE p.posted_at <> t.posted_at ORDER BY p.id""",
    "a posting goes the way of its reason": """
        SELECT 'posting ' || p.id, 'a way of ' || r.reason, s.kind || ' to ' || t.kind FROM ledger_posting p
        JOIN ledger_transfer r ON r.id = p.transfer_id AND r.reason <> 'reverse'
        JOIN ledger_account s ON s.id = p.source_id JOIN ledger_account t ON t.id = p.target_id
        LEFT JOIN (
            SELECT 'deposit' AS reason, 'world to funds' AS way
            UNION ALL SELECT 'approve', 'funds to unclaimed' UNION ALL SELECT 'claim', 'unclaimed to wallet'
            UNION ALL SELECT 'void', 'unclaimed to funds' UNION ALL SELECT 'close', 'unclaimed to funds'
            UNION ALL SELECT 'grant', 'funds to wallet' UNION ALL SELECT 'spend', 'wallet to accepted'
            UNION ALL SELECT 'hold', 'wallet to held' UNION ALL SELECT 'capture', 'held to accepted'
            UNION ALL SELECT 'release', 'held to wallet' UNION ALL SELECT 'expire', 'wallet to breakage'
            UNION ALL SELECT 'forfeit', 'wallet to breakage'
            UNION ALL SELECT 'return', 'unclaimed to funds'
            UNION ALL SELECT 'settle', 'accepted to cleared' UNION ALL SELECT 'settle', 'cleared to accepted'
            UNION ALL SELECT 'correct', 'cleared to accepted'
            UNION ALL SELECT 'correct', 'accepted to cleared'
        ) ways ON ways.reason = r.reason AND ways.way = s.kind || ' to ' || t.kind
        WHERE ways.way IS NULL ORDER BY p.id""",
    "a reversal goes back the way of its original": """
        SELECT 'posting ' || p.id, 'back the way of a transfer that can be reversed',
               p.source_id || ' to ' || p.target_id || ' for ' || COALESCE(o.key, 'none')
        FROM ledger_posting p JOIN ledger_transfer r ON r.id = p.transfer_id AND r.reason = 'reverse'
        LEFT JOIN ledger_transfer o
            ON o.id = r.original_id AND o.reason IN ('deposit', 'claim', 'grant', 'spend', 'capture')
        WHERE NOT EXISTS (
            SELECT 1 FROM ledger_posting q WHERE q.transfer_id = o.id AND q.target_id = p.source_id AND (
                q.source_id = p.target_id OR o.reason = 'capture' AND EXISTS (
                    SELECT 1 FROM ledger_lotuse u JOIN ledger_lot l ON l.id = u.lot_id
                    WHERE u.transfer_id = o.id AND l.wallet_id = p.target_id))
        ) ORDER BY p.id""",
    "an account is of the kind of its label": """
        SELECT 'account ' || id, kind || COALESCE(' of brand ' || brand_id, ''), label FROM ledger_account
        WHERE label <> kind AND label NOT LIKE kind || ':%'
            OR kind IN ('funds', 'accepted', 'cleared', 'breakage') AND label <> kind || ':' || brand_id
            OR kind IN ('world', 'wallet', 'held') AND brand_id IS NOT NULL ORDER BY id""",
    "a lot has the moment of its transfer": """
        SELECT 'lot ' || l.id, 'the moment of ' || t.key, 'another' FROM ledger_lot l
        JOIN ledger_transfer t ON t.id = l.transfer_id WHERE l.granted_at <> t.posted_at ORDER BY l.id""",
    "every transfer has postings": """
        SELECT 'transfer ' || t.key, 'postings', 'none' FROM ledger_transfer t
        WHERE NOT EXISTS (SELECT 1 FROM ledger_posting p WHERE p.transfer_id = t.id) ORDER BY t.key""",
    "a program sums to zero": """
        SELECT 'program ' || program_id, '0', CAST(SUM(points) AS text) FROM (
            SELECT a.program_id, p.points FROM ledger_posting p JOIN ledger_account a ON a.id = p.target_id
            UNION ALL
            SELECT a.program_id, -p.points FROM ledger_posting p JOIN ledger_account a ON a.id = p.source_id
        ) ends GROUP BY program_id HAVING SUM(points) <> 0 ORDER BY program_id""",
    "a cached balance equals the sum of its postings": """
        SELECT 'account ' || a.label, CAST(COALESCE(s.points, 0) AS text), CAST(a.balance AS text)
        FROM ledger_account a LEFT JOIN (
            SELECT account_id, SUM(points) AS points FROM (
                SELECT target_id AS account_id, points FROM ledger_posting
                UNION ALL SELECT source_id, -points FROM ledger_posting
            ) ends GROUP BY account_id
        ) s ON s.account_id = a.id
        WHERE a.balance IS NOT NULL AND a.balance <> COALESCE(s.points, 0) ORDER BY a.id""",
    "a guarded account is not below its floor": """
        SELECT 'account ' || label, 'at least ' || floor, CAST(balance AS text) FROM ledger_account
        WHERE balance < floor ORDER BY id""",
    "the lots of a wallet add up to its balance": """
        SELECT 'account ' || a.label, CAST(a.balance AS text), CAST(COALESCE(l.points, 0) AS text)
        FROM ledger_account a LEFT JOIN (
            SELECT wallet_id, SUM(remaining_points) AS points FROM ledger_lot GROUP BY wallet_id
        ) l ON l.wallet_id = a.id
        WHERE a.kind = 'wallet' AND a.balance <> COALESCE(l.points, 0) ORDER BY a.id""",
    "a lot is what its transfer granted": """
        SELECT 'lot ' || l.id, l.granted_points || ' points into its wallet',
               COALESCE(CAST(p.points AS text), 'none')
        FROM ledger_lot l
        LEFT JOIN ledger_posting p ON p.transfer_id = l.transfer_id AND p.target_id = l.wallet_id
        WHERE p.points IS NULL OR p.points <> l.granted_points ORDER BY l.id""",
    "reversals stay within their original": """
        SELECT 'transfer ' || o.key, 'at most ' || o.points, CAST(r.points AS text) FROM (
            SELECT t.id, t.key, SUM(p.points) AS points FROM ledger_transfer t
            JOIN ledger_posting p ON p.transfer_id = t.id GROUP BY t.id, t.key
        ) o JOIN (
            SELECT t.original_id, SUM(p.points) AS points FROM ledger_transfer t
            JOIN ledger_posting p ON p.transfer_id = t.id
            WHERE t.original_id IS NOT NULL GROUP BY t.original_id
        ) r ON r.original_id = o.id WHERE r.points > o.points ORDER BY o.key""",
    "a reversal tally equals its reversals": """
        SELECT 'transfer ' || o.key, CAST(SUM(reversed) AS text), CAST(SUM(tallied) AS text) FROM (
            SELECT original_id, reversed_points AS tallied, 0 AS reversed FROM ledger_reversaltally
            UNION ALL
            SELECT t.original_id, 0, p.points FROM ledger_transfer t
            JOIN ledger_posting p ON p.transfer_id = t.id WHERE t.original_id IS NOT NULL
        ) sides JOIN ledger_transfer o ON o.id = sides.original_id
        GROUP BY o.id, o.key HAVING SUM(reversed) <> SUM(tallied) ORDER BY o.key""",
    "a reversal tally has the points of its original": """
        SELECT 'transfer ' || o.key, CAST(SUM(p.points) AS text), CAST(y.original_points AS text)
        FROM ledger_reversaltally y JOIN ledger_transfer o ON o.id = y.original_id
        JOIN ledger_posting p ON p.transfer_id = o.id
        GROUP BY o.key, y.original_points HAVING SUM(p.points) <> y.original_points ORDER BY o.key""",
}
