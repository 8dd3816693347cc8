"""The pages on which codes are withdrawn: what a marketer names and is shown, what an approver decides on."""

import uuid
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from campaigns import desk, services
from campaigns.models import Order, OrderState
from config.navigation import sidebar
from giftcodes.models import Batch, Void
from giftcodes.void_models import VoidRequest, VoidScope, VoidState
from giftcodes.void_queries import spans_asked
from ledger import queries as ledger_queries
from parties.models import Role
from tests import make
from tests.campaigns import promos
from tests.campaigns.pages import page, signed_in, told
from tests.giftcodes.guarded import attempt
from tests.make import NOON

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("noon")]
ADD = "/admin/giftcodes/voidrequest/add/"
_ALL = {"scope": "channel", "first": "", "last": "", "serials": "", "reason": "the printer lost a box"}


@pytest.fixture
def team() -> promos.Team:
    return promos.team()


@pytest.fixture
def order(team: promos.Team) -> Order:
    """30 codes for a poster and 20 for receipts, of 100 points each."""
    order = promos.submitted(team)
    make.activate(promos.approve(order, team.approver))
    order.refresh_from_db()
    return order


def batch_of(order: Order) -> Batch:
    assert order.batch is not None
    return order.batch


def fill_in(client: Client, order: Order, **fields: Any) -> Any:
    """Look at the effect."""
    number = str(uuid.uuid4())
    data = _ALL | {"form_number": number, "looked": "", "_look": ""} | fields
    return client.post(f"{ADD}?batch={order.batch_id}", data)


def ask(client: Client, order: Order, **fields: Any) -> Any:
    """Look at the effect, then ask for it."""
    looked = fill_in(client, order, **fields).context["form"]
    data = {name: looked[name].value() or "" for name in looked.fields if name != "upload"}
    return client.post(f"{ADD}?batch={order.batch_id}", data | {"_ask": ""}, follow=True)


def receipts(order: Order) -> dict[str, Any]:
    return {"channel": batch_of(order).channels.get(name="receipt").pk}


def post(client: Client, asked: VoidRequest, what: str, **data: str) -> Any:
    return client.post(reverse(f"admin:giftcodes_voidrequest_{what}", args=(asked.pk,)), data, follow=True)


@pytest.mark.both
def test_a_channel_is_withdrawn_by_two_people_who_see_what_it_does(team: promos.Team, order: Order) -> None:
    batch, marketer, approver = batch_of(order), signed_in(team.marketer), signed_in(team.approver)
    attempt(make.code_of(batch, 35), make.member())
    shown = fill_in(marketer, order, **receipts(order))
    assert shown.context["effect"] == (19, 1, 0, 1_900)
    assert not VoidRequest.objects.exists()
    asked_page = ask(marketer, order, **receipts(order)).content.decode()
    assert "an approver who is not you has to decide" in asked_page
    asked = VoidRequest.objects.get()
    assert "Approve and withdraw" not in asked_page
    attempt(make.code_of(batch, 36), make.member())

    before = approver.get(reverse("admin:giftcodes_voidrequest_change", args=(asked.pk,)))
    assert before.context["now"] == (18, 2, 0, 1_800)
    after = post(approver, asked, "approve", fingerprint=asked.fingerprint)

    assert "The codes are withdrawn." in told(after)
    assert (after.context["asked"].voided_codes, after.context["asked"].spared_codes) == (18, 2)
    assert after.context["points_back"] == 1_800
    assert ledger_queries.funds_of(team.brand) == 100_000 - 5_000 + 1_800
    assert asked.reason in page(marketer, order)


@pytest.mark.parametrize("door", ["approve", "reject", "take_back"])
def test_no_door_lets_who_asked_decide_or_a_stranger_do_anything(
    door: str, team: promos.Team, order: Order
) -> None:
    asked = promos.void_request(team, batch_of(order))
    team.marketer.staff_roles.create(brand=team.brand, role=Role.APPROVER)
    data = {"fingerprint": asked.fingerprint, "note": "no"}
    other = promos.team()
    roles = [make.staff(role, team.brand) for role in Role if door == "take_back" or role != Role.APPROVER]
    for user in (other.marketer, other.approver, *roles):
        assert post(signed_in(user), asked, door, **data).status_code == 404, user
    if door != "take_back":
        assert "Another person has to decide it" in told(post(signed_in(team.marketer), asked, door, **data))
    asked.refresh_from_db()
    assert (asked.state, Void.objects.count()) == (VoidState.REQUESTED, 0)


def test_nothing_is_asked_for_whose_effect_was_not_shown(team: promos.Team, order: Order) -> None:
    marketer = signed_in(team.marketer)
    data = _ALL | receipts(order) | {"form_number": str(uuid.uuid4()), "_ask": ""}
    shown = marketer.post(f"{ADD}?batch={order.batch_id}", data)
    assert shown.context["effect"].codes == 20
    seen = shown.context["form"]["looked"].value()
    poster = {"channel": batch_of(order).channels.get(name="poster").pk}
    again = marketer.post(f"{ADD}?batch={order.batch_id}", data | poster | {"looked": seen})
    assert again.context["effect"].codes == 30
    assert not VoidRequest.objects.exists()


def test_a_range_and_a_list_come_to_the_codes_that_they_name(team: promos.Team, order: Order) -> None:
    marketer, first = signed_in(team.marketer), batch_of(order).first_claim_id
    ask(marketer, order, scope="range", first=str(first + 3), last=str(first + 9))
    assert [span.codes for span in spans_asked(VoidRequest.objects.get(scope=VoidScope.RANGE))] == [7]
    upload = SimpleUploadedFile("一覧.csv", f"番号,店\n{first + 20},本店\n{first + 21},本店".encode("cp932"))
    ask(marketer, order, scope="list", serials=f"{first}\n{first + 1}\r\n\n{first}", upload=upload)
    listed = VoidRequest.objects.get(scope=VoidScope.LIST)
    assert [span.codes for span in spans_asked(listed)] == [2, 2]
    assert listed.codes == 4


def test_a_code_in_the_form_is_neither_taken_nor_shown_again(team: promos.Team, order: Order) -> None:
    marketer, batch = signed_in(team.marketer), batch_of(order)
    code, number = make.code_of(batch, 4), str(batch.first_claim_id)
    dashed = "-".join(code[place : place + 4] for place in range(0, 16, 4))
    tries: list[dict[str, Any]] = [
        {"scope": "list", "serials": f"{number}\n{code}\n{dashed}\nabc 12"},
        {"scope": "list", "serials": f"{number},{dashed},https://points.example.com/c/spring/#c={code}"},
        {"scope": "list", "upload": SimpleUploadedFile("codes.csv", f"{number}\n{code}".encode())},
        {"scope": "range", "first": code, "last": dashed},
        {"scope": "channel", **receipts(order), "reason": f"photographed {dashed}"},
    ]
    for fields in tries:
        answer = fill_in(marketer, order, **fields).content.decode()
        assert code not in answer, fields
        assert dashed not in answer, fields
    faulty = fill_in(marketer, order, **tries[0])
    assert faulty.context["effect"] is None
    assert faulty.context["faults"] == [
        "Line 2: this may be a code. Codes are secret; name them by serial number.",
        "Line 3: this may be a code. Codes are secret; name them by serial number.",
        "Line 4: a serial number has ten digits.",
    ]
    assert faulty.context["form"]["serials"].value() == number
    assert not VoidRequest.objects.exists()


def test_serial_numbers_of_another_order_are_named_by_line(team: promos.Team, order: Order) -> None:
    other = promos.submitted(team)
    elsewhere = promos.approve(other, team.approver).first_claim_id
    lines = "\n".join(str(elsewhere + place) for place in range(12))
    shown = fill_in(signed_in(team.marketer), order, scope="list", serials=lines)
    assert "Line 1: this serial number is not one of this order." in shown.context["faults"]
    assert (len(shown.context["faults"]), shown.context["more_faults"]) == (10, 2)
    ends = fill_in(signed_in(team.marketer), order, scope="range", first="1000000000", last=str(elsewhere))
    assert "The codes of this order go from" in ends.content.decode()


@pytest.mark.both
@pytest.mark.parametrize(
    "bad",
    [
        {"scope": "everything"},
        {"scope": "channel", "channel": "9" * 30},
        {"scope": "list"},
        {"scope": "list", "serials": "\0"},
        {"scope": "list", "serials": "1000000000\n" * 10_001},
        {"scope": "list", "upload": SimpleUploadedFile("a.xlsx", b"PK\x03\x04\x00\x00")},
        {"scope": "range", "first": "１０００００００００", "last": "1e9"},
        {"scope": "range", "first": "1000000001", "last": "1000000000"},
        {"reason": " "},
        {"reason": "x" * 201},
        {"form_number": "1"},
    ],
    ids=",".join,
)
def test_bad_input_is_refused_in_words(bad: dict[str, Any], team: promos.Team, order: Order) -> None:
    answer = fill_in(signed_in(team.marketer), order, **receipts(order) | bad)
    assert answer.status_code == 200
    assert answer.context["form"].errors
    assert answer.context["effect"] is None


def test_orders_of_other_brands_are_not_offered_and_not_there(team: promos.Team, order: Order) -> None:
    other = promos.team()
    assert order.batch not in signed_in(other.marketer).get(ADD).context["batches"]
    assert order.batch in signed_in(team.marketer).get(ADD).context["batches"]
    for typed in (str(order.batch_id), "0", "x", "9" * 30):
        assert signed_in(other.marketer).get(ADD, {"batch": typed}).status_code == 404, typed
    for role in set(Role) - {Role.MARKETER}:
        answer = signed_in(make.staff(role, team.brand)).get(ADD, {"batch": str(order.batch_id)})
        assert answer.status_code == 403, role


def test_what_waits_is_on_the_approvers_home_page_and_nobody_elses(
    team: promos.Team, order: Order, rf: Any
) -> None:
    promos.void_request(team, batch_of(order))
    own_brand = make.staff(Role.APPROVER, team.brand)
    sees = {own_brand: 1, team.marketer: 0, promos.team().approver: 0}
    for user, count in sees.items():
        request = rf.get("/admin/")
        request.user = user
        assert desk.voids_to_decide(request).count() == count
        badges = [item.get("badge") for group in sidebar(request) for item in group["items"]]
        assert badges.count("1") == count
    assert "wait for your decision" in signed_in(own_brand).get("/admin/").content.decode()


def test_rejecting_says_why_and_taking_back_is_for_who_asked(team: promos.Team, order: Order) -> None:
    asked = promos.void_request(team, batch_of(order))
    assert "Please write a reason" in told(post(signed_in(team.approver), asked, "reject", note=" "))
    shown = post(signed_in(team.approver), asked, "reject", note="the box was found").content.decode()
    assert "the box was found" in shown
    assert "Take the request back" not in shown
    again = promos.void_request(team, batch_of(order))
    assert "is taken back" in told(post(signed_in(team.marketer), again, "take_back"))
    assert "decided already" in told(
        post(signed_in(team.approver), again, "approve", fingerprint=again.fingerprint)
    )
    assert not Void.objects.exists()


def test_what_was_withdrawn_is_ordered_anew_once_and_goes_the_way_of_every_order(
    team: promos.Team, order: Order
) -> None:
    batch, marketer = batch_of(order), signed_in(team.marketer)
    attempt(make.code_of(batch, 29), make.member())
    first = batch.first_claim_id
    ask(marketer, order, scope="range", first=str(first + 27), last=str(first + 33))
    asked = VoidRequest.objects.get()
    assert "nothing to order anew" in told(post(marketer, asked, "reorder"))
    post(signed_in(team.approver), asked, "approve", fingerprint=asked.fingerprint)
    for user in (team.approver, promos.team().marketer):
        assert post(signed_in(user), asked, "reorder").status_code == 404

    form = post(marketer, asked, "reorder")

    draft = Order.objects.latest("pk")
    assert form.redirect_chain[-1][0] == reverse("admin:campaigns_order_change", args=(draft.pk,))
    assert (draft.state, draft.requested_by, draft.batch) == (OrderState.DRAFT, team.marketer, None)
    terms = ("campaign", "face_points", "claim_from", "claim_until", "lot_life_days", "activation")
    assert [getattr(draft, name) for name in terms] == [getattr(order, name) for name in terms]
    channels = dict(draft.channels.order_by("pk").values_list("name", "quantity"))
    assert channels == {"poster": 2, "receipt": 4}
    post(marketer, asked, "reorder")
    assert Order.objects.count() == 2
    services.discard_order(order_id=draft.pk, user=team.marketer)
    post(marketer, asked, "reorder")
    draft = Order.objects.latest("pk")
    assert Order.objects.count() == 2
    submitted = services.submit_order(order_id=draft.pk, user=team.marketer, at=NOON)
    assert promos.approve(submitted, team.approver).size == 6
    assert (
        "The order for as many new codes"
        in marketer.get(reverse("admin:giftcodes_voidrequest_change", args=(asked.pk,))).content.decode()
    )
