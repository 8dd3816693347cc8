"""Recompute everything in the ledger from its postings and uses, and name each difference."""

from collections.abc import Iterator

from ledger import settlement_audit
from ledger.audit import acts, core, spending
from ledger.audit.checks import Difference, run_checks
from ledger.fingerprints import fingerprint_of
from ledger.models import Adjustment, Transfer, transfer_id_of

__all__ = ["CHECKS", "FINGERPRINT", "FOREIGN_ID", "Difference", "differences", "run_checks"]

CHECKS = core.CHECKS | spending.CHECKS | acts.CHECKS
FOREIGN_ID = "the id of a transfer is made from its key"
FINGERPRINT = "an adjustment is what was asked for"


def differences() -> Iterator[Difference]:
    """Every difference in the ledger; none in a sound one."""
    yield from run_checks(CHECKS)
    yield from run_checks(settlement_audit.CHECKS)
    yield from _foreign_ids()
    yield from _changed_adjustments()
    for row in settlement_audit.changed_fingerprints():
        yield Difference(settlement_audit.FINGERPRINT, *row)


def _foreign_ids() -> Iterator[Difference]:
    for transfer_id, key in Transfer.objects.values_list("pk", "key").iterator(chunk_size=10_000):
        expected = transfer_id_of(key)
        if transfer_id != expected:
            yield Difference(FOREIGN_ID, f"transfer {key}", str(expected), str(transfer_id))


def _changed_adjustments() -> Iterator[Difference]:
    for adjustment in Adjustment.objects.order_by("pk").iterator(chunk_size=1_000):
        found = fingerprint_of(adjustment)
        if found != adjustment.fingerprint:
            yield Difference(FINGERPRINT, f"adjustment {adjustment.pk}", adjustment.fingerprint, found)
