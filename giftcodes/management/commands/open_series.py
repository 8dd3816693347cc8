"""`manage.py open_series 1`: a new generation of the code key."""

from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.utils.translation import gettext as _

from giftcodes import services as giftcodes
from ledger.statements import database_time


class Command(BaseCommand):
    help = "Open the series of codes with that first digit (9: the sandbox). Repeating it is harmless."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("digit", type=int, choices=range(1, 10))

    def handle(self, *_args: Any, digit: int, **_options: Any) -> None:
        series = giftcodes.open_series(digit=digit, at=database_time())
        self.stdout.write(
            _("Series %(digit)d is open, under master key %(key)s.")
            % {"digit": series.digit, "key": series.master_key_id}
        )
