"""The CSV of a batch: what a spreadsheet, a mail house and an independent CSV reader get to see."""

import csv
import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from giftcodes import content
from giftcodes.content import RowLayout

URL_BASE = "https://gifts.example/c/summer/"


def layout(
    *,
    url_base: str = URL_BASE,
    channel: str = "Poster 渋谷",
    points: int = 500,
    claim_until_text: str = "2027-06-30 23:59",
) -> RowLayout:
    return RowLayout(url_base=url_base, channel=channel, points=points, claim_until_text=claim_until_text)


def codes_of(count: int, *, first: int = 1_234_567_890_123_456) -> NDArray[np.bytes_]:
    return np.array([b"%016d" % (first + 7_919 * index) for index in range(count)], dtype="S16")


def made(
    count: int = 3, *, series: int = 1, first_serial: int = 0, row_layout: RowLayout | None = None
) -> bytes:
    return bytes(
        content.rows(codes_of(count), series=series, first_serial=first_serial, layout=row_layout or layout())
    )


def read(text: bytes) -> list[list[str]]:
    return list(csv.reader(io.StringIO(text.decode(), newline=""), strict=True))


def test_a_row_holds_serial_grouped_code_link_channel_points_and_last_moment() -> None:
    assert made(1) == (
        b"1000000000,1234-5678-9012-3456,https://gifts.example/c/summer/#c=1234567890123456,"
        b'"Poster \xe6\xb8\x8b\xe8\xb0\xb7",500,"2027-06-30 23:59"\r\n'
    )


def test_the_content_begins_with_a_byte_order_mark_and_the_labels() -> None:
    assert content.header() == b"\xef\xbb\xbfserial,code,url,channel,points,claim_until\r\n"


def test_header_and_rows_together_are_a_table_that_a_csv_reader_understands() -> None:
    table = list(csv.DictReader(io.StringIO((content.header() + made(200)).decode("utf-8-sig"), newline="")))
    codes = codes_of(200).astype(str)
    assert [row["url"] for row in table] == [f"{URL_BASE}#c={code}" for code in codes]
    assert [row["code"].replace("-", "") for row in table] == list(codes)
    assert {(row["channel"], row["points"], row["claim_until"]) for row in table} == {
        ("Poster 渋谷", "500", "2027-06-30 23:59")
    }


@pytest.mark.parametrize(("series", "first_serial"), [(1, 0), (1, 9_997), (8, 99_999_998), (9, 999_999_997)])
def test_serials_have_ten_digits_and_follow_one_another(series: int, first_serial: int) -> None:
    serials = [row[0] for row in read(made(3, series=series, first_serial=first_serial))]
    assert serials == [f"{series}{first_serial + index:09d}" for index in range(3)]


@given(
    series=st.integers(1, 9),
    first_serial=st.integers(0, 10**9 - 40),
    cut=st.integers(0, 40),
)
def test_rows_made_in_two_chunks_are_the_rows_made_at_once(series: int, first_serial: int, cut: int) -> None:
    codes = codes_of(40)
    before = content.rows(codes[:cut], series=series, first_serial=first_serial, layout=layout())
    after = content.rows(codes[cut:], series=series, first_serial=first_serial + cut, layout=layout())
    whole = content.rows(codes, series=series, first_serial=first_serial, layout=layout())
    assert bytes(before) + bytes(after) == bytes(whole)


def test_codes_from_every_second_place_of_an_array_are_written_as_they_are() -> None:
    every_second = codes_of(10)[::2]
    table = read(bytes(content.rows(every_second, series=1, first_serial=0, layout=layout())))
    assert [row[1].replace("-", "") for row in table] == list(every_second.astype(str))


def test_no_codes_make_no_rows() -> None:
    assert made(0) == b""


@given(channel=st.text(min_size=1, max_size=40), points=st.integers(1, 10**12))
def test_any_channel_name_is_refused_or_comes_back_as_one_harmless_field(channel: str, points: int) -> None:
    try:
        row_layout = layout(channel=channel, points=points)
    except ValueError:
        return
    table = read(made(3, row_layout=row_layout))
    assert [len(row) for row in table] == [6, 6, 6]
    assert {row[3].removeprefix("'") for row in table} == {channel.removeprefix("'")}
    assert all(row[3][0] not in "=+-@\t\r＝＋－＠" and row[4] == str(points) for row in table)


@pytest.mark.parametrize("first", ["=", "+", "-", "@", "＝", "＋", "－", "＠", "﹦", "−", " =", "\u200b="])
def test_a_name_that_begins_like_a_formula_gets_an_apostrophe(first: str) -> None:
    name = first + "1+1"
    assert read(made(1, row_layout=layout(channel=name)))[0][3] == "'" + name


def test_quotes_commas_and_signs_within_a_name_stay_as_they_are() -> None:
    name = 'Aさんの"店", 2-1=1 🎁'
    assert read(made(1, row_layout=layout(channel=name)))[0][3] == name


@pytest.mark.parametrize(
    "name", ["", " ", "\u3000", "a\nb", "a\rb", "\tname", "\x00", "a\x85b", "a\u2028b", "\ud800", "x" * 201]
)
def test_a_name_that_cannot_stand_in_a_row_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="a text in a row"):
        layout(channel=name)
    with pytest.raises(ValueError, match="a text in a row"):
        layout(claim_until_text=name)


@pytest.mark.parametrize(
    "url_base",
    [
        "",
        "ftp://x/",
        "https://",
        "https://a b/",
        'https://a"/',
        "https://a,b/",
        "https://a/#c=",
        "https://例え/",
        "https://a/\n",
        "https://" + "a" * 500,
    ],
)
def test_an_address_that_cannot_carry_a_code_is_refused(url_base: str) -> None:
    with pytest.raises(ValueError, match="url_base"):
        layout(url_base=url_base)


@pytest.mark.parametrize(
    "url_base", ["http://127.0.0.1:8000/c/demo/", "https://xn--r8jz45g.jp/c/a-b_c/?x=1&y=%20"]
)
def test_an_address_with_port_query_or_punycode_is_taken(url_base: str) -> None:
    assert read(made(1, row_layout=layout(url_base=url_base)))[0][2] == url_base + "#c=1234567890123456"


@pytest.mark.parametrize("points", [0, -1, 10**12 + 1])
def test_points_outside_what_the_ledger_holds_are_refused(points: int) -> None:
    with pytest.raises(ValueError, match="points"):
        layout(points=points)


@pytest.mark.parametrize(("series", "first_serial"), [(0, 0), (10, 0), (1, -1), (1, 999_999_998)])
def test_serials_outside_their_series_are_refused(series: int, first_serial: int) -> None:
    with pytest.raises(ValueError, match="series"):
        made(3, series=series, first_serial=first_serial)


@pytest.mark.parametrize(
    "codes",
    [
        np.array([b"1234567890123456"], dtype="S17"),
        np.array(["1234567890123456"]),
        np.array([[b"1234567890123456"]], dtype="S16"),
        np.array([b"123456789012345"], dtype="S16"),
        np.array([b"123456789012345/", b"1234567890123456"], dtype="S16"),
        np.array([b"1234567890123456", b"12345678901234:6"], dtype="S16"),
    ],
)
def test_what_is_no_array_of_codes_is_refused(codes: NDArray[np.bytes_]) -> None:
    with pytest.raises(ValueError, match="codes must be"):
        content.rows(codes, series=1, first_serial=0, layout=layout())


def test_rows_cannot_be_changed_by_who_gets_them() -> None:
    assert content.rows(codes_of(2), series=1, first_serial=0, layout=layout()).readonly
