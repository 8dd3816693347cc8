"""Orders whose codes are issued one by one: typed, approved, looked at."""

from typing import Any

import pytest
from django.db import IntegrityError, transaction
from django.urls import reverse

from campaigns import audit as campaigns_audit
from campaigns import errors, queries
from campaigns import services as campaigns
from campaigns.models import Issuing, Order
from giftcodes import services as giftcodes
from giftcodes.models import SANDBOX_SERIES, Activation, Batch, BatchState
from giftcodes.services import GiftWanted
from ledger import queries as ledger_queries
from parties.models import Program
from tests import make
from tests.campaigns import promos
from tests.campaigns.pages import order_data, signed_in
from tests.campaigns.promos import nothing_is_reserved
from tests.make import NOON

pytestmark = pytest.mark.django_db
API: dict[str, Any] = {"issuing": Issuing.API, "most_points": 500, "channels": {"API": 50}}


def submitted(of: promos.Team, **fields: Any) -> Order:
    return promos.submitted(of, **API | fields)


def test_an_approved_order_can_be_issued_from_at_once(django_capture_on_commit_callbacks: Any) -> None:
    team = promos.team()
    order = submitted(team)
    with django_capture_on_commit_callbacks() as callbacks:
        batch = promos.approve(order, team.approver)
    assert callbacks == []
    assert (batch.state, batch.most_points, batch.size) == (BatchState.ACTIVE, 500, 50)
    assert ledger_queries.funds_of(team.brand) == 100_000 - 5_000
    issued = giftcodes.issue_gifts(
        client=make.api_client(team.brand),
        key="order-1",
        group=queries.limit_group_of(order.campaign),
        gifts=[GiftWanted(points=500)],
        at=NOON,
    )
    claimed = giftcodes.claim_code(text=issued.gifts[0].code, member=make.member(), at=NOON)
    assert claimed.points == 500
    assert [*campaigns_audit.differences()] == []


@pytest.mark.parametrize("changes", [{"most_points": 501}, {"issuing": Issuing.FILE, "most_points": None}])
def test_the_kind_is_part_of_what_is_approved(changes: dict[str, Any]) -> None:
    team = promos.team()
    order = submitted(team)
    Order.objects.filter(pk=order.pk).update(**changes)
    with pytest.raises(errors.OrderChanged):
        promos.approve(order, team.approver)


def test_orders_of_files_keep_the_fingerprints_that_they_had() -> None:
    team = promos.team()
    order = promos.submitted(team)
    order.most_points = 500
    assert queries.fingerprint_of(order) == order.submitted_hash


@pytest.mark.parametrize(
    ("changes", "refusal"),
    [
        ({"channels": {"API": 10, "app": 10}}, errors.OneChannelNeeded),
        ({"activation": Activation.BY_HAND}, errors.OpenedByHand),
    ],
)
def test_gifts_have_one_channel_and_are_opened_by_nobody(
    changes: dict[str, Any], refusal: type[Exception]
) -> None:
    team = promos.team()
    order = promos.draft(team, **API | changes)
    with pytest.raises(refusal):
        campaigns.submit_order(order_id=order.pk, user=team.marketer, at=NOON)
    assert nothing_is_reserved(team)


@pytest.mark.parametrize("fields", [{"most_points": None}, {"most_points": 99}, {"issuing": Issuing.FILE}])
def test_the_database_knows_what_belongs_to_which_kind(fields: dict[str, Any]) -> None:
    team = promos.team()
    with pytest.raises(IntegrityError), transaction.atomic():
        promos.draft(team, **API | fields)


def test_an_order_of_a_sandbox_brand_takes_codes_of_the_sandbox() -> None:
    team = promos.team()
    Program.objects.filter(pk=team.brand.program_id).update(is_sandbox=True)
    for order in (submitted(team), promos.submitted(team)):
        assert promos.approve(order, team.approver).series_id == SANDBOX_SERIES


@pytest.mark.usefixtures("noon")
def test_the_form_fills_in_what_is_left_out() -> None:
    team = promos.team()
    data = order_data(promos.campaign(team), issuing="api", activation="by_hand")
    data |= {"channels-1-name": "", "channels-1-quantity": ""}
    signed_in(team.marketer).post(reverse("admin:campaigns_order_add"), data)
    order = Order.objects.get()
    assert (order.issuing, order.most_points) == (Issuing.API, order.face_points)
    assert order.activation == Activation.AT_START


@pytest.mark.usefixtures("noon")
@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"most_points": "1"}, "at least as many points as one code is worth"),
        ({"most_points": "0"}, "greater than or equal to 1"),
        ({"most_points": "500"}, "Gifts of the API have one channel"),
    ],
)
def test_the_form_says_what_is_wrong(changes: dict[str, str], words: str) -> None:
    team = promos.team()
    data = order_data(promos.campaign(team), issuing="api", **changes)
    answer = signed_in(team.marketer).post(reverse("admin:campaigns_order_add"), data)
    assert words in answer.content.decode()
    assert not Order.objects.exists()


@pytest.mark.usefixtures("noon")
def test_a_file_has_no_most_points() -> None:
    team = promos.team()
    data = order_data(promos.campaign(team), most_points="700")
    signed_in(team.marketer).post(reverse("admin:campaigns_order_add"), data)
    assert (Order.objects.get().issuing, Order.objects.get().most_points) == (Issuing.FILE, None)


@pytest.mark.usefixtures("noon")
@pytest.mark.parametrize(
    ("language", "words"), [("en", ["Still to be issued", "49"]), ("ja", ["まだ発行できる分", "49"])]
)
def test_the_page_of_an_order_says_where_its_gifts_are(language: str, words: list[str]) -> None:
    team = promos.team()
    order = submitted(team)
    batch: Batch = promos.approve(order, team.approver)
    make.gifts(batch)
    client = signed_in(team.marketer)
    headers = {"accept-language": language}
    pages = [
        client.get(reverse(f"admin:campaigns_order_{name}", args=(order.pk,)), headers=headers)
        for name in ("change", "progress")
    ]
    for page in pages:
        assert all(word in page.content.decode() for word in words)
