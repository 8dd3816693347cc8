"""What the audit asks of withdrawals that were asked for. Each gives rows (subject, expected, found), one per
difference.
"""

VOIDS = {
    "a request withdrew what it says, and nothing before it was approved": """
        SELECT 'withdrawal ' || r.id, COALESCE(r.voided_codes, 0) || ' codes',
            COALESCE(v.codes, 0) || ' codes'
        FROM giftcodes_voidrequest r LEFT JOIN (
            SELECT request_id, SUM(codes) AS codes FROM giftcodes_void GROUP BY request_id
        ) v ON v.request_id = r.id
        WHERE COALESCE(r.voided_codes, 0) <> COALESCE(v.codes, 0) ORDER BY r.id""",
    "a request names as many codes as its ranges hold": """
        SELECT 'withdrawal ' || r.id, r.codes || ' codes', COALESCE(s.codes, 0) || ' codes'
        FROM giftcodes_voidrequest r LEFT JOIN (
            SELECT request_id, SUM(last_serial - first_serial + 1) AS codes FROM giftcodes_voidspan
            GROUP BY request_id
        ) s ON s.request_id = r.id
        WHERE r.codes <> COALESCE(s.codes, 0) ORDER BY r.id""",
    "a range was withdrawn by the people of its request": """
        SELECT 'void ' || v.id, 'users ' || r.requested_by_id || ' and ' || COALESCE(r.decided_by_id, 0),
            'users ' || v.requested_by_id || ' and ' || v.approved_by_id
        FROM giftcodes_void v JOIN giftcodes_voidrequest r ON r.id = v.request_id
        WHERE v.batch_id <> r.batch_id OR v.requested_by_id <> r.requested_by_id
            OR v.approved_by_id <> COALESCE(r.decided_by_id, 0) ORDER BY v.id""",
    "the points of a request came back in one transfer": """
        SELECT 'withdrawal ' || r.id, r.voided_codes * b.face_points || ' points',
            COALESCE(SUM(p.points), 0) || ' points'
        FROM giftcodes_voidrequest r JOIN giftcodes_batch b ON b.id = r.batch_id
        LEFT JOIN ledger_transfer t ON t.key = 'void:request:' || r.id AND t.reason = 'void'
        LEFT JOIN ledger_posting p ON p.transfer_id = t.id AND p.source_id = b.unclaimed_id
        WHERE r.state = 'approved' GROUP BY r.id, r.voided_codes, b.face_points
        HAVING r.voided_codes * b.face_points <> COALESCE(SUM(p.points), 0) ORDER BY r.id""",
}
