"""Reads delivery reports about mailings: one mail from standard input, as a mail server pipes it, or all new
ones of a Maildir or an mbox.

    manage.py read_bounces < report.eml
    manage.py read_bounces --maildir /var/mail/bounces

Mails of a Maildir are moved to `cur` once they were read. An mbox is left as it is: reading it again is
harmless.
"""

import mailbox
import sys
from argparse import ArgumentParser
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from campaigns.mailing_reports import MAX_BYTES, read_report
from campaigns.services import mailing_answers
from ledger.statements import database_time


class Command(BaseCommand):
    help = "Read delivery reports (RFC 3464) and keep addresses that mail came back from out of mailings."

    def add_arguments(self, parser: ArgumentParser) -> None:
        place = parser.add_mutually_exclusive_group()
        place.add_argument("--maildir", type=Path)
        place.add_argument("--mbox", type=Path)

    def handle(self, *_args: Any, **options: Any) -> None:
        read = noted = 0
        for data in _mails(options["maildir"], options["mbox"]):
            read += 1
            noted += mailing_answers.note_bounce(report=read_report(data), at=database_time())
        self.stdout.write(f"{read} read, {noted} noted.")


def _mails(maildir: Path | None, mbox: Path | None) -> Iterator[bytes]:
    if maildir is not None:
        yield from _new_of(maildir)
    elif mbox is not None:
        if not mbox.is_file():
            raise CommandError(f"There is no mbox at {mbox}.")
        box = mailbox.mbox(mbox, create=False)
        try:
            for key in box.keys():  # noqa: SIM118  # a mailbox iterates over mails
                yield box.get_bytes(key)[: MAX_BYTES + 1]
        finally:
            box.close()
    else:
        yield sys.stdin.buffer.read(MAX_BYTES + 1)


def _new_of(folder: Path) -> Iterator[bytes]:
    """Whoever dies here reads the last one again."""
    new, done = folder / "new", folder / "cur"
    if not (new.is_dir() and done.is_dir()):
        raise CommandError(f"There is no Maildir at {folder}.")
    for mail in sorted(new.iterdir()):
        with mail.open("rb") as file:
            yield file.read(MAX_BYTES + 1)
        mail.rename(done / f"{mail.name}:2,S")
