"""What deliveries hold, kind by kind: read back by other people's programs, and equal to its rows."""

import csv
import io
import zipfile
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import numpy as np
import openpyxl
import pytest
import zxingcpp
from PIL import Image

from giftcodes import codec
from giftcodes.files import archives, kinds
from giftcodes.files.archives import Archive, Files
from giftcodes.files.kinds import MOST_CODES, Wanted, folder_of
from giftcodes.files.parts import ChannelCodes, Content
from giftcodes.files.pictures import qr_codes_of
from giftcodes.files.sheets import CODES_PER_SHEETS, Words
from giftcodes.files.tables import Csv
from giftcodes.files.workbooks import MAX_ROWS, workbook
from tests.drawings import page_of, pages_of, qr_texts, svg_picture
from tests.giftcodes.file_codes import BASE, bytes_of, channels, code_at, in_any_order

NOON = datetime(2026, 11, 28, 12, 0)  # noqa: DTZ001  # a wall clock's
WORDS = Words(
    brand="みどり市場",
    title="春のポイント祭り",
    worth="500 ポイント",
    until="2027年6月30日 23:59 まで",
    lot="1a2b3c4d",
    footer="納品 1a2b3c4d · hanako@example.com",
)
KINDS = sorted(MOST_CODES)
PRINTED = ["labels", "cards"]


def wanted(kind: str, *, by_channel: bool = False, words: Words = WORDS) -> Wanted:
    return Wanted(kind, by_channel, "1a2b3c4d", "hanako@example.com", NOON, words)


def made(kind: str, of: Sequence[ChannelCodes], **how: Any) -> bytes:
    return bytes_of(kinds.content_of(wanted(kind, **how), of))


def opened(content: bytes) -> zipfile.ZipFile:
    archive = zipfile.ZipFile(io.BytesIO(content))
    assert archive.testzip() is None
    return archive


def pictures_in(archive: zipfile.ZipFile) -> list[str]:
    return [name for name in archive.namelist() if name != "ABOUT.txt"]


def serials_of(of: Sequence[ChannelCodes]) -> list[int]:
    return [
        serial
        for channel in of
        for serial in range(channel.first_serial, channel.first_serial + channel.size)
    ]


def address_of(serial: int) -> str:
    return f"{BASE}#c={code_at(serial)}"


@pytest.mark.parametrize("by_channel", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_parts_made_in_any_order_are_the_same_file(kind: str, by_channel: bool) -> None:
    of = channels(7, 3)
    content = kinds.content_of(wanted(kind, by_channel=by_channel), of)
    assert sum(content.sizes) == 10
    again = kinds.content_of(wanted(kind, by_channel=by_channel), of)
    assert bytes_of(content) == in_any_order(again)


@pytest.mark.parametrize("kind", ["csv", "urls", "xlsx", "qr_png", "qr_svg"])
def test_no_part_grows_with_the_file(kind: str) -> None:
    """What is held in memory at a time; `tests.benchmarks.bench_deliveries` measures a million rows."""
    of = channels(3_000 if kind.startswith("qr") else 30_000)
    counts = kinds.content_of(wanted(kind), of).sizes
    assert max(counts) <= 16_384
    assert len([count for count in counts if count]) > 1


@pytest.mark.parametrize("kind", KINDS)
def test_more_than_a_kind_can_have_is_refused(kind: str) -> None:
    with pytest.raises(ValueError, match="too many"):
        kinds.content_of(wanted(kind), channels(MOST_CODES[kind], 1))


def test_a_csv_is_what_the_orders_own_file_has() -> None:
    rows = list(csv.DictReader(io.StringIO(made("csv", channels(3, 2)).decode("utf-8-sig"), newline="")))
    assert [row["serial"] for row in rows] == [str(3_000_000_000 + serial) for serial in range(5, 10)]
    assert [row["code"] for row in rows] == [codec.group(code_at(serial)) for serial in range(5, 10)]
    assert [row["channel"] for row in rows] == ["店頭 1"] * 3 + ["店頭 2"] * 2


def test_a_list_of_addresses_has_one_a_line() -> None:
    assert made("urls", channels(3, 2)).decode().split("\r\n") == [*map(address_of, range(5, 10)), ""]


def test_a_workbook_keeps_every_digit_of_codes_and_serials_as_text() -> None:
    book = openpyxl.load_workbook(io.BytesIO(made("xlsx", channels(90, 30))), read_only=True)
    labels, *rows = book["codes"].iter_rows(values_only=True)
    assert labels == ("serial", "code", "url", "channel", "points", "claim_until")
    for serial, row in zip(range(5, 125), rows, strict=True):
        channel = "店頭 1" if serial < 95 else "店頭 2"
        code = codec.group(code_at(serial))
        assert row == (f"300000{serial:04d}", code, address_of(serial), channel, 500, "2027-06-30 23:59")
    cell = openpyxl.load_workbook(io.BytesIO(made("xlsx", channels(1))))["codes"]["B2"]
    assert (cell.data_type, cell.number_format) == ("s", "@")
    told = [row[0].value for row in book["about"].iter_rows()]
    assert told == ["Delivery 1a2b3c4d", "Made for hanako@example.com"]


@pytest.mark.parametrize("rows", [1, 8, 9, 98, 99, 998, 999, 8_192, 8_193, 9_999])
def test_row_numbers_go_on_across_parts_and_more_digits(rows: int) -> None:
    [sheet] = [
        text
        for name, text in _texts(made("xlsx", channels(rows))).items()
        if name == "xl/worksheets/sheet1.xml"
    ]
    for row in {2, rows // 2 + 1, rows + 1}:
        assert f'<row r="{row}"><c r="A{row}"' in sheet or row == 1
        assert f'<c r="F{row}"' in sheet
    assert f'<row r="{rows + 2}"' not in sheet
    assert f'<dimension ref="A1:F{rows + 1}"/>' in sheet


def _texts(workbook_bytes: bytes) -> dict[str, str]:
    archive = opened(workbook_bytes)
    return {name: archive.read(name).decode() for name in archive.namelist()}


@pytest.mark.parametrize("name", ["=1+1", "+1", "-1", "@x", "＝1", " =1", "<b>&\"'"])
def test_a_channels_name_is_text_and_no_formula(name: str) -> None:
    book = openpyxl.load_workbook(io.BytesIO(made("xlsx", channels(**{name: 2}))))
    told = book["codes"]["D3"]
    assert (told.data_type, told.value) == ("s", name if name.startswith("<") else f"'{name}")


def test_a_sheet_has_no_more_rows_than_spreadsheets_show() -> None:
    with pytest.raises(ValueError, match="no room"):
        workbook(channels(MAX_ROWS, 1), about=["x"], made_at=NOON)


def test_every_png_shows_the_address_of_its_serial() -> None:
    of = channels(40, 20)
    archive = opened(made("qr_png", of))
    names = pictures_in(archive)
    assert len(names) == 60
    for serial, name in zip(serials_of(of), names, strict=True):
        folder = "001 店頭 1" if serial < 45 else "002 店頭 2"
        assert name == f"{folder}/{3_000_000_000 + serial}.png"
        picture = Image.open(io.BytesIO(archive.read(name)))
        assert qr_texts(picture) == [address_of(serial)]
        assert picture.info["Comment"] == "Delivery 1a2b3c4d, made for hanako@example.com"
    assert archive.read("ABOUT.txt").decode() == "Delivery 1a2b3c4d\r\nMade for hanako@example.com\r\n"


def test_so_does_every_svg() -> None:
    of = channels(20, 10)
    archive = opened(made("qr_svg", of))
    for serial, name in zip(serials_of(of), pictures_in(archive), strict=True):
        svg = archive.read(name).decode()
        assert "<!-- Delivery 1a2b3c4d, made for hanako@example.com -->" in svg
        assert qr_texts(svg_picture(svg)) == [address_of(serial)]


def test_a_name_can_not_end_the_comment_of_an_svg() -> None:
    hostile = wanted("qr_svg")._replace(recipient="x--><script>@example.com")
    archive = opened(bytes_of(kinds.content_of(hostile, channels(1))))
    assert "-->" not in archive.read(pictures_in(archive)[0]).decode().replace(" -->", "")


@pytest.mark.parametrize(("kind", "per_page"), [("labels", 24), ("cards", 10)])
def test_every_qr_code_on_printed_sheets_is_the_address_of_its_row(kind: str, per_page: int) -> None:
    of = channels(per_page + 2, 3)
    pages = pages_of(made(kind, of), scale=4)
    assert len(pages) == 3
    found = [text for page in pages for text in _in_reading_order(page)]
    assert found == [address_of(serial) for serial in serials_of(of)]


def _in_reading_order(page: Image.Image) -> list[str]:
    """Row by row, a row being what begins within a centimetre."""
    codes = zxingcpp.read_barcodes(page)
    return [
        code.text
        for code in sorted(codes, key=lambda c: (c.position.top_left.y // 113, c.position.top_left.x))
    ]


def test_the_logo_stands_on_printed_sheets_and_leaves_the_codes_alone() -> None:
    target = io.BytesIO()
    Image.new("RGBA", (512, 200), (200, 30, 30, 128)).save(target, "PNG")
    sheets = made("cards", channels(1), words=WORDS._replace(logo=target.getvalue()))
    assert sheets.count(b"/Subtype /Image") > made("cards", channels(1)).count(b"/Subtype /Image")
    assert qr_texts(page_of(sheets)) == [address_of(5)]


@pytest.mark.parametrize("kind", PRINTED)
def test_more_sheets_come_as_several_files(kind: str) -> None:
    archive = opened(made(kind, channels(CODES_PER_SHEETS + 1)))
    last = 3_000_000_004 + CODES_PER_SHEETS
    assert pictures_in(archive) == [f"3000000005-{last}.pdf", f"{last + 1}-{last + 1}.pdf"]
    assert qr_texts(page_of(archive.read(f"{last + 1}-{last + 1}.pdf"))) == [address_of(5 + CODES_PER_SHEETS)]


@pytest.mark.parametrize(
    ("kind", "name"), [("csv", "codes.csv"), ("xlsx", "codes.xlsx"), ("urls", "codes.txt")]
)
def test_each_channel_can_have_a_file_of_its_own(kind: str, name: str) -> None:
    of = channels(3, 2)
    archive = opened(made(kind, of, by_channel=True))
    assert pictures_in(archive) == [f"001 店頭 1/{name}", f"002 店頭 2/{name}"]
    if kind == "csv":
        assert archive.read("002 店頭 2/codes.csv") == bytes_of(Csv(of[1:]))
    if kind == "urls":
        assert archive.read("002 店頭 2/codes.txt").decode().split() == [address_of(8), address_of(9)]


@pytest.mark.parametrize("name", ["../up", "a\\b", "C:x", "nul", 'x<>|"?*', "end. ", "..."])
def test_no_channel_leads_out_of_its_folder(name: str) -> None:
    folder = folder_of(1, name)
    assert folder.startswith("001")
    assert not set(folder) & set('\\/:*?"<>|')
    assert not folder.endswith((".", " "))


def test_an_archive_of_more_members_than_the_old_format_counts_is_whole() -> None:
    count = 65_536
    files = Files([count], lambda _place: ((f"{number}.txt", b"x") for number in range(count)))
    archive = opened(bytes_of(Archive([files], modified_at=NOON)))
    assert archive.namelist() == [f"{number}.txt" for number in range(count)]


def test_an_archive_that_would_pass_the_old_formats_size_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archives, "_LIMIT", 1_000)
    with pytest.raises(ValueError, match="4 GiB"):
        made("qr_png", channels(10))


def test_a_wrong_table_of_qr_codes_is_seen_before_anybody_prints_it() -> None:
    of = channels(3)
    content: Content = kinds.content_of(wanted("qr_png"), of)
    tables = qr_codes_of(of[0])._tables
    right = tables[0].copy()
    tables[0] ^= np.uint8(1)
    try:
        with pytest.raises(ValueError, match="differs"):
            bytes_of(content)
    finally:
        tables[0][:] = right
