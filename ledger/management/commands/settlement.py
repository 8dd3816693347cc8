"""`manage.py settlement`: statements at the console. Two people close a statement, so that is done in the
admin alone.

    settlement list
    settlement prepare --program SLUG --until 2026-10-31 --by finance@example.com
    settlement show NUMBER
    settlement files NUMBER --to FOLDER
    settlement rebuild NUMBER

NUMBER is a statement number or its first characters. `--until` is the last day of the period, inclusive.
`rebuild` counts the uses again and compares the bytes: exit 1, if they differ.
"""

from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils.translation import gettext as _

from ledger import services
from ledger.errors import SettlementRefused
from ledger.expiry import JAPAN
from ledger.files.content import Content, recounted_content
from ledger.files.csv import canonical_csv, fingerprint
from ledger.files.statement import FileKind, checked_content, statement_file
from ledger.models import Settlement
from ledger.statements import database_time
from parties.errors import NotReachable
from parties.models import Program, User


class Command(BaseCommand):
    help = "Prepare a settlement statement, show it, write its files, or rebuild it from the uses it counts."

    def add_arguments(self, parser: CommandParser) -> None:
        acts = parser.add_subparsers(dest="act", required=True)
        acts.add_parser("list", help="every statement, newest first")
        prepare = acts.add_parser("prepare", help="count a period, for another person to close")
        prepare.add_argument("--program", required=True, metavar="SLUG")
        prepare.add_argument(
            "--until", required=True, type=date.fromisoformat, metavar="DAY", help="last day"
        )
        prepare.add_argument("--by", required=True, metavar="E-MAIL", help="of the operator's finance")
        for act, words in (("show", "who pays whom"), ("files", "CSV, XLSX and PDF"), ("rebuild", "compare")):
            one = acts.add_parser(act, help=words)
            one.add_argument("number", metavar="NUMBER")
            if act == "files":
                one.add_argument("--to", required=True, type=Path, metavar="FOLDER")

    def handle(self, *_args: Any, act: str, **options: Any) -> None:
        try:
            if act == "list":
                self._list()
            elif act == "prepare":
                self._show(_prepared(options["program"], options["until"], options["by"]))
            else:
                settlement = _settlement(options["number"])
                if act == "files":
                    self._write_files(settlement, options["to"])
                else:
                    (self._show if act == "show" else self._rebuild)(settlement)
        except SettlementRefused as refusal:
            raise CommandError(f"{refusal.rule}: {refusal}") from refusal

    def _list(self) -> None:
        for settlement in Settlement.objects.order_by("-ends_at", "-pk")[:1_000]:
            last_day = (settlement.ends_at - timedelta(microseconds=1)).astimezone(JAPAN).date()
            state = settlement.get_state_display()
            self.stdout.write(f"{settlement.public_id}  {last_day}  {settlement.program_name}  {state}")

    def _show(self, settlement: Settlement) -> None:
        content = checked_content(settlement)
        for label, value in _facts(settlement, content):
            self.stdout.write(f"{label}: {value}")
        for due in content.dues:
            debtor, creditor = content.names[due.debtor], content.names[due.creditor]
            self.stdout.write(f"{debtor} -> {creditor}: {due.yen:,} " + _("yen"))

    def _write_files(self, settlement: Settlement, folder: Path) -> None:
        for kind in FileKind:
            file = statement_file(settlement, kind)
            (folder / file.name).write_bytes(file.content)
            self.stdout.write(str(folder / file.name))

    def _rebuild(self, settlement: Settlement) -> None:
        rebuilt = recounted_content(settlement)
        if canonical_csv(rebuilt) != canonical_csv(checked_content(settlement)):
            raise CommandError(_("The uses do not give this statement any more."))
        self.stdout.write(_("The same bytes: %(sha256)s") % {"sha256": fingerprint(rebuilt)})


def _prepared(slug: str, until: date, email: str) -> Settlement:
    program = Program.objects.filter(slug=slug, is_sandbox=False).first()
    user = User.objects.filter(email__iexact=email).first()
    if program is None or user is None:
        raise CommandError(_("No such program, or nobody of this address."))
    ends_at = datetime.combine(until + timedelta(days=1), time(), tzinfo=JAPAN)
    try:
        return services.prepare_settlement(
            program_id=program.pk, ends_at=ends_at, user=user, at=database_time()
        )
    except NotReachable:
        raise CommandError(_("This person is not of the operator's finance.")) from None


def _settlement(number: str) -> Settlement:
    hexadecimal = number.replace("-", "").lower()
    for settlement in Settlement.objects.order_by("-pk").iterator(chunk_size=1_000):
        if hexadecimal and settlement.public_id.hex.startswith(hexadecimal):
            return settlement
    raise CommandError(_("No such statement."))


def _facts(settlement: Settlement, content: Content) -> list[tuple[str, object]]:
    return [
        (_("statement number"), content.number),
        (_("program"), content.program),
        (_("period"), f"{content.first_day} ... {content.last_day}"),
        (_("state"), settlement.get_state_display()),
        (_("rows counted"), f"{content.total.uses:,}"),
        (_("points"), f"{content.total.points:,}"),
        (_("fingerprint"), settlement.sha256),
    ]
