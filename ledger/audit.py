"""Recompute everything in the ledger from its postings and name each difference (invariants 1, 3, 4, 6,
7).
"""

from collections.abc import Iterator
from typing import NamedTuple

from django.db import connection

from ledger.models import Transfer, transfer_id_of


class Difference(NamedTuple):
    """One thing that is not as it must be."""

    check: str
    subject: str
    expected: str
    found: str

    def __str__(self) -> str:
        return f"{self.check}: {self.subject}: expected {self.expected}, found {self.found}"


# Each gives rows (subject, expected, found), one per difference, and passes over each of its tables once.
_CHECKS = {
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
        SELECT 'posting ' || p.id, ways.way, s.kind || ' to ' || t.kind FROM ledger_posting p
        JOIN ledger_transfer r ON r.id = p.transfer_id
        JOIN ledger_account s ON s.id = p.source_id JOIN ledger_account t ON t.id = p.target_id
        JOIN (
            SELECT 'deposit' AS reason, 'world to funds' AS way
            UNION ALL SELECT 'approve', 'funds to unclaimed' UNION ALL SELECT 'claim', 'unclaimed to wallet'
            UNION ALL SELECT 'void', 'unclaimed to funds' UNION ALL SELECT 'close', 'unclaimed to funds'
        ) ways ON ways.reason = r.reason WHERE s.kind || ' to ' || t.kind <> ways.way ORDER BY p.id""",
    "an account is of the kind of its label": """
        SELECT 'account ' || id, kind, label FROM ledger_account
        WHERE label <> kind AND label NOT LIKE kind || ':%' ORDER BY id""",
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
        SELECT 'transfer ' || o.key, CAST(COALESCE(r.points, 0) AS text), CAST(y.reversed_points AS text)
        FROM ledger_reversaltally y JOIN ledger_transfer o ON o.id = y.original_id LEFT JOIN (
            SELECT t.original_id, SUM(p.points) AS points FROM ledger_transfer t
            JOIN ledger_posting p ON p.transfer_id = t.id
            WHERE t.original_id IS NOT NULL GROUP BY t.original_id
        ) r ON r.original_id = y.original_id
        WHERE y.reversed_points <> COALESCE(r.points, 0) ORDER BY o.key""",
}


def run_checks(checks: dict[str, str]) -> Iterator[Difference]:
    """The differences that the given SQL checks find; each yields rows (subject, expected, found)."""
    for name, sql in checks.items():
        with connection.cursor() as cursor:
            cursor.execute(sql)
            for subject, expected, found in cursor.fetchall():
                yield Difference(name, subject, expected, found)


def differences() -> Iterator[Difference]:
    """Every difference in the ledger; none in a sound one."""
    yield from run_checks(_CHECKS)
    yield from _foreign_ids()


FOREIGN_ID = "the id of a transfer is made from its key"


def _foreign_ids() -> Iterator[Difference]:
    for transfer_id, key in Transfer.objects.values_list("pk", "key").iterator(chunk_size=10_000):
        expected = transfer_id_of(key)
        if transfer_id != expected:
            yield Difference(FOREIGN_ID, f"transfer {key}", str(expected), str(transfer_id))
