"""A file that comes back: which rows are right, which are damaged, foreign, doubled or missing."""

import codecs
import csv
import io
import zipfile
from collections.abc import Sequence
from typing import Any
from xml.dom import minidom

import openpyxl
import pytest
import xlsxwriter
from hypothesis import given
from hypothesis import strategies as st

from giftcodes import codec
from giftcodes.files import rereads, uploads
from giftcodes.files.kinds import content_of
from giftcodes.files.rereads import Finding, Report, Verdict
from giftcodes.files.uploads import Unreadable, rows_of
from tests.giftcodes.file_codes import BASE, bytes_of, channels, code_at
from tests.giftcodes.test_files import wanted

LABELS = ["serial", "code", "url", "channel"]


def line(serial: int, /, **changes: str) -> list[str]:
    code = code_at(serial)
    cells = {"serial": str(3 * 10**9 + serial), "code": codec.group(code), "url": f"{BASE}#c={code}"}
    return [*(cells | changes).values(), "店頭"]


def text_of(lines: Sequence[Sequence[str]], encoding: str = "utf-8") -> bytes:
    target = io.StringIO()
    csv.writer(target).writerows(lines)
    return target.getvalue().encode(encoding)


def found(content: bytes, *sizes: int) -> Report:
    return rereads.check(rows_of(io.BytesIO(content)), channels(*(sizes or (10,))))


@pytest.mark.parametrize("kind", ["csv", "xlsx", "urls"])
def test_what_was_handed_out_comes_back_right(kind: str) -> None:
    report = found(bytes_of(content_of(wanted(kind), channels(7, 3))), 7, 3)
    assert (report.rows, report.right, report.is_right) == (10, 10, True)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp932", "utf-16"])
@pytest.mark.parametrize("has_labels", [True, False])
def test_any_encoding_with_or_without_labels_is_read(encoding: str, has_labels: bool) -> None:
    rows = [line(serial) for serial in range(5, 15)]
    assert found(text_of([LABELS, *rows] if has_labels else rows, encoding)).is_right


@pytest.mark.parametrize("ending", ["\n", "\r\n", "\r"])
def test_any_ending_of_lines_is_read(ending: str) -> None:
    content = ending.join(f"{BASE}#c={code_at(serial)}" for serial in range(5, 15))
    assert found(content.encode()).is_right


def test_every_wrong_row_is_named_by_number_and_serial() -> None:
    rows = [line(serial) for serial in range(5, 15)]
    wrong = code_at(6)[:-1] + str((int(code_at(6)[-1]) + 1) % 10)
    rows[1] = [str(3 * 10**9 + 6), codec.group(wrong), "", ""]
    rows[3] = line(400)
    rows[5] = line(10, serial=str(3 * 10**9 + 11))
    rows[7] = line(7)
    report = found(text_of([LABELS, *rows]))
    assert report.findings == [
        Finding(3, Verdict.DAMAGED, 3_000_000_006),
        Finding(5, Verdict.FOREIGN, None),
        Finding(7, Verdict.MISMATCH, 3_000_000_010),
        Finding(9, Verdict.DOUBLE, 3_000_000_007),
    ]
    assert (report.rows, report.right, report.is_right) == (10, 6, False)
    assert report.missing_codes == 3
    assert report.missing == [
        (3_000_000_006, 3_000_000_006),
        (3_000_000_008, 3_000_000_008),
        (3_000_000_012, 3_000_000_012),
    ]


DAMAGED: dict[str, str] = {
    "lost its last digit": "123456789012345",
    "a float": "1.23457E+15",
    "rounded by a spreadsheet": code_at(5)[:15] + ("1" if code_at(5)[-1] == "0" else "0"),
    "nothing": "-",
    "letters": "O123-4567-8901-2345",
    "digits of another script": "١" * 16,
}


@pytest.mark.parametrize("code", DAMAGED.values(), ids=DAMAGED)
def test_what_is_no_code_any_more_is_damaged(code: str) -> None:
    report = found(text_of([LABELS, [str(3 * 10**9 + 5), code, "", ""]]), 1)
    assert report.findings == [Finding(2, Verdict.DAMAGED, 3_000_000_005)]


@pytest.mark.parametrize("typed", ["1234 5678 9012 3456", "１２３４５６７８９０１２３４５６"])
def test_codes_in_other_writing_are_codes(typed: str) -> None:
    report = found(text_of([[typed]]), 1)
    assert set(report.counts) <= {Verdict.FOREIGN, Verdict.DAMAGED}
    code = code_at(5)
    wide = code.translate({ord(str(digit)): chr(0xFF10 + digit) for digit in range(10)})
    assert found(text_of([[wide]]), 1).is_right
    assert found(text_of([[" ".join(code)]]), 1).is_right


def test_a_row_whose_code_and_address_differ_is_damaged() -> None:
    report = found(text_of([LABELS, line(5, url=f"{BASE}#c={code_at(6)}")]), 2)
    assert [row.verdict for row in report.findings] == [Verdict.DAMAGED]


def test_serial_numbers_of_others_are_not_told() -> None:
    report = found(text_of([LABELS, ["4000000005", "nothing", "", ""]]), 1)
    assert report.findings == [Finding(2, Verdict.DAMAGED, None)]


def test_of_many_wrong_rows_the_first_are_told_and_all_are_counted() -> None:
    report = found(text_of([["1"] for _ in range(rereads.MOST_TOLD + 50)]), 1)
    assert (len(report.findings), report.counts[Verdict.DAMAGED]) == (
        rereads.MOST_TOLD,
        rereads.MOST_TOLD + 49,
    )


def test_missing_serials_are_told_in_stretches_across_channels() -> None:
    rows = [line(serial) for serial in (5, 6, 9, 14)]
    assert found(text_of(rows), 5, 5).missing == [
        (3_000_000_007, 3_000_000_008),
        (3_000_000_010, 3_000_000_013),
    ]


def test_an_empty_file_is_not_right() -> None:
    report = found(b"")
    assert (report.rows, report.is_right, report.missing_codes) == (0, False, 10)


def test_nothing_that_is_told_is_a_code() -> None:
    report = found(text_of([LABELS, *(line(serial) for serial in (5, 5, 400))]))
    told = repr(report)
    for serial in (5, 400):
        assert code_at(serial) not in told
        assert codec.group(code_at(serial)) not in told


def workbook(rows: Sequence[Sequence[Any]]) -> bytes:
    book, target = openpyxl.Workbook(), io.BytesIO()
    sheet = book.worksheets[0]
    for row in rows:
        sheet.append(list(row))
    book.save(target)
    return target.getvalue()


def test_codes_that_a_spreadsheet_made_numbers_of_are_seen() -> None:
    code = next(code_at(serial) for serial in range(5, 15) if code_at(serial)[-1] != "0")
    rounded = float(code[:15] + "0")
    report = found(workbook([LABELS, ["3000000005", rounded, "", ""]]), 1)
    assert not report.is_right


def test_a_sheet_that_lies_about_its_size_is_read_whole() -> None:
    whole = workbook([LABELS, *(line(serial) for serial in range(5, 15))])
    source, target = zipfile.ZipFile(io.BytesIO(whole)), io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        for name in source.namelist():
            plain = source.read(name)
            if name == "xl/worksheets/sheet1.xml":
                assert b'<dimension ref="A1:D11"' in plain
                plain = plain.replace(b'<dimension ref="A1:D11"', b'<dimension ref="A1:A1"')
            archive.writestr(name, plain)
    assert found(target.getvalue()).is_right


def refused(content: bytes) -> str:
    with pytest.raises(Unreadable) as refusal:
        found(content)
    return refusal.value.rule


def test_bombs_and_too_much_of_anything_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/worksheets/sheet1.xml", b"0" * (uploads.MOST_UNPACKED_BYTES + 1))
    assert refused(target.getvalue()) == "bomb"
    monkeypatch.setattr(uploads, "MOST_ROWS", 5)
    assert refused(text_of([["1"]] * 8)) == "rows"
    assert refused(text_of([["1"] * (uploads.MOST_COLUMNS + 1)])) == "format"
    assert refused(b"1" * 30_000) == "format"
    monkeypatch.setattr(uploads, "MOST_BYTES", 10)
    assert refused(b"1" * 11) == "size"


def test_a_member_gives_no_more_than_it_declares(monkeypatch: pytest.MonkeyPatch) -> None:
    """A directory that declares little in front of much."""
    whole = workbook([LABELS, *(line(serial) for serial in range(5, 15))])
    source, target = zipfile.ZipFile(io.BytesIO(whole)), io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in source.namelist():
            plain = source.read(name)
            if name == "xl/worksheets/sheet1.xml":
                plain = plain.replace(b"<sheetData>", b"<sheetData>" + b" " * 3_000_000)
            archive.writestr(name, plain)
        archive.getinfo("xl/worksheets/sheet1.xml").file_size = 10
    assert refused(target.getvalue()) == "format"


ENTITIES = b"""<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]>
<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData><row r="1"><c r="A1"
t="inlineStr"><is><t>&a;</t></is></c></row></sheetData></worksheet>"""


def test_outside_entities_and_broken_workbooks_are_refused() -> None:
    source, target = zipfile.ZipFile(io.BytesIO(workbook([LABELS]))), io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        for name in source.namelist():
            is_sheet = name == "xl/worksheets/sheet1.xml"
            archive.writestr(name, ENTITIES if is_sheet else source.read(name))
    assert refused(target.getvalue()) == "format"
    assert refused(workbook([LABELS])[:-400]) == "format"
    empty = io.BytesIO()
    zipfile.ZipFile(empty, "w").writestr("a.txt", "x")
    assert refused(b"PK\3\4 and nothing else") == "format"


def rule_of(content: bytes) -> str:
    """What stands against reading it, "" if nothing does."""
    try:
        found(content)
    except Unreadable as refusal:
        return refusal.rule
    return ""


@given(content=st.binary(max_size=2_000))
def test_any_bytes_are_read_or_refused(content: bytes) -> None:
    assert rule_of(content) in {"", "format", "bomb"}


@given(content=st.binary(max_size=500))
def test_so_are_any_bytes_behind_a_mark_or_a_zips_beginning(content: bytes) -> None:
    for head in (codecs.BOM_UTF16_LE, codecs.BOM_UTF8, b"PK\3\4"):
        assert rule_of(head + content) in {"", "format"}


def test_more_codes_than_fit_into_memory_are_not_compared() -> None:
    with pytest.raises(ValueError, match="too many"):
        rereads.check([], channels(rereads.MOST_CODES, 1))


def _damaged() -> bytes:
    raw = bytearray(bytes_of(content_of(wanted("xlsx"), channels(7, 3))))
    with zipfile.ZipFile(io.BytesIO(raw)) as archive:
        info = archive.getinfo("xl/workbook.xml")
    start = info.header_offset + 30 + len(info.filename)
    raw[start : start + 20] = b"\xff" * 20
    return bytes(raw)


def _with_heads(place: int, value: int) -> bytes:
    """A workbook whose members say something else of themselves, in both of their heads."""
    raw = bytearray(bytes_of(content_of(wanted("xlsx"), channels(7, 3))))
    at = raw.find(b"PK\1\2")
    while at >= 0:
        raw[at + place + 2] = value
        at = raw.find(b"PK\1\2", at + 1)
    with zipfile.ZipFile(io.BytesIO(raw)) as archive:
        for info in archive.infolist():
            raw[info.header_offset + place] = value
    return bytes(raw)


@pytest.mark.parametrize("content", [_damaged(), _with_heads(6, 1), _with_heads(8, 97)])
def test_a_workbook_that_is_damaged_encrypted_or_packed_strangely_is_no_workbook(content: bytes) -> None:
    with pytest.raises(Unreadable, match="format"):
        list(rows_of(io.BytesIO(content)))


def test_texts_that_are_read_whole_have_a_bound_of_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    target = io.BytesIO()
    with xlsxwriter.Workbook(target) as book:  # keeps texts apart from rows, as Excel does
        book.add_worksheet().write_string(0, 0, "x" * 5_000)
    assert list(rows_of(target))
    monkeypatch.setattr(uploads, "MOST_SHARED_BYTES", 1_000)
    with pytest.raises(Unreadable, match="bomb"):
        list(rows_of(target))


@pytest.mark.parametrize("recipient", ["a---b@example.jp", "a----b@example.jp", "<b&c>@example.jp"])
def test_a_picture_is_xml_whoever_it_is_made_for(recipient: str) -> None:
    content = content_of(wanted("qr_svg")._replace(recipient=recipient), channels(1))
    with zipfile.ZipFile(io.BytesIO(bytes_of(content))) as archive:
        pictures = [archive.read(name) for name in archive.namelist() if name.endswith(".svg")]
    roots = [minidom.parseString(picture).documentElement for picture in pictures]  # noqa: S318  # our own
    assert [root and root.tagName for root in roots] == ["svg"]
