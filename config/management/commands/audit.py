"""`manage.py audit`: recompute everything, and name each difference."""

import sys
from itertools import chain
from typing import Any

from django.core.management.base import BaseCommand
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from campaigns import audit as campaigns_audit
from giftcodes import audit as giftcodes_audit
from giftcodes.models import Batch, Claim
from ledger import audit as ledger_audit
from ledger.models import Account, Posting


class Command(BaseCommand):
    help = (
        "Recompute the ledger, the code engine, orders and deposits from their records; exit with 1 and name "
        "each difference."
    )

    def handle(self, *_args: Any, **_options: Any) -> None:
        count = 0
        for difference in chain(
            ledger_audit.differences(), giftcodes_audit.differences(), campaigns_audit.differences()
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
