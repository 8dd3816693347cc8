"""`manage.py prove_batches`: codes = ledger = statements, batch by batch."""

import sys
from argparse import ArgumentParser
from datetime import datetime
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils.dateparse import parse_datetime
from django.utils.timezone import is_naive
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from giftcodes import reports
from ledger.expiry import JAPAN


def instant(text: str) -> datetime:
    """ISO 8601; Japan time, if it names no offset."""
    try:
        moment = parse_datetime(text)
    except ValueError:
        moment = None
    if moment is None:
        raise CommandError(_("%(text)s is no moment; write it like 2026-11-30T23:59.") % {"text": text})
    return moment.replace(tzinfo=JAPAN) if is_naive(moment) else moment


class Command(BaseCommand):
    help = (
        "Prove, batch by batch, that codes, ledger and the statements of wallets agree; exit with 1 and name "
        "each difference."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--at", type=instant, help="as of this instant (ISO 8601; Japan time by itself)")
        parser.add_argument("--batch", type=int, help="this batch alone")

    def handle(self, *_args: Any, **options: Any) -> None:
        count = batches = 0
        for proof in reports.prove(at=options["at"], batch_id=options["batch"]):
            self._print(proof)
            count += len(proof.differences)
            batches += 1
        if options["batch"] is not None and not batches:
            raise CommandError(_("There is no such batch."))
        self.stdout.write(ngettext("%(count)d difference", "%(count)d differences", count) % {"count": count})
        if count:
            sys.exit(1)

    def _print(self, proof: reports.Proof) -> None:
        batch = proof.batch
        self.stdout.write(
            _("Batch %(number)s (%(range)s), %(face)s points per code")
            % {"number": batch.pk, "range": batch, "face": batch.face_points}
        )
        rows = [
            (_("codes"), batch.size, proof.claimed, proof.voided + proof.expired, proof.unclaimed),
            (
                _("ledger"),
                proof.approved_points,
                proof.ledger_claimed_points,
                proof.returned_points,
                proof.balance_points,
            ),
            (_("wallets"), "", proof.lot_points, "", ""),
        ]
        for row in [("", _("approved"), _("claimed"), _("returned"), _("unclaimed")), *rows]:
            name, *cells = row
            self.stdout.write(f"  {name:<10}" + "".join(f"{cell!s:>18}" for cell in cells))
        for difference in proof.differences:
            text = _("difference in %(rule)s: expected %(expected)s, found %(found)s")
            self.stdout.write("  " + text % difference._asdict())
