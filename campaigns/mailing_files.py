"""An uploaded table as the recipients of a mailing: all rows or none, and what is wrong with which cell."""

import unicodedata
from collections.abc import Iterable
from typing import NamedTuple

from django.core.exceptions import ValidationError
from django.core.validators import validate_email

from campaigns.files.tables import MEGABYTE, Limits, Line, Table, column_letters
from campaigns.mailing_models import MAX_RECIPIENTS
from campaigns.mailing_sealing import Person, plain_address
from campaigns.mailing_texts import NAME, OWN_FIELDS, plain_field
from giftcodes.masking import mask_codes
from ledger.models import MAX_POINTS
from parties.forms import plain_line

LIMITS = Limits(size=4 * MEGABYTE, rows=MAX_RECIPIENTS, columns=20, letters=300)
MAX_FIELD_NAME = 30
ADDRESSES = ("メールアドレス", "メール", "e-mail", "email", "mail", "address")
NAMES = ("氏名", "名前", "お名前", "宛名", "name")
POINTS = ("ポイント", "ポイント数", "points")
LANGUAGES = ("言語", "language")
_LANGUAGE_WORDS = {"": "ja", "ja": "ja", "日本語": "ja", "en": "en", "英語": "en", "english": "en"}


class Row(NamedTuple):
    """A recipient to be, by the number of its row in the file."""

    number: int
    person: Person
    points: int | None
    language: str


class Mistake(NamedTuple):
    """What is wrong with a cell: row and column by the names that spreadsheets give them. `code`:
    `no_address_column`, `no_field_column` (`detail`: the field that the text uses), `field_name`,
    `field_twice`, `no_rows`, `address`, `points`, `language`, `no_field`, `a_code`, `other_values` (`detail`:
    the row that has the address too).
    """

    code: str
    row: int = 0
    column: str = ""
    detail: str = ""


class Read(NamedTuple):
    """Recipients and the fields of the list, or what stands against them. `twice` are rows that say again
    what another row has said: they are left out.
    """

    rows: tuple[Row, ...]
    columns: tuple[str, ...]
    twice: int
    mistakes: tuple[Mistake, ...]


class _Columns(NamedTuple):
    address: int
    points: int | None
    language: int | None
    fields: dict[str, int]  # the name among them


def recipients_in(table: Table, *, used: Iterable[str] = ()) -> Read:
    """The recipients that the table lists. `used` are the fields that the text of the mail needs in each row.
    Columns that are neither known nor used are fields, too.
    """
    columns, mistakes = _columns_of(table.header, sorted(used))
    if columns is None or mistakes:
        return Read((), (), 0, tuple(mistakes))
    if not table.lines:
        return Read((), (), 0, (Mistake("no_rows"),))
    rows: dict[str, Row] = {}
    twice = 0
    for line in table.lines:
        row, wrong = _row_of(line, columns, sorted(used))
        mistakes.extend(wrong)
        first = rows.setdefault(plain_address(row.person.address), row)
        if first is row or wrong:
            continue
        if first[2:] == row[2:] and first.person.fields == row.person.fields:
            twice += 1
        else:
            letters = column_letters(columns.address + 1)
            mistakes.append(Mistake("other_values", line.number, letters, str(first.number)))
    if mistakes:
        return Read((), (), 0, tuple(mistakes))
    return Read(tuple(rows.values()), tuple(columns.fields), twice, ())


def _columns_of(header: Line, used: list[str]) -> tuple[_Columns | None, list[Mistake]]:
    heads = [plain_field(cell) for cell in header.cells]
    address, points, language, name = (
        _place(heads, words) for words in (ADDRESSES, POINTS, LANGUAGES, NAMES)
    )
    mistakes = [] if address is not None else [Mistake("no_address_column", header.number)]
    fields: dict[str, int] = {}
    for place, head in enumerate(heads):
        if place in (address, points, language) or not head:
            continue
        field, letters = NAME if place == name else head, column_letters(place + 1)
        if len(field) > MAX_FIELD_NAME or (field in OWN_FIELDS and field != NAME) or set(field) & set("{}"):
            mistakes.append(Mistake("field_name", header.number, letters))
        elif field in fields:
            mistakes.append(Mistake("field_twice", header.number, letters))
        fields[field] = place
    mistakes.extend(
        Mistake("no_field_column", header.number, detail=field) for field in used if field not in fields
    )
    return (None if address is None else _Columns(address, points, language, fields)), mistakes


def _place(heads: list[str], words: Iterable[str]) -> int | None:
    known = {plain_field(word) for word in words}
    return next((place for place, head in enumerate(heads) if head in known), None)


def _row_of(line: Line, columns: _Columns, used: list[str]) -> tuple[Row, list[Mistake]]:
    fields = {field: plain_line(line.cells[place]) for field, place in columns.fields.items()}
    address = unicodedata.normalize("NFKC", line.cells[columns.address]).strip()
    points = _points_in("" if columns.points is None else line.cells[columns.points])
    typed = "" if columns.language is None else line.cells[columns.language]
    language = _LANGUAGE_WORDS.get(plain_field(typed), "")
    wrong = {
        columns.address: "" if _is_address(address) else "address",
        columns.points: "points" if points == 0 else "",
        columns.language: "" if language else "language",
    }
    for field, place in columns.fields.items():
        if mask_codes(fields[field]).codes:
            wrong[place] = "a_code"
        elif field in used and not fields[field]:
            wrong[place] = "no_field"
    mistakes = [
        Mistake(code, line.number, column_letters(place + 1))
        for place, code in wrong.items()
        if code and place is not None
    ]
    return Row(line.number, Person(address, fields), points, language or "ja"), mistakes


def _is_address(address: str) -> bool:
    if len(address) > 254 or not address.isascii():  # mail servers that take others are rare
        return False
    try:
        validate_email(address)
    except ValidationError:
        return False
    return True


def _points_in(cell: str) -> int | None:
    """Whole points; None if the cell is empty, 0 for what is no number of points."""
    text = unicodedata.normalize("NFKC", cell).replace(",", "").strip()
    if not text:
        return None
    is_number = text.isascii() and text.isdigit() and len(text) <= 12
    return int(text) if is_number and int(text) <= MAX_POINTS else 0
