"""`manage.py audit`: recompute everything, and name each difference."""

import sys
from argparse import ArgumentParser
from datetime import date
from itertools import chain
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from campaigns import audit as campaigns_audit
from giftcodes import audit as giftcodes_audit
from giftcodes.models import Batch, Claim
from ledger import audit as ledger_audit
from ledger import log_audit, seal_audit
from ledger.models import Account, Posting
from ledger.statements import database_time
from parties import webhook_audit


class Command(BaseCommand):
    help = (
        "Recompute the ledger, the code engine, orders and deposits from their records, and check the sealed "
        "days, the audit log, the claim journal and the events of partner systems; exit with 1 and name each "
        "difference."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--since",
            type=date.fromisoformat,
            metavar="YYYY-MM-DD",
            help="read the rows of sealed days from this one on (default: of all)",
        )
        parser.add_argument(
            "--seals",
            type=Path,
            metavar="FOLDER",
            help="check the sealed days against this copy of SEALS_DIR, kept elsewhere",
        )

    def handle(self, *_args: Any, since: date | None, seals: Path | None, **_options: Any) -> None:
        if seals is not None and not seals.is_dir():
            raise CommandError(f"{seals} is not a folder")
        count = 0
        for difference in chain(
            ledger_audit.differences(),
            giftcodes_audit.differences(),
            giftcodes_audit.journal_differences(Path(settings.CLAIM_JOURNAL_DIR)),
            campaigns_audit.differences(),
            (ledger_audit.Difference(*row) for row in webhook_audit.differences(at=database_time())),
            seal_audit.differences(since=since, folder=seals),
            log_audit.differences(since=since, folder=seals),
        ):
            self.stdout.write(str(difference))
            count += 1
        if count:
            self.stderr.write(
                ngettext("%(count)d difference.", "%(count)d differences.", count) % {"count": count}
            )
            sys.exit(1)
        self.stdout.write(
            _("Sound: %(accounts)d accounts, %(postings)d postings, %(batches)d batches, %(claims)d claims.")
            % {
                "accounts": Account.objects.count(),
                "postings": Posting.objects.count(),
                "batches": Batch.objects.count(),
                "claims": Claim.objects.count(),
            }
        )
