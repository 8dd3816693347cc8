"""What the audit asks of extended claim windows. Each gives rows (subject, expected, found)."""

EXTENSIONS = {
    "a batch ends when its last extension says": """
        SELECT 'batch ' || b.id, CAST(MAX(x.until_after) AS text), CAST(b.claim_until AS text)
        FROM giftcodes_batch b JOIN giftcodes_batchextension x ON x.batch_id = b.id
        GROUP BY b.id, b.claim_until HAVING MAX(x.until_after) <> b.claim_until ORDER BY b.id""",
    "an extension begins where the window ended": """
        SELECT 'extension ' || id, CAST(wanted AS text), CAST(until_before AS text) FROM (
            SELECT id, until_before, LAG(until_after) OVER (
                PARTITION BY batch_id ORDER BY until_before, id
            ) AS wanted FROM giftcodes_batchextension
        ) extensions WHERE wanted IS NOT NULL AND wanted <> until_before ORDER BY id""",
}
