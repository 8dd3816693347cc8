"""Recompute what the code engine says of itself, and name each difference (invariants 9 to 12, 14 and 16)."""

from collections.abc import Iterator
from pathlib import Path

from django.db import connection

from giftcodes import journal, keys
from giftcodes.delivery_checks import DELIVERIES, changed_requests
from giftcodes.errors import JournalError, KeysMissing
from giftcodes.extension_checks import EXTENSIONS
from giftcodes.gift_checks import GIFTS, STRANDS
from giftcodes.models import Batch
from giftcodes.restores import gifts_folder
from giftcodes.void_checks import VOIDS
from ledger.audit import Difference, run_checks
from ledger.errors import SealKeyMissing
from ledger.expiry import end_after_days
from ledger.statements import as_instant

# Each gives rows (subject, expected, found), one per difference, and passes over each of its tables once.
_CLAIMS = {
    "a claim has one transfer, from its batch into its member's wallet": """
        SELECT 'claim ' || c.id,
            c.points || ' points of account ' || COALESCE(b.unclaimed_id, 0) || ' to member '
                || c.member_id,
            COALESCE(p.points || ' points of account ' || p.source_id || ' to account ' || p.target_id,
                'none')
        FROM giftcodes_claim c
        LEFT JOIN giftcodes_batch b ON b.id = c.batch_id
        LEFT JOIN ledger_transfer t ON t.key = 'claim:' || c.id AND t.reason = 'claim'
        LEFT JOIN ledger_posting p ON p.transfer_id = t.id
        LEFT JOIN ledger_account a ON a.id = p.target_id
        WHERE b.id IS NULL OR p.id IS NULL OR p.points <> c.points OR p.source_id <> b.unclaimed_id
            OR a.kind <> 'wallet' OR COALESCE(a.member_id, 0) <> c.member_id ORDER BY c.id""",
    "a claim transfer has one posting": """
        SELECT 'transfer ' || t.key, '1', CAST(COUNT(*) AS text)
        FROM ledger_transfer t JOIN ledger_posting p ON p.transfer_id = t.id
        WHERE t.reason = 'claim' GROUP BY t.key HAVING COUNT(*) <> 1 ORDER BY t.key""",
    "a claim transfer has its claim": """
        SELECT 'transfer ' || t.key, 'a claim', 'none'
        FROM ledger_transfer t LEFT JOIN giftcodes_claim c ON t.key = 'claim:' || c.id
        WHERE t.reason = 'claim' AND c.id IS NULL ORDER BY t.key""",
    "a claim has the moment of its transfer": """
        SELECT 'claim ' || c.id, CAST(t.posted_at AS text), CAST(c.claimed_at AS text)
        FROM giftcodes_claim c JOIN ledger_transfer t ON t.key = 'claim:' || c.id
        WHERE {claimed_at} <> {posted_at} ORDER BY c.id""",
    "the points of a claim are the brand's whose batch it is": """
        SELECT 'claim ' || c.id, 'funder ' || b.brand_id, COALESCE('funder ' || l.funder_id, 'no lot')
        FROM giftcodes_claim c JOIN giftcodes_batch b ON b.id = c.batch_id
        LEFT JOIN ledger_transfer t ON t.key = 'claim:' || c.id
        LEFT JOIN ledger_lot l ON l.transfer_id = t.id
        WHERE l.id IS NULL OR l.funder_id <> b.brand_id ORDER BY c.id""",
    "a claim lies in the range of its batch": """
        SELECT 'claim ' || c.id, 'a serial of batch ' || c.batch_id, 'a serial outside'
        FROM giftcodes_claim c JOIN giftcodes_batch b ON b.id = c.batch_id
        WHERE c.id - {claim_id_of_zero} NOT BETWEEN b.first_serial AND b.first_serial + b.size - 1
        ORDER BY c.id""",
    "a claim brings the points of its batch": """
        SELECT 'claim ' || c.id, CAST(COALESCE(g.points, b.face_points) AS text), CAST(c.points AS text)
        FROM giftcodes_claim c JOIN giftcodes_batch b ON b.id = c.batch_id
        LEFT JOIN giftcodes_gift g ON g.id = c.id
        WHERE c.points <> COALESCE(g.points, b.face_points) ORDER BY c.id""",
    "a claim was made while its batch was active and in its window": """
        SELECT 'claim ' || c.id, 'from ' || b.claim_from || ' and ' ||
            COALESCE(CAST(b.activated_at AS text), 'never') || ' to before ' || b.claim_until,
            CAST(c.claimed_at AS text)
        FROM giftcodes_claim c JOIN giftcodes_batch b ON b.id = c.batch_id
        WHERE b.activated_at IS NULL OR c.claimed_at < b.activated_at
            OR c.claimed_at < b.claim_from OR c.claimed_at >= b.claim_until ORDER BY c.id""",
    "a limit per member is counted as it was claimed": """
        SELECT 'member ' || member_id || ' in ' || limit_group,
            CAST(SUM(claimed) AS text), CAST(SUM(tallied) AS text)
        FROM (
            SELECT limit_group, member_id, claims AS tallied, 0 AS claimed FROM giftcodes_claimtally
            UNION ALL
            SELECT b.limit_group, c.member_id, 0, COUNT(*) FROM giftcodes_claim c
            JOIN giftcodes_batch b ON b.id = c.batch_id WHERE b.limit_per_member IS NOT NULL
            GROUP BY b.limit_group, c.member_id
        ) sides GROUP BY limit_group, member_id HAVING SUM(tallied) <> SUM(claimed) ORDER BY 1""",
    "a limit per member is kept": """
        SELECT 'member ' || y.member_id || ' in ' || y.limit_group,
            'at most ' || b.most, CAST(y.claims AS text)
        FROM giftcodes_claimtally y JOIN (
            SELECT limit_group, MAX(limit_per_member) AS most FROM giftcodes_batch GROUP BY limit_group
        ) b ON b.limit_group = y.limit_group WHERE y.claims > b.most ORDER BY 1""",
}
_BATCHES = {
    "ranges of batches are disjoint": """
        SELECT 'batch ' || id, 'from serial ' || end_before || ' on', CAST(first_serial AS text) FROM (
            SELECT id, first_serial, MAX(first_serial + size) OVER (
                PARTITION BY series_id ORDER BY first_serial, id {before_it}
            ) AS end_before FROM giftcodes_batch
        ) ranges WHERE first_serial < end_before ORDER BY id""",
    "a channel begins where the one before it ends": """
        SELECT 'channel ' || id, CAST(wanted AS text), CAST(first_serial AS text) FROM (
            SELECT c.id, c.first_serial, b.first_serial + COALESCE(SUM(c.size) OVER (
                PARTITION BY c.batch_id ORDER BY c.first_serial, c.id {before_it}
            ), 0) AS wanted FROM giftcodes_channel c JOIN giftcodes_batch b ON b.id = c.batch_id
        ) channels WHERE first_serial <> wanted ORDER BY id""",
    "the channels of a batch add up to it": """
        SELECT 'batch ' || b.id, b.size || ' codes', COALESCE(SUM(c.size), 0) || ' codes'
        FROM giftcodes_batch b LEFT JOIN giftcodes_channel c ON c.batch_id = b.id
        GROUP BY b.id, b.size HAVING COALESCE(SUM(c.size), 0) <> b.size ORDER BY b.id""",
    "codes = unclaimed + claimed + voided + expired": """
        SELECT 'batch ' || id, CASE WHEN state = 'closed' THEN '0 unclaimed' ELSE 'none below zero' END,
            unclaimed || ' unclaimed' FROM {codes} codes
        WHERE unclaimed < 0 OR (state = 'closed' AND unclaimed <> 0) ORDER BY id""",
    "the unclaimed account holds face x unclaimed": """
        SELECT 'batch ' || codes.id, CAST(unclaimed_points AS text), CAST(COALESCE(points, 0) AS text)
        FROM {codes} codes LEFT JOIN (
            SELECT account_id, SUM(points) AS points FROM (
                SELECT target_id AS account_id, points FROM ledger_posting
                UNION ALL SELECT source_id, -points FROM ledger_posting
            ) ends GROUP BY account_id
        ) sums ON sums.account_id = codes.unclaimed_id
        WHERE unclaimed_points <> COALESCE(points, 0) ORDER BY codes.id""",
    "the points of a batch came with the approval of its order": """
        SELECT 'batch ' || b.id, b.size * b.face_points || ' points of ' || b.order_key,
            COALESCE(CAST(p.points AS text), 'none')
        FROM giftcodes_batch b
        LEFT JOIN ledger_transfer t ON t.key = 'approve:' || b.order_key AND t.reason = 'approve'
        LEFT JOIN ledger_posting p ON p.transfer_id = t.id AND p.target_id = b.unclaimed_id
        WHERE p.points IS NULL OR p.points <> b.size * b.face_points ORDER BY b.id""",
    "an account of unclaimed points belongs to a batch": """
        SELECT 'account ' || a.id, 'a batch of the same brand', COALESCE('batch ' || b.id, 'none')
        FROM ledger_account a LEFT JOIN giftcodes_batch b ON b.unclaimed_id = a.id
        WHERE a.kind = 'unclaimed' AND (b.id IS NULL OR b.brand_id <> a.brand_id) ORDER BY a.id""",
    "a void withdrew what was not claimed in its range": """
        SELECT 'void ' || v.id,
            CAST(v.last_serial - v.first_serial + 1 - COUNT(c.id) AS text), CAST(v.codes AS text)
        FROM giftcodes_void v JOIN giftcodes_batch b ON b.id = v.batch_id LEFT JOIN giftcodes_claim c
            ON c.id BETWEEN {claim_id_of_zero} + v.first_serial AND {claim_id_of_zero} + v.last_serial
        GROUP BY v.id, v.first_serial, v.last_serial, v.codes
        HAVING v.last_serial - v.first_serial + 1 - COUNT(c.id) <> v.codes ORDER BY v.id""",
    "a void lies within its batch": """
        SELECT 'void ' || v.id, 'serials of batch ' || b.id, v.first_serial || ' to ' || v.last_serial
        FROM giftcodes_void v JOIN giftcodes_batch b ON b.id = v.batch_id
        WHERE v.first_serial < b.first_serial OR v.last_serial >= b.first_serial + b.size ORDER BY v.id""",
    "voids don't overlap": """
        SELECT 'void ' || id, 'from serial ' || (last_before + 1) || ' on', CAST(first_serial AS text) FROM (
            SELECT id, first_serial, MAX(last_serial) OVER (
                PARTITION BY batch_id ORDER BY first_serial, id {before_it}
            ) AS last_before FROM giftcodes_void
        ) ranges WHERE first_serial <= last_before ORDER BY id""",
    "a series goes on behind its batches": """
        SELECT 'series ' || s.digit, 'at least ' || MAX(b.first_serial + b.size), CAST(s.next_serial AS text)
        FROM giftcodes_series s JOIN giftcodes_batch b ON b.series_id = s.digit
        GROUP BY s.digit, s.next_serial
        HAVING s.next_serial < MAX(b.first_serial + b.size) ORDER BY s.digit""",
    "a series counts its live codes": """
        SELECT 'series ' || s.digit, CAST(COALESCE(SUM(codes.live), 0) AS text), CAST(s.live_codes AS text)
        FROM giftcodes_series s LEFT JOIN {codes} codes ON codes.series_id = s.digit
        GROUP BY s.digit, s.live_codes
        HAVING s.live_codes <> COALESCE(SUM(codes.live), 0) ORDER BY s.digit""",
    "a batch is paused if that is the last that was said of it": """
        SELECT 'batch ' || b.id, CASE WHEN s.is_pause THEN 'paused' ELSE 'not paused' END, b.state
        FROM giftcodes_batch b LEFT JOIN giftcodes_batchswitch s
            ON s.id = (SELECT MAX(last.id) FROM giftcodes_batchswitch last WHERE last.batch_id = b.id)
        WHERE b.state <> 'closed' AND (b.state = 'paused') <> COALESCE(s.is_pause, FALSE) ORDER BY b.id""",
    "a minted batch has its sealed file, with a row per code": """
        SELECT 'batch ' || b.id, b.size || ' rows worth ' || b.size * b.face_points,
            COALESCE(d.row_count || ' rows worth ' || d.total_points, 'none')
        FROM giftcodes_batch b LEFT JOIN giftcodes_delivery d ON d.batch_id = b.id
        WHERE b.state NOT IN ('approved', 'minting') AND b.most_points IS NULL
            AND (d.sealed_at IS NULL OR d.row_count <> b.size
            OR d.total_points <> b.size * b.face_points OR LENGTH(d.content_sha256) <> 64
            OR LENGTH(d.sealed_sha256) <> 64) ORDER BY b.id""",
}
# Every batch with where its codes are now. What can still be claimed of one that issues gifts are those that
# have not ended, and what is left to be issued.
_CODES = """(
    SELECT b.id, b.series_id, b.state, b.unclaimed_id,
        CASE WHEN b.state = 'closed' THEN 0 ELSE b.size - COALESCE(v.codes, 0) END AS live,
        b.size - COALESCE(c.codes, 0) - COALESCE(v.codes, 0) - COALESCE(g.voided, 0)
            - COALESCE(b.expired_codes, g.expired, 0) AS unclaimed,
        CASE WHEN b.most_points IS NULL THEN b.face_points * (b.size - COALESCE(c.codes, 0)
            - COALESCE(v.codes, 0) - COALESCE(b.expired_codes, 0))
        ELSE COALESCE(g.open_points, 0) + COALESCE(s.points, 0) END AS unclaimed_points
    FROM giftcodes_batch b
    LEFT JOIN (
        SELECT batch_id, SUM(CASE WHEN state = 'voided' THEN 1 ELSE 0 END) AS voided,
            SUM(CASE WHEN state = 'expired' THEN 1 ELSE 0 END) AS expired,
            SUM(CASE WHEN state = 'issued' THEN points ELSE 0 END) AS open_points
        FROM giftcodes_gift GROUP BY batch_id
    ) g ON g.batch_id = b.id
    LEFT JOIN (SELECT batch_id, SUM(points_left) AS points FROM giftcodes_giftstrand GROUP BY batch_id) s
        ON s.batch_id = b.id
    LEFT JOIN (SELECT batch_id, COUNT(*) AS codes FROM giftcodes_claim GROUP BY batch_id) c
        ON c.batch_id = b.id
    LEFT JOIN (SELECT batch_id, SUM(codes) AS codes FROM giftcodes_void GROUP BY batch_id) v
        ON v.batch_id = b.id
)"""


def differences() -> Iterator[Difference]:
    """Every difference in the code engine and between it and the ledger; none in a sound one."""
    fill = {
        "codes": _CODES,
        "strands": STRANDS,
        "claim_id_of_zero": "b.series_id * CAST(1000000000 AS bigint)",
        "before_it": "ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING",
        "claimed_at": _moment("c.claimed_at"),
        "ended_at": _moment("g.ended_at"),
        "posted_at": _moment("t.posted_at"),
    }
    yield from run_checks(
        {
            name: sql.format(**fill)
            for name, sql in (_CLAIMS | _BATCHES | GIFTS | DELIVERIES | VOIDS | EXTENSIONS).items()
        }
    )
    yield from changed_requests()
    yield from _lots_of_other_lives()
    yield from _lost_keys()


JOURNAL = "each line of the claim journal follows from the one before"


def journal_differences(folder: Path) -> Iterator[Difference]:
    """The first line of the claim journal that is not as it was written; reads all of them, in constant
    memory.

    A start looks at the end of the journal alone: what a disk has lost before that would show when a restore
    needs it.
    """
    try:
        for chain in (folder, gifts_folder(folder)):
            for _line in journal.lines(chain):
                pass
    except (JournalError, SealKeyMissing, OSError) as error:
        yield Difference(JOURNAL, str(folder), "as it was written", str(error))


OTHER_LIFE = "the points of a claim live as long as its batch promised"
LOST_KEY = "the key of a batch can be unwrapped"


def _lots_of_other_lives() -> Iterator[Difference]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT c.id, c.claimed_at, b.lot_life_days, l.expires_at FROM giftcodes_claim c"
            " JOIN giftcodes_batch b ON b.id = c.batch_id JOIN ledger_transfer t ON t.key = 'claim:' || c.id"
            " JOIN ledger_lot l ON l.transfer_id = t.id ORDER BY c.id"
        )
        while rows := cursor.fetchmany(10_000):
            for claim_id, claimed_at, days, expires_at in rows:
                expected, found = end_after_days(as_instant(claimed_at), days=days), as_instant(expires_at)
                if expected != found:
                    yield Difference(OTHER_LIFE, f"claim {claim_id}", expected.isoformat(), found.isoformat())


def _lost_keys() -> Iterator[Difference]:
    for batch in Batch.objects.order_by("pk").iterator(chunk_size=1_000):
        try:
            keys.batch_key(batch)
        except KeysMissing as missing:
            yield Difference(LOST_KEY, f"batch {batch.pk}", "a key that opens it", str(missing))


def _moment(column: str) -> str:
    """SQLite keeps moments as text, with or without a fraction of zeros."""
    return column if connection.vendor == "postgresql" else f"substr({column} || '.000000', 1, 26)"
