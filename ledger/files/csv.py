"""The canonical CSV of a statement: the bytes that its fingerprint is of.

UTF-8 with a byte order mark and CRLF, after RFC 4180: that is what spreadsheets in Japan open without asking.
One table of one width: the first column says what a row is (head, line, pair, due, total), so that machines
read it as well as people; two rows of headings, stable keys and Japanese. The rows are in the order of short
names and codes. Nothing in it depends on ids of the database, on the language of whoever asks, on the clock,
or on names that have changed since.
"""

import csv
import hashlib
import io

from ledger.files.cells import SECTIONS, head_of, safe_text
from ledger.files.content import Content

COLUMNS = {
    "section": "区分キー",
    "label": "区分",
    "funder": "負担ブランドコード",
    "funder_name": "負担ブランド",
    "acceptor": "利用先ブランドコード",
    "acceptor_name": "利用先ブランド",
    "store": "店舗コード",
    "store_name": "店舗",
    "uses": "行数",
    "points": "ポイント",
    "earlier_points": "うち前期以前分",
    "yen": "円",
}


def canonical_csv(content: Content) -> bytes:
    """The statement as CSV. The same content gives the same bytes, for ever."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(COLUMNS)
    writer.writerow(COLUMNS.values())
    for key, label, value in head_of(content):
        writer.writerow(_row("head", [key, label, value]))
    for line in content.lines:
        writer.writerow(_row("line", [*map(safe_text, line.names), *line.figures]))
    for pair in content.pairs:
        brands = [pair.funder, content.names[pair.funder], pair.acceptor, content.names[pair.acceptor]]
        writer.writerow(_row("pair", [*map(safe_text, brands), "", "", *pair.figures]))
    for due in content.dues:
        brands = [due.debtor, content.names[due.debtor], due.creditor, content.names[due.creditor]]
        writer.writerow(_row("due", [*map(safe_text, brands), "", "", "", "", "", due.yen]))
    writer.writerow(_row("total", ["", "", "", "", "", "", *content.total.figures]))
    return text.getvalue().encode("utf-8-sig")


def fingerprint(content: Content) -> str:
    """The SHA-256 of the canonical CSV, in hexadecimal."""
    return hashlib.sha256(canonical_csv(content)).hexdigest()


def _row(section: str, cells: list[str | int]) -> list[str | int]:
    filled = [section, SECTIONS[section], *cells]
    return filled + [""] * (len(COLUMNS) - len(filled))
