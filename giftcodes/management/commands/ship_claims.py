"""`manage.py ship_claims`: the claim journal up to now, or kept up as a process of its own (`--every`)."""

import time
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils.translation import gettext as _

from giftcodes import services as giftcodes
from giftcodes.errors import JournalBusy, JournalError
from ledger.errors import SealKeyMissing


class Command(BaseCommand):
    help = "Append the claims since its last line to the claim journal. Repeating it is harmless."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--begin", action="store_true", help="begin a new journal, with all claims that there are"
        )
        parser.add_argument(
            "--every", type=float, metavar="SECONDS", help="go on until stopped, so many seconds apart"
        )

    def handle(self, *_args: Any, begin: bool, every: float | None, **_options: Any) -> None:
        self._ship(begin=begin, every=every)
        while every:
            time.sleep(every)
            self._ship(begin=False, every=every)

    def _ship(self, *, begin: bool, every: float | None) -> None:
        try:
            shipped = giftcodes.ship_claims(begin=begin)
        except JournalBusy:
            shipped = 0  # a worker is at it
        except (JournalError, SealKeyMissing, OSError) as failure:
            raise CommandError(
                _("The claim journal can't be written: %(reason)s") % {"reason": failure}
            ) from None
        if shipped or not every:
            self.stdout.write(_("%(count)d claims shipped.") % {"count": shipped})
