"""What the audit asks of extensions that were asked for. Each gives rows (subject, expected, found)."""

REQUESTS = {
    "a claim window was extended as it was asked for, by two people": """
        SELECT 'extension ' || r.id,
            r.until_before || ' to ' || r.until_after || ' by ' || r.requested_by_id || ' and '
                || COALESCE(r.decided_by_id, 0),
            x.until_before || ' to ' || x.until_after || ' by ' || x.requested_by_id || ' and '
                || x.approved_by_id
        FROM campaigns_extensionrequest r JOIN giftcodes_batchextension x ON x.id = r.amendment_id
        JOIN campaigns_order o ON o.id = r.order_id
        WHERE x.batch_id <> COALESCE(o.batch_id, 0) OR x.until_before <> r.until_before
            OR x.until_after <> r.until_after OR x.requested_by_id <> r.requested_by_id
            OR x.approved_by_id <> COALESCE(r.decided_by_id, 0) ORDER BY r.id""",
    "a claim window is extended by a request alone": """
        SELECT 'batch ' || x.batch_id, 'a request', 'none'
        FROM giftcodes_batchextension x LEFT JOIN campaigns_extensionrequest r ON r.amendment_id = x.id
        WHERE r.id IS NULL ORDER BY x.id""",
}
