"""Workbooks, sound and forged, for tests."""

import io
import zipfile
from collections.abc import Iterable, Mapping

import openpyxl


def workbook(*rows: Iterable[object], sheets: int = 1) -> bytes:
    """A workbook whose first sheet has these rows, and further ones something else."""
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    for row in rows:
        sheet.append(list(row))
    for number in range(sheets - 1):
        book.create_sheet(f"other {number}").append(["not", "read"])
    target = io.BytesIO()
    book.save(target)
    return target.getvalue()


def forged(data: bytes, parts: Mapping[str, bytes]) -> bytes:
    """The workbook with these parts instead of, or besides, its own."""
    target = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(data)) as source,
        zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as made,
    ):
        for part in source.infolist():
            if part.filename not in parts:
                made.writestr(part, source.read(part))
        for name, content in parts.items():
            made.writestr(name, content)
    return target.getvalue()
