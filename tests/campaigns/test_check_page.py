"""The page that compares a file with the codes: for who had them in hand, and nothing of it is kept."""

import io
import logging
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.files import uploadedfile
from django.test import Client
from django.urls import reverse
from pytest_django import Settings

from campaigns.admin import rereads
from campaigns.models import Order
from giftcodes import services as giftcodes
from giftcodes.delivery_models import DeliveryKind
from giftcodes.errors import FurtherDeliveryRefused
from giftcodes.models import Delivery
from giftcodes.services import rereads as reread_services
from parties.errors import NotReachable
from parties.models import Role
from parties.staff_models import AuditRecord
from tests import make
from tests.campaigns import promos
from tests.campaigns.pages import act, bytes_of, signed_in
from tests.campaigns.promos import Team
from tests.campaigns.test_files_page import files, minted
from tests.factors import let_in
from tests.giftcodes.further import Desk, made
from tests.make import NOON
from tests.sealed_files import codes_of, content_of

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("noon")]


@pytest.fixture(autouse=True)
def _own_folder(tmp_path: Path, settings: Settings) -> None:
    settings.DELIVERY_DIR = tmp_path / "deliveries"


def page_of(order: Order) -> str:
    return reverse("admin:campaigns_order_check_file", args=(order.pk,))


def send(client: Client, order: Order, content: bytes, **fields: Any) -> Any:
    file = io.BytesIO(content)
    file.name = "from-the-printer.csv"
    return client.post(page_of(order), {"file": file} | fields)


def with_the_file(of: Team) -> tuple[Order, Client, bytes]:
    """An order whose file its marketer has, and what is in it."""
    order, client = minted(of), signed_in(of.marketer)
    bytes_of(act(client, order, "download"))
    act(client, order, "passphrase")
    assert order.batch is not None
    return order, client, content_of(order.batch)


def test_what_was_handed_out_is_right_and_what_is_missing_is_told() -> None:
    order, client, content = with_the_file(promos.team())
    assert "Compare a printer" in client.get(files(order)).content.decode()
    assert "Every row is right" in send(client, order, content).content.decode()
    lines = content.split(b"\r\n")
    answer = send(client, order, b"\r\n".join([*lines[:5], lines[4], *lines[6:]]))
    seen = answer.content.decode()
    assert "the same code as in an earlier row" in seen
    assert "<td>6</td>" in seen.replace(' class="tk-right"', "")
    assert order.batch is not None
    assert str(order.batch.first_claim_id + 4) in seen
    assert answer.context["report"].missing == [(order.batch.first_claim_id + 4,) * 2]


def test_one_channel_is_compared_with_its_codes_alone() -> None:
    order, client, content = with_the_file(promos.team())
    assert order.batch is not None
    poster = order.batch.channels.get(name="poster")
    lines = content.split(b"\r\n")
    answer = send(client, order, b"\r\n".join(lines[:31]), channel=poster.pk)
    assert answer.context["report"].is_right
    assert not send(client, order, content, channel=poster.pk).context["report"].is_right


def test_only_who_had_the_codes_in_hand_is_told_which_are_good() -> None:
    team = promos.team()
    order, client = minted(team), signed_in(team.marketer)
    assert order.batch is not None
    content = content_of(order.batch)
    answer = send(client, order, content)
    assert "Only who has a file" in str(answer.context["form"].errors["file"])
    assert answer.context["report"] is None
    colleague = signed_in(make.staff(Role.MARKETER, team.brand))
    bytes_of(act(client, order, "download"))
    assert send(colleague, order, content).context["report"] is None
    assert send(client, order, content).context["report"] is None  # what is sealed is not in hand
    act(client, order, "passphrase")
    assert send(client, order, content).context["report"].is_right
    kept = AuditRecord.objects.filter(reason="compared a file with the codes")
    assert [record.actor for record in kept] == [team.marketer]


def test_who_had_one_channel_is_told_of_that_one_alone() -> None:
    team = promos.team()
    order = minted(team)
    batch = order.batch
    assert batch is not None
    poster, receipt = batch.channels.order_by("first_serial")
    colleague = make.staff(Role.MARKETER, team.brand)
    delivery = made(Desk(batch, colleague, team.approver), DeliveryKind.CSV, channel_id=poster.pk)
    giftcodes.take_further_delivery(
        public_id=delivery.public_id, user=colleague, verified_at=NOON, at=NOON
    ).file.close()
    giftcodes.reveal_further_passphrase(
        public_id=delivery.public_id, user=colleague, verified_at=NOON, at=NOON
    )
    check: dict[str, Any] = {"batch_id": batch.pk, "user": colleague, "at": NOON}
    file = io.BytesIO("\n".join(codes_of(batch)[:30]).encode())
    assert giftcodes.check_file(channel_id=poster.pk, file=file, **check).is_right
    for channel_id in (receipt.pk, None):
        with pytest.raises(FurtherDeliveryRefused, match="not_taken"):
            giftcodes.check_file(channel_id=channel_id, file=file, **check)


@pytest.mark.parametrize("role", Role)
def test_other_brands_and_roles_compare_nothing(role: Role) -> None:
    own, other = promos.team(), promos.team()
    order, _client, content = with_the_file(other)
    stranger = signed_in(make.staff(role, own.brand))
    assert stranger.get(page_of(order)).status_code == 404
    assert send(stranger, order, content).status_code == 404
    if role != Role.MARKETER:
        assert send(signed_in(make.staff(role, other.brand)), order, content).status_code == 404


def test_a_channel_of_another_batch_is_refused() -> None:
    team = promos.team()
    order, _client, content = with_the_file(team)
    foreign = make.batch(brand=make.brand(funds=5_000)).channels.get()
    with pytest.raises(FurtherDeliveryRefused, match="channel"):
        giftcodes.check_file(
            batch_id=order.batch_id or 0,
            channel_id=foreign.pk,
            file=io.BytesIO(content),
            user=team.marketer,
            at=NOON,
        )
    with pytest.raises(NotReachable):
        giftcodes.check_file(
            batch_id=0, channel_id=None, file=io.BytesIO(content), user=team.marketer, at=NOON
        )


@pytest.mark.both
def test_one_person_compares_so_many_files_in_an_hour_and_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reread_services, "MOST_IN_AN_HOUR", 2)
    team = promos.team()
    order, client, content = with_the_file(team)
    assert [send(client, order, content).context["report"] is None for _time in range(3)] == [
        *[False, False, True]
    ]
    assert "within an hour" in send(client, order, content).content.decode()
    assert AuditRecord.objects.filter(reason="compared a file with the codes").count() == 2
    later = AuditRecord.objects.latest("pk").recorded_at + timedelta(hours=1)
    report = giftcodes.check_file(
        batch_id=order.batch_id or 0,
        channel_id=None,
        file=io.BytesIO(content),
        user=team.marketer,
        at=later,
    )
    assert report.is_right


REFUSED = {
    "workbook": (b"PK\3\4 nothing", "read"),
    "one long line": (b"1" * 50_000, "read"),
    "nothing": (b"", "empty"),
}


@pytest.mark.both
@pytest.mark.parametrize("name", REFUSED)
def test_what_can_not_be_read_is_told_beside_the_field(name: str) -> None:
    order, client, _content = with_the_file(promos.team())
    content, told = REFUSED[name]
    answer = send(client, order, content)
    assert answer.status_code == 200
    assert told in str(answer.context["form"].errors["file"])


def test_a_file_beyond_the_most_is_not_read_to_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    order, client, content = with_the_file(promos.team())
    monkeypatch.setattr(rereads._InMemory, "_room", 1_000)
    answer = send(client, order, content)
    assert "larger than 64 MB" in str(answer.context["form"].errors["file"])
    assert len(answer.context["form"].errors["file"]) == 1


def test_too_many_codes_are_compared_channel_by_channel(monkeypatch: pytest.MonkeyPatch) -> None:
    order, client, content = with_the_file(promos.team())
    monkeypatch.setattr(reread_services, "MOST_CODES", 49)
    assert "one channel at a time" in str(send(client, order, content).context["form"].errors["channel"])


@pytest.fixture
def nothing_on_the_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fails whoever makes a temporary file for an upload, as Django does for larger ones."""

    def refuse(*_args: object, **_kwargs: object) -> None:
        raise AssertionError("an upload got onto the disk")

    monkeypatch.setattr(uploadedfile.TemporaryUploadedFile, "__init__", refuse)


@pytest.mark.usefixtures("nothing_on_the_disk")
def test_a_large_file_stays_in_memory_and_out_of_the_log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    order, client, content = with_the_file(promos.team())
    padded = content + b"     ,\r\n" * 600_000  # beyond what Django keeps in memory
    answer = send(client, order, padded)
    assert answer.context["report"].is_right
    assert order.batch is not None
    for code in codes_of(order.batch):
        assert code not in caplog.text + answer.content.decode()


def test_the_control_for_it_sees_a_file_that_gets_onto_the_disk(nothing_on_the_disk: None) -> None:
    with pytest.raises(AssertionError, match="onto the disk"):
        uploadedfile.TemporaryUploadedFile("a", "text/csv", 1, "utf-8")


def test_a_form_from_another_site_is_refused() -> None:
    team = promos.team()
    order, _client, content = with_the_file(team)
    client = let_in(Client(enforce_csrf_checks=True), team.marketer)
    assert send(client, order, content).status_code == 403
    token = client.get(page_of(order)).cookies
    assert token
    value = next(morsel.value for name, morsel in token.items() if "csrf" in name.lower())
    assert send(client, order, content, csrfmiddlewaretoken=value).context["report"].is_right


def test_whoever_is_not_signed_in_is_asked_to() -> None:
    order, _client, content = with_the_file(promos.team())
    assert send(Client(), order, content).status_code == 302
    assert Delivery.objects.get().downloaded_at == NOON
