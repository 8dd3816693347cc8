"""Channels from an uploaded file: each mistake is named by row and column, and it is all rows or none."""

from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from campaigns import errors
from campaigns import services as campaigns
from campaigns.channel_files import Mistake, NamedQuantity, channels_in
from campaigns.files.tables import read_table
from campaigns.models import Order
from parties.errors import NotReachable
from tests.campaigns import promos
from tests.campaigns.files.books import workbook
from tests.campaigns.pages import signed_in, told
from tests.make import NOON

GOOD = 'チャネル,備考,コード数\r\n渋谷店,朝,300\r\n梅田店,,"1,200"\r\n'
WANTED = [NamedQuantity("渋谷店", 300), NamedQuantity("梅田店", 1_200)]


def mistakes_in(text: str) -> list[Mistake]:
    read = channels_in(read_table(text.encode()))
    assert not read.channels
    return list(read.mistakes)


def test_names_and_numbers_are_taken_as_offices_write_them() -> None:
    assert list(channels_in(read_table(GOOD.encode("cp932"))).channels) == WANTED
    wide = "コード数,チャネル名\n３００,渋谷\u200b店\n１，２００,　梅田店 "
    assert list(channels_in(read_table(wide.encode("utf-16"))).channels) == WANTED
    book = workbook(["Name", "CODES", "note"], ["渋谷店", 300, None], ["梅田店", 1200.0, "x"])
    assert list(channels_in(read_table(book)).channels) == WANTED


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        (",5", Mistake("no_name", 2, "A")),
        ("\u200b,5", Mistake("no_name", 2, "A")),
        ("x" * 41 + ",5", Mistake("long_name", 2, "A")),
        ("a,", Mistake("no_number", 2, "B")),
        ("a,five", Mistake("no_number", 2, "B")),
        ("a,-1", Mistake("no_number", 2, "B")),
        ("a,1.5", Mistake("no_number", 2, "B")),
        ("a,1e3", Mistake("no_number", 2, "B")),
        ("a,٣", Mistake("no_number", 2, "B")),
        ("a," + "9" * 13, Mistake("no_number", 2, "B")),
        ("a,0", Mistake("number_range", 2, "B")),
        ("a,10000001", Mistake("number_range", 2, "B")),
    ],
)
def test_a_mistake_has_its_row_and_column(typed: str, expected: Mistake) -> None:
    assert mistakes_in(f"name,codes\n{typed}\n") == [expected]


def test_all_mistakes_are_told_at_once_and_good_rows_are_not_taken() -> None:
    assert mistakes_in("name,codes\nOK,5\n\n,0\nＯＫ,7\n") == [
        Mistake("no_name", 4, "A"),
        Mistake("number_range", 4, "B"),
        Mistake("same_name", 5, "A", 2),
    ]


def test_columns_without_their_names_are_told() -> None:
    assert mistakes_in("shop,number\nA,5\n") == [
        Mistake("no_name_column", 1),
        Mistake("no_quantity_column", 1),
    ]
    assert mistakes_in("name,codes\n") == [Mistake("no_rows")]


@pytest.mark.django_db
def test_channels_are_replaced_as_a_whole_or_not_at_all() -> None:
    team = promos.team()
    order = promos.draft(team)
    seen = campaigns.channels_of(order)

    def replace(*channels: tuple[str, int], by: Any = team.marketer, seen: Any = seen) -> None:
        rows = [NamedQuantity(*channel) for channel in channels]
        campaigns.replace_channels(order_id=order.pk, user=by, seen=seen, channels=rows, at=NOON)

    refused: list[tuple[type[Exception], list[tuple[str, int]]]] = [
        (errors.NoCodes, []),
        (errors.TooManyChannels, [(f"c{number}", 1) for number in range(201)]),
        (errors.TooManyCodes, [("a", 10_000_000), ("b", 1)]),
        (errors.SameChannelTwice, [("A", 1), ("Ａ", 1)]),
    ]
    for kind, rows in refused:
        with pytest.raises(kind):
            replace(*rows)
    with pytest.raises(errors.ChannelsChanged):
        replace(("a", 1), seen=seen[:1])
    with pytest.raises(NotReachable):
        replace(("a", 1), by=team.approver)
    assert campaigns.channels_of(order) == seen
    replace(("poster", 7), ("mail", 9))
    assert campaigns.channels_of(order) == [("poster", 7), ("mail", 9)]
    assert order.history.filter(history_change_reason="channels").count() == 1


@pytest.mark.django_db
def test_what_is_no_draft_keeps_its_channels_and_gifts_keep_their_one() -> None:
    team = promos.team()
    order = promos.submitted(team)
    seen = campaigns.channels_of(order)
    rows = [NamedQuantity("a", 1), NamedQuantity("b", 1)]
    with pytest.raises(errors.OrderNotOpen):
        campaigns.replace_channels(order_id=order.pk, user=team.marketer, seen=seen, channels=rows, at=NOON)
    gifts = promos.draft(team, channels={"API": 10}, issuing="api", most_points=100)
    with pytest.raises(errors.OneChannelNeeded):
        campaigns.replace_channels(
            order_id=gifts.pk,
            user=team.marketer,
            seen=campaigns.channels_of(gifts),
            channels=rows,
            at=NOON,
        )


def send(client: Client, order: Order, content: bytes, name: str = "channels.csv") -> Any:
    address = reverse("admin:campaigns_order_channels", args=(order.pk,))
    return client.post(address, {"file": SimpleUploadedFile(name, content)})


@pytest.mark.django_db
def test_a_file_is_shown_before_it_replaces_anything() -> None:
    team = promos.team()
    order = promos.draft(team)
    client, before = signed_in(team.marketer), campaigns.channels_of(order)
    page = send(client, order, GOOD.encode("cp932"))
    assert "渋谷店" in page.content.decode()
    assert "1,500" in page.content.decode()
    assert campaigns.channels_of(order) == before
    address = reverse("admin:campaigns_order_channels", args=(order.pk,))
    done = client.post(address, {"rows": page.context["rows"]}, follow=True)
    assert "those of the file" in told(done)
    assert campaigns.channels_of(order) == WANTED


@pytest.mark.django_db
def test_mistakes_are_told_and_nothing_is_offered() -> None:
    team = promos.team()
    order = promos.draft(team)
    page = send(signed_in(team.marketer), order, b"name,codes\n<b>,5\nok,x\n")
    text = page.content.decode()
    assert "Row 3, column B: This is no whole number." in text
    assert "rows" not in page.context
    many = "name,codes\n" + ",0\n" * 60
    page = send(signed_in(team.marketer), order, many.encode())
    assert "And 70 more." in page.content.decode()
    for content, words in (
        (b"", "is empty"),
        (b"\xd0\xcf\x11\xe0", "XLS"),
        (b"name,codes\n" + b"a,1\n" * 300_000, "larger than 1 MB"),
        (b"name,codes\n" + b"a,1\n" * 201, "more than 200 rows"),
    ):
        assert words in send(signed_in(team.marketer), order, content).content.decode()


@pytest.mark.django_db
def test_a_preview_is_for_its_order_its_person_and_what_was_there() -> None:
    team = promos.team()
    order, other = promos.draft(team), promos.draft(team)
    client = signed_in(team.marketer)
    rows = send(client, order, GOOD.encode()).context["rows"]
    address = "admin:campaigns_order_channels"
    assert client.post(reverse(address, args=(other.pk,)), {"rows": rows}).status_code == 404
    forged = client.post(reverse(address, args=(order.pk,)), {"rows": rows + "x"}, follow=True)
    assert "Upload the file again" in told(forged)
    order.channels.filter(name="poster").update(quantity=31)
    late = client.post(reverse(address, args=(order.pk,)), {"rows": rows}, follow=True)
    assert "changed the channels" in told(late)
    assert [row.quantity for row in campaigns.channels_of(order)] == [31, 20]


@pytest.mark.django_db
def test_only_a_marketer_of_the_brand_uploads_and_only_to_a_draft() -> None:
    team = promos.team()
    order = promos.draft(team)
    address = reverse("admin:campaigns_order_channels", args=(order.pk,))
    assert signed_in(team.marketer).get(address).status_code == 200
    assert signed_in(team.approver).get(address).status_code == 404
    assert signed_in(promos.team().marketer).get(address).status_code == 404
    campaigns.submit_order(order_id=order.pk, user=team.marketer, at=NOON)
    assert signed_in(team.marketer).get(address).status_code == 404
