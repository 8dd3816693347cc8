"""What the audit asks of further deliveries and the custody of files: rows of (subject, expected, found)."""

from collections.abc import Iterator

from giftcodes.delivery_fingerprints import fingerprint_of
from giftcodes.delivery_models import FurtherDelivery
from ledger.audit import Difference

AS_APPROVED = "a delivery says what was asked for and approved"
# Each is about files that are in the log at all: those from before it are not.
DELIVERIES = {
    "a delivery holds as many codes as its batch or its channel": """
        SELECT 'delivery ' || d.id, CAST(COALESCE(c.size, b.size) AS text), CAST(d.code_count AS text)
        FROM giftcodes_furtherdelivery d JOIN giftcodes_batch b ON b.id = d.batch_id
        LEFT JOIN giftcodes_channel c ON c.id = d.channel_id
        WHERE d.code_count <> COALESCE(c.size, b.size) OR c.batch_id <> d.batch_id ORDER BY d.id""",
    "a delivery that was made again has the content of the first": """
        SELECT 'delivery ' || d.id, f.content_sha256, d.content_sha256
        FROM giftcodes_furtherdelivery d JOIN giftcodes_furtherdelivery f ON f.id = d.again_of_id
        WHERE d.sealed_at IS NOT NULL AND d.content_sha256 <> f.content_sha256 ORDER BY d.id""",
    "a file that was handed over is in the custody log, as it was sealed": """
        SELECT 'file ' || f.public_id, f.act || ' ' || f.sealed_sha256,
            COALESCE(e.sealed_sha256, 'nothing')
        FROM (
            SELECT public_id, sealed_sha256, 'downloaded' AS act FROM giftcodes_delivery
            WHERE downloaded_at IS NOT NULL
            UNION ALL SELECT public_id, sealed_sha256, 'passphrase' FROM giftcodes_delivery
            WHERE passphrase_shown_at IS NOT NULL
            UNION ALL SELECT public_id, sealed_sha256, 'downloaded' FROM giftcodes_furtherdelivery
            WHERE downloaded_at IS NOT NULL
            UNION ALL SELECT public_id, sealed_sha256, 'passphrase' FROM giftcodes_furtherdelivery
            WHERE passphrase_shown_at IS NOT NULL
        ) f JOIN giftcodes_custodyentry m ON m.file_id = f.public_id AND m.act = 'made'
        LEFT JOIN giftcodes_custodyentry e ON e.file_id = f.public_id AND e.act = f.act
        WHERE e.id IS NULL OR e.sealed_sha256 <> f.sealed_sha256 ORDER BY 1, 2""",
}


def changed_requests() -> Iterator[Difference]:
    """Deliveries whose rows are not what their fingerprints were taken of."""
    for delivery in FurtherDelivery.objects.order_by("pk").iterator(chunk_size=1_000):
        found = fingerprint_of(delivery)
        if found != delivery.request_hash:
            yield Difference(AS_APPROVED, f"delivery {delivery.pk}", delivery.request_hash, found)
