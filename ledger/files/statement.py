"""A statement as a file to hand out, after it has been compared with its fingerprint."""

import hmac
from collections.abc import Collection
from enum import StrEnum
from typing import NamedTuple

from ledger.errors import SettlementRefused
from ledger.files.cells import Stamp, stamp_of
from ledger.files.content import Content, frozen_content
from ledger.files.csv import canonical_csv, fingerprint
from ledger.files.pdf import document
from ledger.files.xlsx import workbook
from ledger.models import Settlement


class FileKind(StrEnum):
    CSV = "csv"
    XLSX = "xlsx"
    PDF = "pdf"


class StatementFile(NamedTuple):
    """A file for download."""

    name: str
    media_type: str
    content: bytes


_MEDIA_TYPES = {
    FileKind.CSV: "text/csv; charset=utf-8",
    FileKind.XLSX: "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    FileKind.PDF: "application/pdf",
}


def checked_content(settlement: Settlement) -> Content:
    """What the statement says. SettlementRefused (rule `changed`) if its lines do not give its
    fingerprint.
    """
    content = frozen_content(settlement)
    if not hmac.compare_digest(fingerprint(content).encode(), settlement.sha256.encode()):
        raise SettlementRefused("the lines do not give this statement any more", rule="changed")
    return content


def statement_file(
    settlement: Settlement, kind: FileKind, *, brands: Collection[str] | None = None
) -> StatementFile:
    """The statement as a file of that kind, or only what concerns the brands of these short names.

    The whole CSV is the canonical one, whose SHA-256 is the statement's fingerprint; an extract says so in
    its name, and carries the fingerprint of the whole. Raises what `checked_content` raises.
    """
    content, stamp = checked_content(settlement), stamp_of(settlement)
    if brands is not None:
        content, stamp = content.of_brands(brands), stamp._replace(state=f"{stamp.state}・抜粋")
    extract = "" if brands is None else "-extract"
    name = f"settlement-{content.last_day:%Y-%m}-{content.number[:8]}{extract}.{kind}"
    return StatementFile(name, _MEDIA_TYPES[kind], _bytes(content, stamp, kind))


def _bytes(content: Content, stamp: Stamp, kind: FileKind) -> bytes:
    if kind == FileKind.CSV:
        return canonical_csv(content)
    return workbook(content, stamp) if kind == FileKind.XLSX else document(content, stamp)
