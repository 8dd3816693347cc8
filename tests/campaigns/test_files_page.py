"""The page of an order's files: asked for, approved by another, taken once, told in the log."""

import io
import re
from pathlib import Path
from typing import Any

import openpyxl
import pytest
import pyzipper
from django.test import Client
from django.urls import reverse
from django.utils.html import escape
from pytest_django import Settings

from campaigns import services as campaigns
from campaigns.delivery_wording import words_of_kind, words_of_refusal
from campaigns.errors import OrderChanged, TermsRefused
from campaigns.models import Issuing, Order
from giftcodes import services as giftcodes
from giftcodes.delivery_models import DeliveryKind, FurtherDelivery
from giftcodes.errors import FurtherDeliveryRefused
from giftcodes.files import kinds
from giftcodes.models import Activation, Batch, BatchState, Delivery
from parties.models import Role
from tests import make
from tests.campaigns import promos
from tests.campaigns.pages import act, bytes_of, page, signed_in, told
from tests.campaigns.promos import Team
from tests.make import NOON

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("noon")]


@pytest.fixture(autouse=True)
def _own_folder(tmp_path: Path, settings: Settings) -> None:
    settings.DELIVERY_DIR = tmp_path / "deliveries"


def minted(of: Team, **fields: Any) -> Order:
    order = promos.submitted(of, **fields)
    batch = promos.approve(order, of.approver)
    while giftcodes.mint_next_chunk(batch_id=batch.pk, at=NOON):
        pass
    return Order.objects.get(pk=order.pk)


def files(order: Order) -> str:
    return reverse("admin:campaigns_order_files", args=(order.pk,))


def ask(client: Client, order: Order, **fields: Any) -> Any:
    return client.post(files(order), {"kind": "xlsx", "reason": "for the printer"} | fields, follow=True)


def press(client: Client, delivery: FurtherDelivery, what: str, **data: str) -> Any:
    where = (delivery.batch.order.pk, delivery.public_id)
    return client.post(reverse(f"admin:campaigns_order_{what}", args=where), data, follow=True)


def make_all() -> None:
    for delivery in FurtherDelivery.objects.all():
        while giftcodes.make_next_part(delivery_id=delivery.pk, at=NOON):
            pass


def approve(client: Client, delivery: FurtherDelivery) -> Any:
    return press(client, delivery, "approve_file", request_hash=delivery.request_hash)


@pytest.mark.both
def test_a_workbook_is_asked_for_approved_made_taken_and_confirmed_through_the_page() -> None:
    team = promos.team()
    order = minted(team)
    marketer, approver = signed_in(team.marketer), signed_in(team.approver)
    assert "waiting for approval" in told(ask(marketer, order))
    delivery = FurtherDelivery.objects.get()
    seen = approver.get(files(order)).content.decode()
    assert delivery.request_hash in seen
    assert "for the printer" in seen
    assert "being made" in told(approve(approver, delivery))
    progress = marketer.get(reverse("admin:campaigns_order_file", args=(order.pk, delivery.public_id)))
    assert 'hx-trigger="every 1s"' in progress.content.decode()
    make_all()
    progress = marketer.get(reverse("admin:campaigns_order_file", args=(order.pk, delivery.public_id)))
    assert "hx-trigger" not in progress.content.decode()

    file = press(marketer, delivery, "download_file")
    assert file["Content-Disposition"].startswith("attachment")
    assert "no-store" in file["Cache-Control"]
    sealed = bytes_of(file)
    shown = press(marketer, delivery, "file_passphrase")
    assert "no-store" in shown["Cache-Control"]
    found = re.search(r'class="tk-passphrase">([^<]+)<', shown.content.decode())
    assert found is not None
    with pyzipper.AESZipFile(io.BytesIO(sealed)) as archive:
        archive.setpassword(found[1].encode())
        book = openpyxl.load_workbook(io.BytesIO(archive.read(archive.namelist()[0])))
    assert book["codes"].max_row == 51
    assert "receipt is noted" in told(press(marketer, delivery, "file_received"))
    log = marketer.get(files(order)).content.decode()
    for what in ("downloaded", "passphrase shown", "receipt confirmed", "127.0.0.1"):
        assert what in log
    for what in ("download_file", "file_passphrase"):
        assert "handed over already" in told(press(marketer, delivery, what))


def test_whoever_asks_approves_by_no_door() -> None:
    team = promos.team()
    order = minted(team)
    team.marketer.staff_roles.create(brand=team.brand, role=Role.APPROVER)
    marketer = signed_in(team.marketer)
    ask(marketer, order)
    delivery = FurtherDelivery.objects.get()
    assert "Approve and make" not in marketer.get(files(order)).content.decode()
    assert "ask a colleague" in told(approve(marketer, delivery))
    assert "ask a colleague" in told(press(marketer, delivery, "reject_file", note="no"))
    delivery.refresh_from_db()
    assert delivery.state == "requested"


DOORS = (
    "approve_file",
    "reject_file",
    "make_file_again",
    "download_file",
    "file_passphrase",
    "file_received",
)


@pytest.mark.parametrize("role", Role)
def test_files_of_another_brands_order_are_not_there(role: Role) -> None:
    own, other = promos.team(), promos.team()
    order = minted(other)
    ask(signed_in(other.marketer), order)
    delivery = FurtherDelivery.objects.get()
    client = signed_in(make.staff(role, own.brand))
    assert client.get(files(order)).status_code == 404
    assert ask(client, order).status_code == 404
    data = {"request_hash": delivery.request_hash, "note": "no", "reason": "x"}
    for what in DOORS:
        assert press(client, delivery, what, **data).status_code == 404, what
    assert (
        client.get(reverse("admin:campaigns_order_file", args=(order.pk, delivery.public_id))).status_code
        == 404
    )
    # Nor under an order of one's own.
    mine = minted(own)
    where = (mine.pk, delivery.public_id)
    for what in DOORS:
        address = reverse(f"admin:campaigns_order_{what}", args=where)
        assert client.post(address, data).status_code == 404, what
    assert FurtherDelivery.objects.get().state == "requested"


@pytest.mark.parametrize("role", [role for role in Role if role != Role.MARKETER])
def test_who_is_no_marketer_looks_and_asks_for_nothing(role: Role) -> None:
    team = promos.team()
    order = minted(team)
    client = signed_in(make.staff(role, team.brand))
    seen = client.get(files(order))
    assert seen.status_code == 200
    assert "Ask for another file" not in seen.content.decode()
    assert ask(client, order).status_code == 404


@pytest.mark.parametrize("what", DOORS)
def test_nothing_happens_by_looking(what: str) -> None:
    team = promos.team()
    order = minted(team)
    ask(signed_in(team.marketer), order)
    delivery = FurtherDelivery.objects.get()
    for person in (team.marketer, team.approver):
        address = reverse(f"admin:campaigns_order_{what}", args=(order.pk, delivery.public_id))
        assert signed_in(person).get(address).status_code == 405


def test_a_delivery_is_made_again_with_a_new_approval() -> None:
    team = promos.team()
    order = minted(team)
    marketer, approver = signed_in(team.marketer), signed_in(team.approver)
    ask(marketer, order)
    first = FurtherDelivery.objects.get()
    assert "can be made again" in told(press(marketer, first, "make_file_again", reason="lost"))
    approve(approver, first)
    make_all()
    assert "waiting for approval" in told(press(marketer, first, "make_file_again", reason="lost"))
    again = FurtherDelivery.objects.latest("pk")
    assert "Make it again" in marketer.get(files(order)).content.decode()
    approve(approver, again)
    make_all()
    assert "the content is the same" in approver.get(files(order)).content.decode()


def test_a_rejection_tells_its_reason() -> None:
    team = promos.team()
    order = minted(team)
    marketer, approver = signed_in(team.marketer), signed_in(team.approver)
    ask(marketer, order)
    delivery = FurtherDelivery.objects.get()
    assert "Say why" in told(press(approver, delivery, "reject_file", note=" "))
    press(approver, delivery, "reject_file", note="the printer has it already")
    assert "the printer has it already" in marketer.get(files(order)).content.decode()
    assert "decided already" in told(approve(approver, delivery))


REFUSED: dict[str, tuple[dict[str, str], str]] = {
    "age": ({"age_recipient": "age1nonsense"}, "age_recipient"),
    "kind": ({"kind": "docx"}, "kind"),
    "channel": ({"channel": "0"}, "channel"),
    "no reason": ({"reason": ""}, "reason"),
}


@pytest.mark.both
@pytest.mark.parametrize("name", REFUSED)
def test_what_can_not_be_asked_for_is_told_beside_its_field(name: str) -> None:
    team = promos.team()
    order = minted(team)
    fields, field = REFUSED[name]
    answer = ask(signed_in(team.marketer), order, **fields)
    assert field in answer.context["form"].errors
    assert not FurtherDelivery.objects.exists()


def test_a_channel_of_another_order_can_not_be_chosen() -> None:
    team = promos.team()
    order, other = minted(team), minted(team)
    assert other.batch is not None
    foreign = other.batch.channels.first()
    assert foreign is not None
    answer = ask(signed_in(team.marketer), order, channel=str(foreign.pk))
    assert "channel" in answer.context["form"].errors


def test_too_many_codes_for_a_kind_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    team = promos.team()
    order = minted(team)
    monkeypatch.setitem(kinds.MOST_CODES, "labels", 49)
    answer = ask(signed_in(team.marketer), order, kind="labels")
    assert "more codes than this kind" in str(answer.context["form"].errors["kind"])


def test_the_form_says_how_many_codes_each_kind_can_have() -> None:
    team = promos.team()
    seen = signed_in(team.marketer).get(files(minted(team))).content.decode()
    for most in ("10,000,000", "1,000,000", "200,000", "100,000", "10,000"):
        assert f"Up to {most} codes." in seen
    for kind in DeliveryKind:
        assert escape(words_of_kind(kind)) in seen


def test_orders_without_a_file_have_no_such_page() -> None:
    team = promos.team()
    client = signed_in(team.marketer)
    for order in (promos.submitted(team), promos.draft(team)):
        assert client.get(files(order)).status_code == 404
    gifts = promos.draft(team, issuing=Issuing.API, most_points=100, channels={"API": 5})
    gifts = campaigns.submit_order(order_id=gifts.pk, user=team.marketer, at=NOON)
    promos.approve(gifts, team.approver)
    assert client.get(files(gifts)).status_code == 404


def test_codes_can_wait_for_the_receipt_of_their_file() -> None:
    team = promos.team()
    order = minted(team, activation=Activation.ON_RECEIPT)
    marketer, approver = signed_in(team.marketer), signed_in(team.approver)
    own = Delivery.objects.get()
    assert "wait for" in page(approver, order)
    assert "Activate the codes" not in page(approver, order)
    with pytest.raises(TermsRefused, match="receipt"):
        campaigns.activate_codes(order_id=order.pk, user=team.approver, verified_at=NOON, at=NOON)
    received = reverse("admin:campaigns_order_file_received", args=(order.pk, own.public_id))
    assert approver.post(received).status_code == 404
    assert "Download the file first" in told(marketer.post(received, follow=True))
    bytes_of(act(marketer, order, "download"))
    assert "can be claimed from then on" in marketer.get(files(order)).content.decode()
    assert Batch.objects.get().state == BatchState.MINTED
    marketer.post(received)
    assert Batch.objects.get().state == BatchState.ACTIVE


def test_a_change_of_the_receipts_policy_voids_the_submission() -> None:
    team = promos.team()
    order = promos.submitted(team, activation=Activation.ON_RECEIPT)
    before = order.submitted_hash
    Order.objects.filter(pk=order.pk).update(activation=Activation.AT_START)
    with pytest.raises(OrderChanged):
        promos.approve(order, team.approver, before)
    assert not Batch.objects.exists()


def test_every_refusal_has_words() -> None:
    rules = re.findall(r"`(\w+)`", str(FurtherDeliveryRefused.__doc__))
    assert len(rules) > 18
    for rule in rules:
        if rule != "rule":
            assert words_of_refusal(FurtherDeliveryRefused(rule))


@pytest.mark.both
def test_home_tells_who_has_to_decide_and_who_can_take() -> None:
    team, other = promos.team(), promos.team()
    order = minted(team)
    team.marketer.staff_roles.create(brand=team.brand, role=Role.APPROVER)
    marketer, approver = signed_in(team.marketer), signed_in(team.approver)
    ask(marketer, order)
    delivery = FurtherDelivery.objects.get()
    link = f"{files(order)}#file-{delivery.public_id.hex}"
    home = reverse("admin:index")
    assert link in approver.get(home).content.decode()
    for client in (marketer, signed_in(other.approver)):
        assert link not in client.get(home).content.decode()
    approve(approver, delivery)
    make_all()
    assert link in marketer.get(home).content.decode()
    for client in (approver, signed_in(make.staff(Role.MARKETER, team.brand))):
        assert link not in client.get(home).content.decode()
    bytes_of(press(marketer, delivery, "download_file"))
    assert link not in marketer.get(home).content.decode()
