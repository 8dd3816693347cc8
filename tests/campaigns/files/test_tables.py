"""Uploaded tables: every encoding that Japanese offices send, and nothing that harms."""

import io
import tracemalloc
import zipfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaigns.files.tables import Limits, TableRefused, column_letters, read_table
from tests.campaigns.files.books import forged, workbook

ROWS = (("チャネル", "コード数"), ("店頭ポスター①", "30"), ("メール～髙", "20"))
TEXT = "\r\n".join(",".join(row) for row in ROWS)
SHEET = "xl/worksheets/sheet1.xml"


def rows_of(data: bytes, **limits: int) -> list[tuple[str, ...]]:
    table = read_table(data, limits=Limits(**limits))
    return [table.header.cells, *(line.cells for line in table.lines)]


def refusal_of(data: bytes, **limits: int) -> tuple[str, int, int]:
    with pytest.raises(TableRefused) as refusal:
        read_table(data, limits=Limits(**limits))
    return refusal.value.code, refusal.value.row, refusal.value.column


@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "cp932", "utf-16", "utf-16-le with BOM", "utf-16-be with BOM"]
)
def test_text_is_read_in_the_encodings_that_are_sent(encoding: str) -> None:
    name, _, has_bom = encoding.partition(" ")
    assert rows_of((("\ufeff" if has_bom else "") + TEXT).encode(name)) == list(ROWS)
    assert rows_of((("\ufeff" if has_bom else "") + TEXT.replace(",", "\t")).encode(name)) == list(ROWS)


@pytest.mark.parametrize("separator", [",", "\t", ";"])
@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
def test_any_separator_and_any_end_of_line_will_do(separator: str, newline: str) -> None:
    text = newline.join(separator.join(row) for row in ROWS) + newline
    assert rows_of(text.encode()) == list(ROWS)


def test_mixed_ends_of_lines_and_quoted_ones_are_read_with_their_numbers() -> None:
    table = read_table(b'name,codes\r\n"two\nlines",1\n\n"a ""b"", c",2\r')
    assert [(line.number, line.cells) for line in table.lines] == [
        (2, ("two\nlines", "1")),
        (5, ('a "b", c', "2")),
    ]


def test_a_workbook_is_read_by_its_first_sheet_and_its_row_numbers() -> None:
    data = workbook(["name", "codes"], ["poster", 30], [], ["mail", 20.0], ["text", "0030"], sheets=3)
    table = read_table(data)
    assert table.header.cells == ("name", "codes")
    assert [(line.number, line.cells) for line in table.lines] == [
        (2, ("poster", "30")),
        (4, ("mail", "20")),
        (5, ("text", "0030")),
    ]


def test_sixteen_digits_stay_sixteen_digits_as_text() -> None:
    assert rows_of(workbook(["n"], ["1234567890123456"])) == [("n",), ("1234567890123456",)]
    assert rows_of(b"n\n1234567890123456") == [("n",), ("1234567890123456",)]


def test_what_a_file_is_is_told_by_its_bytes() -> None:
    assert refusal_of(b"\xd0\xcf\x11\xe0" + b"\x00" * 100)[0] == "kind"  # XLS
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        archive.writestr("../../etc/passwd", "x")
        archive.writestr("inner.zip", target.getvalue())
    assert refusal_of(target.getvalue())[0] == "kind"


@pytest.mark.parametrize(
    "data",
    [
        b"\x89PNG\r\n\x1a\n\x00\x00",
        b"%PDF-1.7\n\xff\xfe\xfd\x80",
        b"a,b\n\x00,1",
        b"\xff\xfea",
        b"\x81",
        b"\x1b$B",
    ],
)
def test_what_is_no_text_is_refused(data: bytes) -> None:
    assert refusal_of(data)[0] == "encoding"


@pytest.mark.parametrize("data", [b"", b"\n\n , \n", b"\xef\xbb\xbf", workbook([])])
def test_what_is_empty_is_refused(data: bytes) -> None:
    assert refusal_of(data)[0] == "empty"


def test_an_open_quotation_is_named_by_its_row() -> None:
    assert refusal_of(b'name,codes\nposter,1\n"mail,2\nx,3') == ("broken", 3, 0)


def test_what_is_too_much_is_named() -> None:
    assert refusal_of(b"x" * 11, size=10) == ("size", 0, 0)
    assert refusal_of(b"n\n1\n2\n3", rows=2) == ("rows", 4, 0)
    assert rows_of(b"n\n1\n2\n", rows=2) == [("n",), ("1",), ("2",)]
    assert refusal_of(b"a,b,c\n", columns=2) == ("columns", 1, 3)
    assert refusal_of(b"a,b\n1,2,3\n") == ("columns", 2, 3)
    assert refusal_of(b"a,b\n1,12345\n", letters=4) == ("letters", 2, 2)
    assert refusal_of(workbook(["a"], ["x" * 501])) == ("letters", 2, 1)
    assert refusal_of(b"n\n" + b"\n" * 10_000, rows=10)[0] == "rows"
    assert refusal_of(b"n\n" + b"x" * 200_000)[0] == "broken"


def test_rows_are_made_as_wide_as_the_header() -> None:
    assert rows_of(b"a,b,,\n1\n1,2,,\n") == [("a", "b"), ("1", ""), ("1", "2")]


def test_a_zip_bomb_is_refused_before_it_is_unpacked() -> None:
    bomb = forged(workbook(["n"]), {SHEET: b" " * 50_000_000})
    assert len(bomb) < 100_000
    tracemalloc.start()
    assert refusal_of(bomb)[0] == "unpacked"
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2_000_000
    many = forged(workbook(["n"]), {f"part{number}": b"" for number in range(400)})
    assert refusal_of(many)[0] == "unpacked"


def test_a_part_that_is_larger_than_it_says_is_not_unpacked_further() -> None:
    data = bytearray(forged(workbook(["n"]), {SHEET: b"<" * 5_000_000}))
    size = (5_000_000).to_bytes(4, "little")
    assert data.count(size) >= 1
    lying = bytes(data.replace(size, (50).to_bytes(4, "little")))
    assert refusal_of(lying)[0] == "broken"


_ENTITY = b"""<?xml version="1.0"?><!DOCTYPE x [%s]>
<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>
<row r="1"><c r="A1" t="inlineStr"><is><t>&e;</t></is></c></row></sheetData></worksheet>"""
_LAUGHS = b"".join(
    [
        b'<!ENTITY a "ha">',
        *(
            b'<!ENTITY %s "%s">' % (b"bcdefghije"[n : n + 1], b"&%s;" % b"abcdefghij"[n : n + 1] * 10)
            for n in range(9)
        ),
    ]
)


@pytest.mark.parametrize(
    "declared",
    [b'<!ENTITY e SYSTEM "file:///etc/hostname">', _LAUGHS + b'<!ENTITY e "&j;">', b'<!ENTITY e "x">'],
)
def test_entities_in_a_workbook_are_refused(declared: bytes) -> None:
    assert refusal_of(forged(workbook(["n"]), {SHEET: _ENTITY % declared}))[0] == "broken"


def test_a_sheet_that_lies_about_its_size_is_read_within_limits() -> None:
    sheet = b"""<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main">
<dimension ref="A1:XFD1048576"/>
<sheetData><row r="1"><c r="A1"><v>1</v></c></row>%s</sheetData></worksheet>"""
    far_down = sheet % b'<row r="1048576"><c r="A1048576"><v>2</v></c></row>'
    assert refusal_of(forged(workbook(["n"]), {SHEET: far_down}))[0] in ("rows", "broken")
    assert rows_of(forged(workbook(["n"]), {SHEET: sheet % b""})) == [("1",)]
    far_right = sheet.replace(b"%s", b'<row r="2"><c r="XFD2"><v>2</v></c></row>')
    assert refusal_of(forged(workbook(["n"]), {SHEET: far_right})) == ("columns", 2, 31)
    padded = b"".join(b'<row r="%d"><c r="XFD%d"/></row>' % (row, row) for row in range(2, 150))
    assert refusal_of(forged(workbook(["n"]), {SHEET: sheet % padded}))[:2] == ("columns", 124)


@given(data=st.binary(max_size=300))
def test_whatever_is_sent_is_a_table_or_refused(data: bytes) -> None:
    for sent in (data, b"PK\x03\x04" + data):
        try:
            table = read_table(sent)
        except TableRefused:
            continue
        assert all(len(line.cells) == len(table.header.cells) for line in table.lines)


@pytest.mark.parametrize(
    ("column", "letters"), [(1, "A"), (26, "Z"), (27, "AA"), (52, "AZ"), (703, "AAA"), (16_384, "XFD")]
)
def test_columns_have_the_names_of_spreadsheets(column: int, letters: str) -> None:
    assert column_letters(column) == letters
