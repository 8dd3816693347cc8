"""`manage.py partition`: cut the two tables that grow with every claim into ranges, and keep some ahead."""

import time
from argparse import ArgumentParser
from collections.abc import Iterator
from itertools import chain
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import OperationalError, connection, transaction
from django.utils.translation import gettext as _

from config.postgresql import partitions
from config.postgresql.partitions import CannotPartition, Step
from config.postgresql.ranges import CLAIMS, POSTINGS, Ranges

_AHEAD = 4
_ALONE = 0x746B << 40 | 0x70617274  # two of these at once would undo each other's plans
_PATIENCE = "1s"  # so long at most do writers queue behind a step that waits for its locks
_TRIES = 20
_PAUSE_SECONDS = 2
_LOCK_NOT_AVAILABLE = "55P03"


class Command(BaseCommand):
    help = (
        "PostgreSQL: cut ledger_posting (by quarter) and giftcodes_claim (by 10^8 serials) into partitions "
        "while the site runs, and make the next ones. Repeat it now and then, or after an interruption."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--ahead",
            type=int,
            default=_AHEAD,
            help=f"so many ranges beyond the one in use (default {_AHEAD})",
        )
        parser.add_argument("--dry-run", action="store_true", help="print the SQL and change nothing")
        parser.add_argument("--undo", action="store_true", help="make plain tables of them again")

    def handle(self, *_args: Any, ahead: int, dry_run: bool, undo: bool, **_options: Any) -> None:
        if connection.vendor != "postgresql":
            raise CommandError(_("Only PostgreSQL has partitions; this database is SQLite."))
        if not 1 <= ahead <= 100:
            raise CommandError(_("--ahead must be 1 to 100."))
        if not _is_alone():
            raise CommandError(_("Another `manage.py partition` is at work on this database."))
        try:
            for ranges in (POSTINGS, CLAIMS):
                partitions.refuse_unfit(ranges)
            for ranges in (POSTINGS, CLAIMS):
                for step in _steps(ranges, ahead=ahead, undo=undo):
                    self._do(ranges, step, dry_run=dry_run)
        except CannotPartition as reason:
            raise CommandError(str(reason)) from reason
        finally:
            _leave()

    def _do(self, ranges: Ranges, step: Step, *, dry_run: bool) -> None:
        self.stdout.write(f"-- {ranges.table}: {step.purpose}")
        locks = partitions.tables_to_lock(ranges) if step.together else []
        if dry_run:
            lines = ["BEGIN", *locks, *step.statements, "COMMIT"] if step.together else step.statements
            self.stdout.write("".join(f"{line};\n" for line in lines))
        elif step.together:
            _do_together([*locks, *step.statements])
        else:
            _do_each(step.statements)


def _steps(ranges: Ranges, *, ahead: int, undo: bool) -> Iterator[Step]:
    if undo:
        return partitions.steps_to_join(ranges)
    ahead_of_it = partitions.steps_ahead(ranges, ahead=ahead)
    if partitions.is_partitioned(ranges):
        return ahead_of_it
    return chain(partitions.steps_to_cut(ranges), ahead_of_it)


def _do_together(statements: list[str]) -> None:
    """All or nothing. Who holds a lock on the table for long, a report for one, is let finish."""
    for tried in range(1, _TRIES + 1):
        try:
            with transaction.atomic(), connection.cursor() as cursor:
                cursor.execute("SELECT set_config('lock_timeout', %s, true)", [_PATIENCE])
                for statement in statements:
                    cursor.execute(statement)
                return
        except OperationalError as error:
            if getattr(error.__cause__, "sqlstate", None) != _LOCK_NOT_AVAILABLE:
                raise
            if tried == _TRIES:
                raise CommandError(
                    _("The table was busy each time. Nothing of this step is done; try again.")
                ) from error
            time.sleep(_PAUSE_SECONDS)


def _do_each(statements: list[str]) -> None:
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)


def _is_alone() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s)", [_ALONE])
        return bool(cursor.fetchone()[0])


def _leave() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_unlock(%s)", [_ALONE])
