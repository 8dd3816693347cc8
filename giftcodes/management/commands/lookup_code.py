"""`manage.py lookup_code`: what support can tell about one code. The code itself is never printed.

A code is asked for, or read from standard input. It is no argument: those stay in the shell's history and
can be seen in the list of processes by everybody on the machine. A serial number is no secret and may be one.
"""

import getpass
import sys
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone
from django.utils.translation import gettext as _

from giftcodes import queries
from giftcodes.codec import MAX_TYPED_CHARACTERS, NotACode, NotACodeReason
from giftcodes.errors import KeysMissing
from giftcodes.queries import SerialStatus
from ledger.statements import database_time


class Command(BaseCommand):
    help = "Look up a code (asked for, or from standard input) or a serial number. Never prints a code."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--serial", type=int, metavar="NUMBER", help="ten digits: series, then serial")

    def handle(self, *_args: Any, serial: int | None, **_options: Any) -> None:
        if serial is None:
            serial = _serial_number_of(_read_code())
        status = queries.status_of_serial(serial, at=database_time())
        if status is None:
            raise CommandError(_("No code with this serial number has been issued."))
        for label, value in _lines(status):
            self.stdout.write(f"{label}: {value}")


def _read_code() -> str:
    if sys.stdin.isatty():
        return getpass.getpass(_("Code (not shown): "))
    return sys.stdin.readline(MAX_TYPED_CHARACTERS + 2).rstrip("\r\n")


def _serial_number_of(text: str) -> int:
    try:
        number = queries.serial_number_of(text)
    except NotACode as refusal:
        raise CommandError(_reason(refusal.reason)) from None
    except KeysMissing as refusal:
        raise CommandError(str(refusal)) from None
    if number is None:
        raise CommandError(_("The code is well-formed, but was never issued."))
    return number


def _reason(reason: NotACodeReason) -> str:
    return {
        NotACodeReason.TOO_LONG: _("Not a code: the text is too long."),
        NotACodeReason.CHARACTERS: _("Not a code: it holds more than digits, spaces and hyphens."),
        NotACodeReason.LENGTH: _("Not a code: a code has 16 digits."),
        NotACodeReason.FIRST_DIGIT: _("Not a code: no code begins with this digit."),
        NotACodeReason.CHECK_DIGIT: _("A typing error: the check digit does not fit."),
    }[reason]


def _lines(status: SerialStatus) -> Iterator[tuple[str, object]]:
    batch, claim = status.batch, status.claim
    yield _("serial number"), status.serial_number
    yield _("batch"), batch.public_id
    yield _("brand"), batch.brand
    yield _("channel"), status.channel
    yield _("state"), status.state.label
    yield _("points"), status.points
    yield _("claimable"), f"{_moment(batch.claim_from)} ... {_moment(status.claim_until)}"
    if claim is not None:
        yield _("claimed at"), _moment(claim.claimed_at)
        yield _("member"), claim.member
    if status.voided_at is not None:
        yield _("withdrawn at"), _moment(status.voided_at)


def _moment(instant: datetime) -> str:
    return timezone.localtime(instant).isoformat(sep=" ", timespec="seconds")
