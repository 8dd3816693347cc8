"""The admin as people use it: the whole way of an order through its pages, and what they refuse."""

import io
import re
from typing import Any

import pytest
import pyzipper
from django.test import Client
from django.urls import reverse
from django.utils import translation

from campaigns import services as campaigns
from campaigns.models import Campaign, Deposit, DepositState, Order, OrderState
from giftcodes import services as giftcodes
from giftcodes.models import Batch, BatchState
from ledger import queries as ledger_queries
from parties.models import Role
from tests import make
from tests.campaigns import promos
from tests.campaigns.pages import act, bytes_of, order_data, page, signed_in, told
from tests.make import NOON

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("noon")]


def mint(batch: Batch) -> None:
    while giftcodes.mint_next_chunk(batch_id=batch.pk, at=NOON):
        pass


def test_a_campaign_is_made_ordered_approved_minted_taken_and_activated_through_the_pages() -> None:
    team = promos.team()
    marketer, approver = signed_in(team.marketer), signed_in(team.approver)
    marketer.post(
        reverse("admin:campaigns_campaign_add"),
        {
            "brand": team.brand.pk,
            "name": "Autumn",
            "slug": "autumn",
            "starts_at": "2026-11-01T00:00",
            "ends_at": "2026-11-30T23:59",
            "title_ja": "秋の特典",
            "colour": "#1a5f7a",
            "legal_form": "discount",
            "least_age": "18",
            "_publish": "1",
        },
    )
    campaign = Campaign.objects.get()
    answer = marketer.post(
        reverse("admin:campaigns_order_add"), order_data(campaign) | {"_submit": "1"}, follow=True
    )
    assert "waiting for approval" in told(answer)
    order = Order.objects.get()
    assert (order.state, order.requested_by) == (OrderState.SUBMITTED, team.marketer)
    assert ledger_queries.funds_of(team.brand) == 100_000

    seen = page(approver, order)
    assert order.submitted_hash in seen
    answer = act(approver, order, "approve", submitted_hash=order.submitted_hash)
    assert "Approved" in told(answer)
    batch = Batch.objects.get()
    assert ledger_queries.funds_of(team.brand) == 95_000
    progress = marketer.get(reverse("admin:campaigns_order_progress", args=(order.pk,)))
    assert 'hx-trigger="every 1s"' in progress.content.decode()

    mint(batch)
    batch.refresh_from_db()
    progress = marketer.get(reverse("admin:campaigns_order_progress", args=(order.pk,)))
    assert "hx-trigger" not in progress.content.decode()
    assert batch.delivery.sealed_sha256 in progress.content.decode()

    file = act(marketer, order, "download")
    assert file["Content-Disposition"].startswith("attachment")
    assert "no-store" in file["Cache-Control"]
    assert file["X-Content-Type-Options"] == "nosniff"
    sealed = bytes_of(file)
    shown = act(marketer, order, "passphrase")
    assert "no-store" in shown["Cache-Control"]
    found = re.search(r'class="tk-passphrase">([^<]+)<', shown.content.decode())
    assert found is not None
    with pyzipper.AESZipFile(io.BytesIO(sealed)) as archive:
        archive.setpassword(found[1].encode())
        assert archive.read(archive.namelist()[0]).count(b"\r\n") == 51

    act(approver, order, "activate")
    batch.refresh_from_db()
    assert batch.state == BatchState.ACTIVE


def test_file_and_passphrase_are_handed_over_once() -> None:
    team = promos.team()
    marketer = signed_in(team.marketer)
    order = promos.submitted(team)
    mint(promos.approve(order, team.approver))
    assert bytes_of(act(marketer, order, "download")).startswith(b"PK")
    assert act(marketer, order, "passphrase").template_name == "campaigns/passphrase.html"
    for what in ("download", "passphrase"):
        answer = act(marketer, order, what)
        assert not answer.streaming
        assert "handed over already" in told(answer)


def test_nobody_else_takes_the_file_or_sees_its_passphrase() -> None:
    team = promos.team()
    order = promos.submitted(team)
    mint(promos.approve(order, team.approver))
    colleague = make.staff(Role.MARKETER, team.brand)
    superuser = make.user(is_staff=True, is_superuser=True)
    for person in (team.approver, colleague, superuser):
        for what in ("download", "passphrase"):
            assert act(signed_in(person), order, what).status_code == 404
    delivery = Batch.objects.get().delivery
    assert (delivery.downloaded_at, delivery.passphrase_shown_at) == (None, None)


@pytest.mark.parametrize(
    "what", ["submit", "reopen", "approve", "reject", "activate", "download", "passphrase"]
)
def test_nothing_happens_by_looking(what: str) -> None:
    team = promos.team()
    order = promos.submitted(team)
    for person in (team.marketer, team.approver):
        answer = signed_in(person).get(reverse(f"admin:campaigns_order_{what}", args=(order.pk,)))
        assert answer.status_code == 405
    order.refresh_from_db()
    assert order.state == OrderState.SUBMITTED


def test_a_forged_request_from_another_site_is_refused() -> None:
    team = promos.team()
    order = promos.submitted(team)
    client = Client(enforce_csrf_checks=True)
    client.force_login(team.approver, backend="django.contrib.auth.backends.ModelBackend")
    answer = act(client, order, "approve", submitted_hash=order.submitted_hash)
    assert answer.status_code == 403
    assert not Batch.objects.exists()


def test_the_requester_is_told_to_ask_somebody_else() -> None:
    team = promos.team()
    order = promos.submitted(team)
    team.marketer.staff_roles.create(brand=team.brand, role=Role.APPROVER)
    client = signed_in(team.marketer)
    assert "submitted_hash" not in page(client, order)
    assert "Another person" in told(act(client, order, "approve", submitted_hash=order.submitted_hash))
    assert not Batch.objects.exists()


def test_an_approver_with_an_old_page_approves_nothing() -> None:
    team = promos.team()
    order = promos.submitted(team)
    old = order.submitted_hash
    marketer, approver = signed_in(team.marketer), signed_in(team.approver)
    act(marketer, order, "reopen")
    channels = list(order.channels.order_by("pk"))
    ids = {f"channels-{place}-id": channel.pk for place, channel in enumerate(channels)}
    data = order_data(order.campaign, face_points="200", **ids) | {
        "channels-INITIAL_FORMS": "2",
        "_submit": "1",
    }
    marketer.post(reverse("admin:campaigns_order_change", args=(order.pk,)), data)
    order.refresh_from_db()
    assert (order.state, order.face_points) == (OrderState.SUBMITTED, 200)
    assert "has changed" in told(act(approver, order, "approve", submitted_hash=old))
    assert not Batch.objects.exists()
    act(approver, order, "approve", submitted_hash=order.submitted_hash)
    assert Batch.objects.get().face_points == 200


def test_an_approver_of_what_has_become_a_draft_again_is_told_so() -> None:
    team = promos.team()
    order = promos.submitted(team)
    act(signed_in(team.marketer), order, "reopen")
    answer = signed_in(team.approver).post(
        reverse("admin:campaigns_order_approve", args=(order.pk,)),
        {"submitted_hash": order.submitted_hash},
        headers={"accept-language": "ja"},
        follow=True,
    )
    assert "下書きに戻りました。承認はしていません。" in told(answer)
    assert not Batch.objects.exists()


def test_what_the_code_engine_refuses_is_told_in_the_persons_language() -> None:
    team = promos.team()
    order = promos.submitted(team, activation="by_hand")
    promos.approve(order, team.approver)
    answer = signed_in(team.approver).post(
        reverse("admin:campaigns_order_activate", args=(order.pk,)),
        headers={"accept-language": "ja"},
        follow=True,
    )
    assert told(answer) == "コードは、いまの状態では有効にできません。何も変更していません。"


def test_approving_twice_on_the_page_makes_one_batch() -> None:
    team = promos.team()
    order = promos.submitted(team)
    client = signed_in(team.approver)
    for _ in range(2):
        act(client, order, "approve", submitted_hash=order.submitted_hash)
    assert Batch.objects.count() == 1
    assert ledger_queries.funds_of(team.brand) == 95_000


def test_missing_funds_are_told_before_and_when_approving() -> None:
    team = promos.team(funds=4_999)
    order = promos.draft(team)
    answer = act(signed_in(team.marketer), order, "submit")
    assert "not enough" in told(answer)
    order.refresh_from_db()
    answer = act(signed_in(team.approver), order, "approve", submitted_hash=order.submitted_hash)
    assert "deposit of at least 1 points" in told(answer)
    assert not Batch.objects.exists()


def test_a_draft_is_a_form_for_its_marketers_and_a_page_for_others() -> None:
    team = promos.team()
    order = promos.draft(team)
    assert 'name="face_points"' in page(signed_in(team.marketer), order)
    assert 'name="face_points"' not in page(signed_in(team.approver), order)
    promos.approve(campaigns.submit_order(order_id=order.pk, user=team.marketer, at=NOON), team.approver)
    assert 'name="face_points"' not in page(signed_in(team.marketer), order)


def test_a_submitted_order_takes_no_form() -> None:
    team = promos.team()
    order = promos.submitted(team)
    signed_in(team.marketer).post(
        reverse("admin:campaigns_order_change", args=(order.pk,)),
        order_data(order.campaign, face_points="999"),
    )
    order.refresh_from_db()
    assert (order.face_points, order.state) == (100, OrderState.SUBMITTED)


def test_a_draft_is_deleted_by_its_marketer_alone() -> None:
    team = promos.team()
    draft, waiting = promos.draft(team), promos.submitted(team)
    for person in (team.approver, make.user(is_staff=True, is_superuser=True)):
        answer = signed_in(person).post(
            reverse("admin:campaigns_order_delete", args=(draft.pk,)), {"post": "yes"}
        )
        assert answer.status_code == 403
    marketer = signed_in(team.marketer)
    for order in (draft, waiting):
        marketer.post(reverse("admin:campaigns_order_delete", args=(order.pk,)), {"post": "yes"})
    assert list(Order.objects.all()) == [waiting]


def test_the_brand_and_a_used_address_of_a_campaign_stay() -> None:
    team = promos.team()
    order = promos.submitted(team)
    promos.approve(order, team.approver)
    second = promos.team().brand
    team.marketer.staff_roles.create(brand=second, role=Role.MARKETER)
    answer = signed_in(team.marketer).post(
        reverse("admin:campaigns_campaign_change", args=(order.campaign_id,)),
        {
            "brand": second.pk,
            "name": "Renamed",
            "slug": "another",
            "starts_at": "2026-10-23T12:00",
            "ends_at": "2027-02-28T23:59",
            "title_ja": "春",
            "colour": "#1a5f7a",
        },
    )
    campaign = Campaign.objects.get(pk=order.campaign_id)
    assert answer.status_code == 302
    assert (campaign.name, campaign.brand, campaign.slug) == ("Renamed", team.brand, order.campaign.slug)


def test_editing_the_limit_of_a_campaign_takes_waiting_orders_back() -> None:
    team = promos.team()
    order = promos.submitted(team)
    answer = signed_in(team.marketer).post(
        reverse("admin:campaigns_campaign_change", args=(order.campaign_id,)),
        {
            "name": order.campaign.name,
            "slug": order.campaign.slug,
            "starts_at": "2026-10-23T12:00",
            "ends_at": "2027-01-01T11:59",
            "limit_per_member": "5",
            "title_ja": "春の特典",
            "colour": "#1a5f7a",
        },
        follow=True,
    )
    order.refresh_from_db()
    assert order.state == OrderState.DRAFT
    assert "draft again" in told(answer)


def deposit_data(team: promos.Team, client: Client, **changes: str) -> dict[str, Any]:
    form = client.get(reverse("admin:campaigns_deposit_add")).content.decode()
    number = re.search(r'name="form_number" value="([0-9a-f-]{36})"', form)
    assert number is not None
    return {
        "brand": team.brand.pk,
        "points": "700",
        "reference": "T-1",
        "form_number": number[1],
    } | changes


def test_a_deposit_is_recorded_by_one_person_and_confirmed_by_another() -> None:
    team = promos.team(funds=0)
    first, second = signed_in(team.finance), signed_in(team.other_finance)
    data = deposit_data(team, first)
    for _ in range(2):
        first.post(reverse("admin:campaigns_deposit_add"), data)
    deposit = Deposit.objects.get()
    where = reverse("admin:campaigns_deposit_confirm", args=(deposit.pk,))
    assert "Another person" in told(first.post(where, follow=True))
    assert ledger_queries.funds_of(team.brand) == 0
    assert "in the funds now" in told(second.post(where, follow=True))
    assert "confirmed already" in told(second.post(where, follow=True))
    deposit.refresh_from_db()
    assert deposit.state == DepositState.CONFIRMED
    assert ledger_queries.funds_of(team.brand) == 700


@pytest.mark.parametrize(
    ("points", "words"),
    [
        (str(2**63), "less than or equal to 1000000000000."),
        (str(-(2**63) - 1), "greater than or equal to 1."),
        ("0", "greater than or equal to 1."),
    ],
)
def test_a_deposit_out_of_bounds_is_told_with_the_bounds_that_count(points: str, words: str) -> None:
    team = promos.team(funds=0)
    client = signed_in(team.finance)
    answer = client.post(reverse("admin:campaigns_deposit_add"), deposit_data(team, client, points=points))
    assert words in answer.content.decode()
    assert not Deposit.objects.exists()


def test_a_second_form_with_the_same_reference_is_told() -> None:
    team = promos.team(funds=0)
    client = signed_in(team.finance)
    client.post(reverse("admin:campaigns_deposit_add"), deposit_data(team, client))
    answer = client.post(reverse("admin:campaigns_deposit_add"), deposit_data(team, client), follow=True)
    assert "same reference" in told(answer)
    assert Deposit.objects.count() == 1


@pytest.mark.parametrize("language", ["ja", "en"])
def test_the_home_page_shows_what_waits_for_each_person(language: str) -> None:
    team = promos.team()
    order = promos.submitted(team)
    with translation.override(language):
        for person, waits in ((team.approver, True), (team.marketer, False)):
            client = signed_in(person)
            home = client.get(reverse("admin:index"), headers={"accept-language": language}).content.decode()
            assert (reverse("admin:campaigns_order_change", args=(order.pk,)) in home) == waits


def test_the_history_of_an_order_is_shown_and_can_not_be_restored() -> None:
    team = promos.team()
    order = promos.submitted(team)
    client = signed_in(team.approver)
    history = client.get(reverse("admin:campaigns_order_history", args=(order.pk,)))
    assert str(team.marketer) in history.content.decode()
    version = order.history.latest().pk
    restore = reverse("admin:campaigns_order_simple_history", args=(order.pk, version))
    assert signed_in(team.marketer).post(restore, order_data(order.campaign)).status_code == 404


def test_what_is_not_there_or_not_allowed_is_told_in_words_of_the_admin() -> None:
    client = signed_in(promos.team().marketer)

    missing = client.get("/admin/campaigns/order/999999/change/")
    refused = client.get("/admin/campaigns/deposit/add/")

    assert (missing.status_code, refused.status_code) == (404, 403)
    assert "Your role does not allow this" in refused.content.decode()
    for answer in (missing, refused):
        assert "16-digit" not in answer.content.decode()
        assert "no-store" in answer.headers["Cache-Control"]
