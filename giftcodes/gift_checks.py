"""What the audit asks of batches that issue gifts. Each gives rows (subject, expected, found), one per
difference.
"""

GIFTS = {
    "a series is the sandbox's or all others'": """
        SELECT 'batch ' || b.id, CASE WHEN p.is_sandbox THEN 'series 9' ELSE 'a series below 9' END,
            'series ' || b.series_id
        FROM giftcodes_batch b JOIN parties_brand r ON r.id = b.brand_id
        JOIN parties_program p ON p.id = r.program_id
        WHERE (b.series_id = 9 AND NOT p.is_sandbox) OR (b.series_id <> 9 AND p.is_sandbox) ORDER BY b.id""",
    "a gift lies in the range of a batch of its brand that issues gifts": """
        SELECT 'gift ' || g.id, 'a serial of a batch for the API, of brand ' || g.brand_id,
            COALESCE('batch ' || b.id || ' of brand ' || b.brand_id, 'no batch')
        FROM giftcodes_gift g LEFT JOIN giftcodes_batch b ON b.id = g.batch_id
        WHERE b.id IS NULL OR b.most_points IS NULL OR b.brand_id <> g.brand_id
            OR g.id - {claim_id_of_zero} NOT BETWEEN b.first_serial AND b.first_serial + b.size - 1
        ORDER BY g.id""",
    "a gift keeps within the terms of its batch": """
        SELECT 'gift ' || g.id, 'at most ' || b.most_points || ' points, issued from ' || b.claim_from
                || ' and ' || b.activated_at || ' on, claimable until ' || b.claim_until || ' at the latest',
            g.points || ' points, issued at ' || g.issued_at || ', claimable until ' || g.claim_until
        FROM giftcodes_gift g JOIN giftcodes_batch b ON b.id = g.batch_id
        WHERE g.points > b.most_points OR g.claim_until > b.claim_until OR g.issued_at < b.claim_from
            OR g.issued_at < b.activated_at ORDER BY g.id""",
    "a gift has a claim if it is claimed, and of the same moment": """
        SELECT 'gift ' || g.id, COALESCE('claimed at ' || c.claimed_at, 'no claim'),
            g.state || COALESCE(' at ' || g.ended_at, '')
        FROM giftcodes_gift g LEFT JOIN giftcodes_claim c ON c.id = g.id
        WHERE (g.state = 'claimed' AND c.id IS NULL) OR (g.state <> 'claimed' AND c.id IS NOT NULL)
            OR {claimed_at} <> {ended_at} ORDER BY g.id""",
    "what was claimed of a batch for the API had been issued": """
        SELECT 'claim ' || c.id, 'a gift', 'none'
        FROM giftcodes_claim c JOIN giftcodes_batch b ON b.id = c.batch_id
        LEFT JOIN giftcodes_gift g ON g.id = c.id
        WHERE b.most_points IS NOT NULL AND g.id IS NULL ORDER BY c.id""",
    "a gift was claimed in its time": """
        SELECT 'gift ' || g.id, 'before ' || g.claim_until, CAST(g.ended_at AS text)
        FROM giftcodes_gift g WHERE g.state = 'claimed' AND g.ended_at >= g.claim_until ORDER BY g.id""",
    "a request issued what it asked for, from its batch": """
        SELECT 'request ' || r.id, r.gifts || ' gifts of batch ' || r.batch_id,
            COUNT(g.id) || ' gifts of ' || COUNT(DISTINCT g.position) || ' positions'
        FROM giftcodes_giftrequest r LEFT JOIN giftcodes_gift g ON g.request_id = r.id
            AND g.batch_id = r.batch_id AND g.position < r.gifts
        GROUP BY r.id, r.gifts, r.batch_id HAVING COUNT(g.id) <> r.gifts ORDER BY r.id""",
    "a request is of a client of the brand": """
        SELECT 'request ' || r.id, 'a client of brand ' || b.brand_id,
            COALESCE('client ' || a.id || ' of brand ' || a.brand_id, 'no client')
        FROM giftcodes_giftrequest r JOIN giftcodes_batch b ON b.id = r.batch_id
        LEFT JOIN parties_apiclient a ON a.id = r.client_id
        WHERE a.id IS NULL OR a.brand_id <> b.brand_id ORDER BY r.id""",
    "a withdrawn gift brought its points back, and says why": """
        SELECT 'gift ' || g.id, g.points || ' points of account ' || b.unclaimed_id || ' to funds',
            CASE WHEN v.id IS NULL THEN 'no reason' ELSE
            COALESCE(p.points || ' points of account ' || p.source_id || ' to ' || a.kind, 'none') END
        FROM giftcodes_gift g JOIN giftcodes_batch b ON b.id = g.batch_id
        LEFT JOIN giftcodes_giftvoid v ON v.gift_id = g.id
        LEFT JOIN ledger_transfer t ON t.key = 'void:gift:' || g.id AND t.reason = 'void'
        LEFT JOIN ledger_posting p ON p.transfer_id = t.id LEFT JOIN ledger_account a ON a.id = p.target_id
        WHERE g.state = 'voided' AND (v.id IS NULL OR p.id IS NULL OR p.points <> g.points
            OR p.source_id <> b.unclaimed_id OR a.kind <> 'funds' OR a.brand_id <> g.brand_id)
        ORDER BY g.id""",
    "strands begin where the one before ends, and reach the end of their batch": """
        SELECT 'batch ' || id, 'strands from ' || first_serial || ' to ' || end_serial,
            COALESCE(last || ' at the end, ' || crossings || ' overlaps', 'none')
        FROM (
            SELECT b.id, b.first_serial, b.first_serial + b.size AS end_serial, MAX(s.end_serial) AS last,
                SUM(CASE WHEN s.next_serial < s.begins THEN 1 ELSE 0 END) AS crossings
            FROM giftcodes_batch b LEFT JOIN {strands} s ON s.batch_id = b.id
            WHERE b.most_points IS NOT NULL GROUP BY b.id, b.first_serial, b.size
        ) batches WHERE last IS NULL OR last <> end_serial OR crossings > 0 ORDER BY id""",
    "a strand has gone on by what was issued of it": """
        SELECT 'strand ' || s.id, s.next_serial - s.begins || ' gifts before ' || s.next_serial,
            COUNT(g.id) || ' gifts before '
                || (COALESCE(MAX(g.id) - {claim_id_of_zero}, s.begins - 1) + 1)
        FROM {strands} s JOIN giftcodes_batch b ON b.id = s.batch_id AND b.state <> 'closed'
        LEFT JOIN giftcodes_gift g ON g.id >= {claim_id_of_zero} + s.begins
            AND g.id < {claim_id_of_zero} + s.end_serial
        GROUP BY s.id, s.next_serial, s.begins, b.series_id
        HAVING COUNT(g.id) <> s.next_serial - s.begins
            OR COALESCE(MAX(g.id) - {claim_id_of_zero}, s.begins - 1) >= s.next_serial ORDER BY s.id""",
    "what was issued and what is left add up to the order": """
        SELECT 'batch ' || b.id, b.size * b.face_points || ' points',
            COALESCE(g.points, 0) || ' issued and ' || COALESCE(s.points, 0) || ' left'
        FROM giftcodes_batch b
        LEFT JOIN (SELECT batch_id, SUM(points) AS points FROM giftcodes_gift GROUP BY batch_id) g
            ON g.batch_id = b.id
        LEFT JOIN (SELECT batch_id, SUM(points_left) AS points FROM giftcodes_giftstrand GROUP BY batch_id) s
            ON s.batch_id = b.id
        WHERE b.most_points IS NOT NULL AND CASE WHEN b.state = 'closed' THEN COALESCE(s.points, 0) <> 0
            ELSE COALESCE(g.points, 0) + COALESCE(s.points, 0) <> b.size * b.face_points END ORDER BY b.id""",
}
# Every strand with the serial that it began with.
STRANDS = """(
    SELECT s.id, s.batch_id, s.next_serial, s.end_serial, COALESCE(LAG(s.end_serial) OVER (
        PARTITION BY s.batch_id ORDER BY s.place
    ), b.first_serial) AS begins FROM giftcodes_giftstrand s JOIN giftcodes_batch b ON b.id = s.batch_id
)"""
