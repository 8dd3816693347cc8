"""`manage.py replay_claims`: after a restore to an earlier moment, before anything is opened again."""

import sys
import time
from typing import Any

from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import DatabaseError
from django.utils.translation import gettext as _

from giftcodes import services as giftcodes
from giftcodes.errors import GiftcodesError
from giftcodes.services import Replay
from ledger.errors import LedgerError
from ledger.statements import database_time


class Command(BaseCommand):
    help = (
        "Claim again, for the same members, what the claim journal knows and a restored database doesn't; "
        "withdraw again what was withdrawn. "
        "Run it with web server and workers stopped."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--dry-run", action="store_true", help="only say what would be done")
        parser.add_argument(
            "--accept-differences",
            action="store_true",
            help="open all the same, after somebody has looked at each difference",
        )

    def handle(self, *_args: Any, dry_run: bool, accept_differences: bool, **_options: Any) -> None:
        begun = time.monotonic()
        try:
            replay = giftcodes.replay_claims(
                at=database_time(), is_trial=dry_run, accept_differences=accept_differences
            )
        except (GiftcodesError, LedgerError, DatabaseError, OSError) as failure:
            raise CommandError(_("Nothing may be opened yet: %(reason)s") % {"reason": failure}) from None
        self._report(replay, is_trial=dry_run)
        if replay.differences and not accept_differences:
            sys.exit(1)
        if not dry_run:
            call_command("audit", stdout=self.stdout, stderr=self.stderr)
        self.stdout.write(_("%(seconds)s seconds.") % {"seconds": f"{time.monotonic() - begun:.1f}"})

    def _report(self, replay: Replay, *, is_trial: bool) -> None:
        said = (
            _("Claims in the journal: %(checked)d; there already: %(present)d; to be replayed: %(replayed)d.")
            if is_trial
            else _("Claims in the journal: %(checked)d; there already: %(present)d; replayed: %(replayed)d.")
        )
        self.stdout.write(
            said % {"checked": replay.checked, "present": replay.present, "replayed": replay.replayed}
        )
        if replay.issued:
            self.stdout.write(
                _("Gifts to be issued again: %(count)d.") % {"count": replay.issued}
                if is_trial
                else _("Gifts issued again: %(count)d.") % {"count": replay.issued}
            )
        if replay.withdrawn:
            self.stdout.write(
                _("Ranges of codes to be withdrawn again: %(count)d.") % {"count": replay.withdrawn}
                if is_trial
                else _("Ranges of codes withdrawn again: %(count)d.") % {"count": replay.withdrawn}
            )
        if replay.shipped:
            self.stdout.write(_("%(count)d claims shipped.") % {"count": replay.shipped})
        if replay.set_aside:
            self.stdout.write(
                _("Sealed days that the database does not know any more are sealed anew; see %(folder)s.")
                % {"folder": replay.set_aside}
            )
        for number, lost in replay.lost.items():
            self.stderr.write(
                _(
                    "LOST with its batch %(batch)s of %(brand)s: %(codes)d claims worth %(points)d points."
                    " Its order was approved after the restored moment; none of its codes can be claimed."
                )
                % {"batch": number, "brand": lost.brand, "codes": lost.codes, "points": lost.points}
            )
        for difference in replay.differences:
            self.stderr.write(str(difference))
