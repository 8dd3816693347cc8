"""What people paste or upload as serial numbers."""

import io
from collections.abc import Sequence

import pytest
import xlsxwriter

from giftcodes.serial_lists import (
    MAX_LIST_BYTES,
    MAX_LISTED,
    Fault,
    NotAText,
    decode_upload,
    is_too_long,
    read_list,
)

FIRST, END = 1_000_000_000, 1_000_000_050


def numbers_of(text: str) -> list[int]:
    listed = read_list(text, first=FIRST, end=END)
    assert not listed.faults
    return listed.numbers


@pytest.mark.parametrize(
    "text",
    [
        "1000000001\n1000000002",
        "\ufeffserial,shop\r\n1000000001,A\r\n1000000002,B\r\n",
        '"1000000001";"A"\n"1000000002";"B"',
        "  1000000001\t本店\n\n\n1000000002\t支店",
        "１００００００００１\n1000000002",
    ],
    ids=["lines", "csv", "quoted", "tabs", "full width"],
)
def test_serial_numbers_are_read_in_every_form_that_tables_have(text: str) -> None:
    assert numbers_of(text) == [1_000_000_001, 1_000_000_002]


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ("1234567890123456", Fault.CODE),
        ("1234-5678-9012-3456", Fault.CODE),
        ("１２３４ ５６７８ ９０１２ ３４５６", Fault.CODE),
        ("1000000001,1234-5678-9012-3456", Fault.CODE),
        ("https://points.example.com/c/spring/#c=1234567890123456", Fault.CODE),
        ("100000001", Fault.FORM),
        ("10000000011", Fault.FORM),
        ("1e9", Fault.FORM),
        ("-100000001", Fault.FORM),
        ("1000000050", Fault.ELSEWHERE),
        ("0999999999", Fault.ELSEWHERE),
    ],
)
def test_what_is_no_serial_number_is_named_by_its_line(line: str, fault: Fault) -> None:
    listed = read_list(f"1000000001\n\n{line}\n1000000002", first=FIRST, end=END)
    assert listed.faults == [(3, fault)]
    assert listed.numbers == [1_000_000_001, 1_000_000_002]


def test_a_long_list_is_told_from_one_that_is_not() -> None:
    lines = "1000000001\n" * MAX_LISTED
    assert not is_too_long(lines)
    assert is_too_long(lines + "1000000001")
    assert len(read_list(lines * 2, first=FIRST, end=END).numbers) == MAX_LISTED


def test_an_upload_is_a_text_in_an_encoding_that_is_in_use() -> None:
    assert decode_upload("店,1".encode()) == decode_upload("店,1".encode("cp932")) == "店,1"
    assert decode_upload("\ufeff1".encode()) == "1"
    for raw in (b"PK\x03\x04\0", "1".encode("utf-16"), b"\x81", b"1" * (MAX_LIST_BYTES + 1)):
        with pytest.raises(NotAText):
            decode_upload(raw)


def workbook(rows: Sequence[Sequence[object]]) -> bytes:
    target = io.BytesIO()
    with xlsxwriter.Workbook(target, {"in_memory": True}) as book:
        sheet = book.add_worksheet()
        for place, row in enumerate(rows):
            sheet.write_row(place, 0, row)
    return target.getvalue()


def test_a_workbook_is_read_whether_its_numbers_are_text_or_not() -> None:
    text = decode_upload(workbook([["番号", "店"], [1_000_000_001, "本店"], [], ["1000000002", "支店, 2"]]))
    assert numbers_of(text) == [1_000_000_001, 1_000_000_002]


def test_lines_of_a_workbook_are_those_that_its_program_shows() -> None:
    text = decode_upload(workbook([[], ["1000000001"], [], ["12"], ["1000000003", "1234567890123456"]]))
    faults = read_list(text, first=FIRST, end=END).faults
    assert [(fault.line, fault.fault) for fault in faults] == [(4, Fault.FORM), (5, Fault.CODE)]


def test_a_workbook_that_is_too_long_or_broken_is_refused() -> None:
    assert is_too_long(decode_upload(workbook([[1_000_000_001]] * (MAX_LISTED + 1))))
    assert not is_too_long(decode_upload(workbook([[1_000_000_001]] * MAX_LISTED)))
    with pytest.raises(NotAText):
        decode_upload(b"PK\3\4 nothing")
