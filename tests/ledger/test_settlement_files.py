"""Statements as files: canonical CSV, workbook and paper."""

import csv
import hashlib
import io
import re
import subprocess
import sys
import zipfile
from datetime import date, datetime
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.utils import translation

from ledger import services as ledger
from ledger.errors import SettlementRefused
from ledger.expiry import JAPAN
from ledger.files.cells import Stamp, safe_text, stamp_of
from ledger.files.content import Content, Line, Names, frozen_content, recounted_content
from ledger.files.csv import COLUMNS, canonical_csv, fingerprint
from ledger.files.pdf import MAX_PRINTED_LINES, document
from ledger.files.statement import FileKind, checked_content, statement_file
from ledger.files.xlsx import workbook
from ledger.models import Settlement
from parties.models import Role
from tests import make
from tests.ledger.coalition import NOVEMBER_ENDS, OCTOBER_ENDS, Coalition, coalition, october
from tests.tampering import past_the_guards

STAMP = Stamp("確定", "2026-11-04", "ab" * 32)
SHEET = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"


def _line(funder: str, acceptor: str, store: str, points: int, **names: str) -> Line:
    named = {"funder_name": funder.title(), "acceptor_name": acceptor.title(), "store_name": store.title()}
    return Line(Names(funder=funder, acceptor=acceptor, store=store, **named | names), 3, points, 0, points)


def _content(*lines: Line) -> Content:
    return Content(
        number="5b6c1f0e-8a4d-4a54-9d35-0f8f6a1b2c3d",
        program="まちポイント",
        first_day=date(2026, 10, 1),
        last_day=date(2026, 10, 31),
        yen_per_point=1,
        prepared_at=datetime(2026, 11, 2, 10, tzinfo=JAPAN),
        lines=tuple(sorted(lines)),
    )


CONTENT = _content(
    _line("cafe", "books", "b-01", 1_234_567),
    _line("books", "cafe", "c-01", -1_000),
    _line("cafe", "cafe", "c-01", 50),
    _line("cafe", "books", "", -40, store_name=""),
)


def _rows(content: Content) -> list[dict[str, str]]:
    text = canonical_csv(content).decode("utf-8-sig")
    return list(csv.DictReader(io.StringIO(text, newline="")))


def _section(content: Content, section: str) -> list[list[str]]:
    return [list(row.values())[2:] for row in _rows(content) if row["section"] == section]


def test_the_csv_is_what_spreadsheets_in_japan_open() -> None:
    raw = canonical_csv(CONTENT)

    assert raw.startswith(b"\xef\xbb\xbfsection,label,funder,")
    assert raw.count(b"\r\n") == raw.count(b"\n") > 10
    assert {len(row) for row in csv.reader(io.StringIO(raw.decode("utf-8-sig")))} == {len(COLUMNS)}


def test_the_csv_says_everything_once_in_order_of_short_names_and_codes() -> None:
    assert _section(CONTENT, "line") == [
        ["books", "Books", "cafe", "Cafe", "c-01", "C-01", "3", "-1000", "0", "-1000"],
        ["cafe", "Cafe", "books", "Books", "", "", "3", "-40", "0", "-40"],
        ["cafe", "Cafe", "books", "Books", "b-01", "B-01", "3", "1234567", "0", "1234567"],
        ["cafe", "Cafe", "cafe", "Cafe", "c-01", "C-01", "3", "50", "0", "50"],
    ]
    assert _section(CONTENT, "pair") == [
        ["books", "Books", "cafe", "Cafe", "", "", "3", "-1000", "0", "-1000"],
        ["cafe", "Cafe", "books", "Books", "", "", "6", "1234527", "0", "1234527"],
        ["cafe", "Cafe", "cafe", "Cafe", "", "", "3", "50", "0", "50"],
    ]
    assert _section(CONTENT, "due") == [["cafe", "Cafe", "books", "Books", "", "", "", "", "", "1235527"]]
    assert _section(CONTENT, "total") == [["", "", "", "", "", "", "12", "1233577", "0", "1233577"]]
    assert {row[0]: row[2] for row in _section(CONTENT, "head")} == {
        "number": "5b6c1f0e-8a4d-4a54-9d35-0f8f6a1b2c3d",
        "program": "まちポイント",
        "first_day": "2026-10-01",
        "last_day": "2026-10-31",
        "yen_per_point": "1",
        "uses": "12",
        "prepared_at": "2026-11-02T10:00:00+09:00",
    }


def test_no_language_and_no_moment_changes_a_byte() -> None:
    files = []
    for language in ("ja", "en"):
        with translation.override(language):
            files.append([canonical_csv(CONTENT), workbook(CONTENT, STAMP), document(CONTENT, STAMP)])

    assert files[0] == files[1]


def test_another_process_writes_the_same_bytes() -> None:
    script = (
        "import django; django.setup()\n"
        "from tests.ledger.test_settlement_files import CONTENT, STAMP, canonical_csv, document, workbook\n"
        "import hashlib\n"
        "for raw in (canonical_csv(CONTENT), workbook(CONTENT, STAMP), document(CONTENT, STAMP)):\n"
        "    print(hashlib.sha256(raw).hexdigest())\n"
    )
    document(
        _content(_line("cafe", "books", "b-01", 1, store_name="髙島通り﨑店")), STAMP
    )  # other glyphs first

    said = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).parents[2],
    ).stdout.split()

    assert said == _digests(CONTENT)


def _digests(content: Content) -> list[str]:
    files = (canonical_csv(content), workbook(content, STAMP), document(content, STAMP))
    return [hashlib.sha256(raw).hexdigest() for raw in files]


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("=1+1", "'=1+1"),
        ("+81", "'+81"),
        ("-5", "'-5"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("＝1+1", "'＝1+1"),
        ("＠", "'＠"),
        ("\u2212 5", "'\u2212 5"),
        ("\t=1+1", "'=1+1"),
        ("\r=1+1", "'=1+1"),
        (" \u200b=1+1", "'=1+1"),
        ("\ufeff=1", "'=1"),
        ("A\u202eB\x00\ud800", "AB"),
        ("二行\r\nの名", "二行の名"),
        ("A=B", "A=B"),
        ("", ""),
    ],
)
def test_a_name_is_never_a_formula(name: str, shown: str) -> None:
    content = _content(_line("cafe", "books", "b-01", 7, store_name=name))

    assert safe_text(name) == shown
    assert _section(content, "line")[0][5] == shown
    sheet = _sheet(workbook(content, STAMP), 1)
    assert not list(sheet.iter(f"{SHEET}f"))
    assert ["Cafe", "Books", "b-01", shown or "（店舗なし・訂正）", 3, 7, 0, 7] in _cells(sheet)
    assert document(content, STAMP).startswith(b"%PDF-")


def _sheet(raw: bytes, number: int) -> ET.Element:
    with zipfile.ZipFile(io.BytesIO(raw)) as book:
        return ET.fromstring(book.read(f"xl/worksheets/sheet{number}.xml"))  # noqa: S314  # our own bytes


def _cells(sheet: ET.Element) -> list[list[str | int]]:
    """Texts are inline strings where memory is kept constant; everything else must be a number."""
    return [
        [
            "".join(part.text or "" for part in cell.iter(f"{SHEET}t"))
            if cell.get("t") == "inlineStr"
            else int(cell.findtext(f"{SHEET}v", "0"))
            for cell in row
        ]
        for row in sheet.iter(f"{SHEET}row")
    ]


def test_the_workbook_has_details_netting_and_overview_with_numbers_as_numbers() -> None:
    raw = workbook(CONTENT, STAMP)

    with zipfile.ZipFile(io.BytesIO(raw)) as book:
        assert re.findall(r'sheet name="([^"]+)"', book.read("xl/workbook.xml").decode()) == [
            "明細",
            "相殺",
            "概要",
        ]
    details = _cells(_sheet(raw, 1))
    assert details[1] == ["Books", "Cafe", "c-01", "C-01", 3, -1_000, 0, -1_000]
    assert details[-1] == ["合計", "", "", "", 12, 1_233_577, 0, 1_233_577]
    netting = _cells(_sheet(raw, 2))
    assert netting[1] == ["Cafe", "Books", 1_235_527]
    assert ["Cafe", -1_000, 1_234_527, -1_235_527] in netting
    overview = _cells(_sheet(raw, 3))
    assert ["正本CSVのSHA-256", "ab" * 32] in overview
    assert ["状態", "確定"] in overview


def test_the_paper_embeds_its_font_and_numbers_its_pages() -> None:
    short, long = (
        document(CONTENT, STAMP),
        document(
            _content(*(_line("cafe", "books", f"b-{number:04}", number) for number in range(1, 200))), STAMP
        ),
    )

    assert short.count(b"/Type /Page\n") == short.count(b"/MediaBox") == 1
    assert long.count(b"/MediaBox") > 4
    for raw in (short, long):
        assert raw.count(b"/FontFile2") >= 2
        assert b"BIZUDPGothic" in raw


def test_more_details_than_anybody_prints_are_left_to_the_other_files() -> None:
    lines = [_line("cafe", "books", f"b-{number:05}", 1) for number in range(MAX_PRINTED_LINES + 1)]

    assert document(_content(*lines), STAMP).count(b"/MediaBox") == 1
    assert len(_section(_content(*lines), "line")) == MAX_PRINTED_LINES + 1


def test_a_statement_without_any_use_is_a_file_of_each_kind_too() -> None:
    empty = _content()

    assert _section(empty, "total") == [["", "", "", "", "", "", "0", "0", "0", "0"]]
    assert _cells(_sheet(workbook(empty, STAMP), 1))[-1] == ["合計", "", "", "", 0, 0, 0, 0]
    assert document(empty, STAMP).startswith(b"%PDF-")


@pytest.fixture
def shops() -> Coalition:
    return coalition()


@pytest.fixture
def closed(shops: Coalition) -> Settlement:
    shops.spend(shops.cafe, shops.main_street, 500, at=october(5))
    shops.spend(shops.drugs, shops.station, 70, at=october(6))
    return shops.settle()


def _files(settlement: Settlement) -> list[bytes]:
    return [statement_file(settlement, kind).content for kind in FileKind]


@pytest.mark.django_db
def test_whatever_happens_later_the_three_files_of_a_closed_statement_stay_the_same(
    shops: Coalition, closed: Settlement
) -> None:
    before = _files(closed)
    shops.spend(shops.cafe, shops.main_street, 30, at=october(5))  # late
    shops.settle(NOVEMBER_ENDS)
    type(shops.cafe).objects.filter(pk=shops.cafe.pk).update(
        name="New name", slug="zzz", legal_name="New K.K."
    )
    type(shops.station).objects.filter(pk=shops.station.pk).update(name="New place", code="zzz")
    type(shops.program).objects.filter(pk=shops.program.pk).update(name="New points", yen_per_point=9)
    type(shops.first).objects.filter(pk=shops.first.pk).update(name="New surname")
    ledger.note_settlement(settlement_id=closed.pk, user=shops.first, text="a dispute", at=NOVEMBER_ENDS)

    again = Settlement.objects.get(pk=closed.pk)

    assert _files(again) == before
    rebuilt = recounted_content(again)
    assert [
        canonical_csv(rebuilt),
        workbook(rebuilt, stamp_of(again)),
        document(rebuilt, stamp_of(again)),
    ] == before


@pytest.mark.django_db
def test_closing_changes_no_byte_of_the_canonical_csv(shops: Coalition) -> None:
    shops.spend(shops.cafe, shops.main_street, 500, at=october(5))
    waiting = shops.prepare()
    seen = statement_file(waiting, FileKind.CSV)

    assert statement_file(shops.close(waiting), FileKind.CSV) == seen
    assert fingerprint(frozen_content(waiting)) == waiting.sha256
    assert stamp_of(waiting).state == "承認前（案）"


@pytest.mark.django_db
def test_files_are_named_by_month_and_number(closed: Settlement) -> None:
    number = str(closed.public_id)[:8]

    assert [statement_file(closed, kind).name for kind in FileKind] == [
        f"settlement-2026-10-{number}.csv",
        f"settlement-2026-10-{number}.xlsx",
        f"settlement-2026-10-{number}.pdf",
    ]


@pytest.mark.django_db
def test_a_brand_gets_only_what_concerns_it(shops: Coalition, closed: Settlement) -> None:
    extract = statement_file(closed, FileKind.CSV, brands=[shops.books.slug])

    assert "-extract." in extract.name
    assert shops.cafe.slug.encode() in extract.content
    assert shops.drugs.slug.encode() not in extract.content
    assert shops.drugs.slug.encode() in statement_file(closed, FileKind.CSV).content


@pytest.mark.django_db
def test_of_other_brands_an_extract_tells_no_balance(shops: Coalition, closed: Settlement) -> None:
    whole = frozen_content(closed)
    extract = whole.of_brands([shops.books.slug])

    assert shops.cafe.slug in extract.names
    assert extract.positions == {shops.books.slug: whole.positions[shops.books.slug]}
    assert len(whole.positions) == 3


@pytest.mark.django_db
def test_a_statement_that_was_tampered_with_is_not_handed_out(closed: Settlement) -> None:
    past_the_guards("UPDATE ledger_settlementline SET points = points + 1")

    for kind in FileKind:
        with pytest.raises(SettlementRefused) as refused:
            statement_file(closed, kind)
        assert refused.value.rule == "changed"


@pytest.mark.django_db
def test_the_command_prepares_shows_writes_and_rebuilds(shops: Coalition, tmp_path: Path) -> None:
    shops.spend(shops.cafe, shops.main_street, 500, at=october(5))
    asked = ["prepare", "--program", shops.program.slug, "--until", "2026-10-31", "--by", shops.first.email]

    prepared = _said(*asked)

    settlement = Settlement.objects.get()
    number = str(settlement.public_id)
    assert settlement.ends_at == OCTOBER_ENDS
    assert "みどりカフェ（みどり珈琲株式会社） -> ふくろう書店: 500" in prepared
    assert settlement.sha256 in _said("show", number[:8])
    assert number in _said("list")
    written = _said("files", number, "--to", str(tmp_path)).split()
    assert [Path(name).read_bytes() for name in written] == _files(settlement)
    assert checked_content(settlement) == frozen_content(settlement)
    assert settlement.sha256 in _said("rebuild", number)


@pytest.mark.django_db
def test_the_command_refuses_in_words(shops: Coalition) -> None:
    stranger = make.staff(Role.SUPPORT, None)
    prepare = ["prepare", "--program", shops.program.slug, "--until", "2026-10-31", "--by"]
    shops.spend(shops.cafe, shops.main_street, 500, at=october(5))
    _said(*prepare, shops.first.email)
    for words in (
        [*prepare, stranger.email],
        [*prepare, "nobody@example.com"],
        [*prepare, shops.second.email],
        ["show", "ffffffff-no"],
        ["show", "-"],
    ):
        with pytest.raises(CommandError):
            _said(*words)
    past_the_guards("UPDATE ledger_lotuse SET points = points + 1 WHERE acceptor_id IS NOT NULL")
    with pytest.raises(CommandError):
        _said("rebuild", str(Settlement.objects.get().public_id))


def _said(*words: str | None) -> str:
    said = io.StringIO()
    call_command("settlement", *words, stdout=said)
    return said.getvalue()
