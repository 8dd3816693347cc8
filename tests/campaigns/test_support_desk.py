"""The support desk: what is found by whom, what a code's page tells, what is masked, what is written down."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import DatabaseError, IntegrityError, connection, transaction
from django.test import Client
from django.urls import reverse

from campaigns import services as campaigns
from campaigns.errors import SupportRefused
from campaigns.models import Order
from campaigns.services import support
from campaigns.support_models import ActKind, SupportAct
from campaigns.support_search import Kind, wanted_by
from giftcodes import services as giftcodes
from giftcodes.codec import NotACode
from giftcodes.models import Batch, Claim, Void
from ledger import services as ledger
from parties.errors import NotReachable
from parties.models import Member, Role, User
from tests import make
from tests.campaigns import promos, tickets
from tests.campaigns.pages import signed_in, told
from tests.giftcodes.guarded import attempt, strike, unknown_code
from tests.make import NOON

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("noon")]
DESK = "/admin/campaigns/supportact/desk/"
LOOKERS = {Role.SUPPORT, Role.AUDITOR}


@pytest.fixture
def team() -> promos.Team:
    return promos.team()


@pytest.fixture
def order(team: promos.Team) -> Order:
    order = promos.submitted(team)
    make.activate(promos.approve(order, team.approver))
    order.refresh_from_db()
    return order


@pytest.fixture
def batch(order: Order) -> Batch:
    assert order.batch is not None
    return order.batch


@pytest.fixture
def supporter(team: promos.Team) -> User:
    return make.staff(Role.SUPPORT, team.brand)


@pytest.fixture
def operator() -> User:
    return make.staff(Role.SUPPORT, None)


def find(user: User, wanted: str) -> Any:
    return signed_in(user).post(DESK, {"wanted": wanted}, follow=True)


def code_page(serial_number: int) -> str:
    return reverse("admin:campaigns_supportact_code", args=(serial_number,))


def member_page(member: Member) -> str:
    return reverse("admin:campaigns_supportact_member", args=(member.pk,))


def page_of(client: Client, address: str) -> str:
    answer = client.get(address)
    assert answer.status_code == 200
    return answer.content.decode()


@pytest.mark.parametrize(
    ("typed", "kind"),
    [
        ("", None),
        ("  \u3000", None),
        ("1000000001", Kind.SERIAL),
        ("１０００００００１２", Kind.SERIAL),
        ("1234-5678-9012-3456", Kind.CODE),
        ("1234 5678 9012 345", Kind.CODE),
        ("12345678901234567890", Kind.CODE),
        ("https://points.example.com/c/spring/#c=1234567890123456", Kind.CODE),
        ("code: 1234-5678-9012-3456", Kind.CODE),
        ("a@example.com", Kind.ADDRESS),
        ("7f0d1a8e-0000-4000-8000-000000000000", Kind.NUMBER),
        ("order-1042", Kind.NAME),
        ("K7MPQR2W", Kind.NAME),
    ],
)
def test_what_is_typed_is_taken_for_what_it_may_be(typed: str, kind: Kind | None) -> None:
    wanted = wanted_by(typed)
    assert (wanted and wanted.kind) == kind


@pytest.mark.both
def test_a_code_is_found_and_is_in_no_address_and_on_no_page(batch: Batch, supporter: User) -> None:
    code = make.code_of(batch, 7)
    dashed = "-".join(code[place : place + 4] for place in range(0, 16, 4))
    for typed in (code, dashed, f"https://points.example.com/c/spring/#c={code}"):
        answer = find(supporter, typed)
        assert answer.redirect_chain == [(code_page(batch.first_claim_id + 7), 303)]
        assert code not in answer.content.decode()
        assert "no-store" in answer.headers["Cache-Control"]
    row = SupportAct.objects.order_by("pk")[0]
    assert (row.kind, row.user, row.is_found, row.brand, row.serial_number) == (
        ActKind.CODE,
        supporter,
        True,
        batch.brand,
        batch.first_claim_id + 7,
    )


def test_a_code_of_another_brand_reads_exactly_like_one_that_nobody_issued(
    batch: Batch, supporter: User
) -> None:
    stranger = make.staff(Role.SUPPORT, make.brand())
    client = signed_in(stranger)
    foreign, unknown = make.code_of(batch, 7), unknown_code(batch)
    pages = [_without_token(client.post(DESK, {"wanted": typed})) for typed in (foreign, unknown)]
    assert pages[0] == pages[1]
    assert "There is no such code." in pages[0]
    assert foreign not in pages[0]
    rows = SupportAct.objects.values("kind", "user", "is_found", "brand", "serial_number", "member", "reason")
    assert rows[0] == rows[1]
    serials = [str(batch.first_claim_id + 7), "8999999999"]
    found = [_without_token(client.post(DESK, {"wanted": serial})) for serial in serials]
    assert found[0] == found[1] == pages[0]
    for serial in serials:
        assert client.get(code_page(int(serial))).status_code == 404


def _without_token(answer: Any) -> str:
    assert answer.status_code == 200
    page: str = answer.content.decode()
    token = answer.context["csrf_token"]
    return page.replace(str(token), "")[page.index("tk-page") :]


def test_a_typing_error_is_told_apart_and_not_written_down(batch: Batch, supporter: User) -> None:
    code = make.code_of(batch)
    wrong = code[:-1] + str((int(code[-1]) + 1) % 10)
    page = find(supporter, wrong).content.decode()
    assert "there is a typing error in it" in page
    assert wrong not in page
    with pytest.raises(NotACode):
        campaigns.find_by_code(text=wrong, user=supporter, at=NOON)
    assert not SupportAct.objects.exists()


def test_whoever_misses_often_is_refused_for_a_day(
    batch: Batch, supporter: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(support, "MAX_MISSES", 2)
    for place in range(2):
        assert campaigns.find_by_code(text=unknown_code(batch, place), user=supporter, at=NOON) is None
    assert "Search by serial number today" in find(supporter, make.code_of(batch)).content.decode()
    with pytest.raises(SupportRefused):
        campaigns.find_by_code(text=make.code_of(batch), user=supporter, at=NOON)
    found = campaigns.find_by_code(text=make.code_of(batch), user=supporter, at=NOON + support.DAY)
    assert found == batch.first_claim_id


@pytest.mark.parametrize("role", Role)
def test_the_desk_and_its_pages_for_every_role(role: Role, team: promos.Team, batch: Batch) -> None:
    user, operator = make.staff(role, team.brand), make.staff(role, None)
    may_look = role in LOOKERS
    assert signed_in(user).get(DESK).status_code == (200 if may_look else 403)
    assert signed_in(user).get(code_page(batch.first_claim_id)).status_code == (200 if may_look else 404)
    member = make.member()
    assert signed_in(user).get(member_page(member)).status_code == 404
    assert signed_in(operator).get(member_page(member)).status_code == (200 if may_look else 404)
    if not may_look:
        with pytest.raises(NotReachable):
            campaigns.find_by_code(text=make.code_of(batch), user=user, at=NOON)


def test_gifts_tickets_and_refused_tries_are_found_too(
    team: promos.Team, batch: Batch, supporter: User, operator: User
) -> None:
    gift = promos.withdrawn_gift(team)
    assert find(supporter, str(gift.public_id)).redirect_chain == [(code_page(gift.pk), 303)]
    by_name = find(supporter, "user-1077")
    assert [row.pk for row in by_name.context["gifts"]] == [gift.pk]
    assert not by_name.redirect_chain
    stranger = make.staff(Role.SUPPORT, make.brand())
    assert "There is no such ticket" in find(stranger, "user-1077").content.decode()
    assert "There is no such member or gift" in find(stranger, str(gift.public_id)).content.decode()
    member = make.member()
    reference = strike(batch, member)
    assert find(operator, reference).redirect_chain[0][0].endswith(f"?reference={reference}")
    assert not find(supporter, reference).redirect_chain
    dispute = tickets.opened(member, serial_number=batch.first_claim_id)
    assert find(supporter, dispute.number.lower()).redirect_chain[0][0].endswith(f"/{dispute.pk}/change/")


def test_the_page_of_a_code_tells_its_whole_story(
    team: promos.Team, order: Order, batch: Batch, supporter: User
) -> None:
    number, code = batch.first_claim_id + 2, make.code_of(batch, 2)
    claimer, other = make.member(), make.member()
    campaigns.pause_codes(order_id=order.pk, user=team.marketer, reason="printed twice", at=NOON)
    second = make.staff(Role.APPROVER, team.brand)
    campaigns.resume_codes(
        order_id=order.pk, user=second, reason="it was the draft", verified_at=NOON, at=NOON
    )
    attempt(code, claimer)
    reference = tickets.refused(code, other)
    tickets.opened(other, serial_number=number, at=NOON + timedelta(minutes=1))
    wallet = make.wallet(claimer, team.brand.program)
    shop = make.store(brand=team.brand, name="Harbour shop")
    ledger.spend_points(key="spent", wallet_id=wallet.pk, store_id=shop.pk, points=30, at=NOON)
    asked = promos.void_request(team, batch)
    page = page_of(signed_in(supporter), code_page(number))
    for fact in (
        str(order.campaign),
        order.public_id.hex[:8],
        "poster",
        str(team.marketer),
        str(team.approver),
        "printed twice",
        "it was the draft",
        str(claimer),
        reference,
        "Harbour shop",
        "They last until",
        "A member asked about it",
    ):
        assert fact in page, fact
    for hidden in (code, str(claimer.public_id), str(claimer.user and claimer.user.email), "203.0.113"):
        assert hidden not in page, hidden
    assert asked.reason not in page  # of another code
    assert "misprint" in page_of(signed_in(supporter), code_page(batch.end_claim_id - 1))


def test_the_story_goes_on_when_a_claim_is_taken_back_and_when_a_gift_ends(
    team: promos.Team, batch: Batch, supporter: User
) -> None:
    claimed = attempt(make.code_of(batch), make.member())
    claim = claimed.serial_number
    original = Claim.objects.get(pk=claim).transfer_id
    ledger.reverse_transfer(key="back", original_id=original, points=100, at=NOON)
    assert "Claim taken back" in page_of(signed_in(supporter), code_page(claim))
    gift = promos.withdrawn_gift(team)
    page = page_of(signed_in(supporter), code_page(gift.pk))
    for fact in ("Issued as a gift", "user-1077", "Shown to the partner again", "sent by mistake"):
        assert fact in page, fact
    unclaimed = batch.first_claim_id + 1
    later = NOON + timedelta(days=31)
    giftcodes.close_batch(batch_id=batch.pk, at=later)
    assert "Expired unclaimed" in page_of(signed_in(supporter), code_page(unclaimed))


def test_one_code_is_withdrawn_from_its_page(team: promos.Team, batch: Batch, supporter: User) -> None:
    number = batch.first_claim_id + 3
    client, address = signed_in(supporter), f"{code_page(number)}withdraw/"
    assert "100 points go back" in page_of(client, code_page(number))
    assert client.get(address).status_code == 302
    assert "Say why" in told(client.post(address, {"reason": " "}, follow=True))
    for role in set(Role) - {Role.SUPPORT, Role.APPROVER}:
        assert signed_in(make.staff(role, team.brand)).post(address, {"reason": "x"}).status_code == 404
    stranger = signed_in(make.staff(Role.SUPPORT, make.brand()))
    assert stranger.post(address, {"reason": "x"}).status_code == 404
    assert not Void.objects.exists()
    done = client.post(address, {"reason": "stolen from a shelf"}, follow=True)
    assert "The code is withdrawn" in told(done)
    assert "stolen from a shelf" in done.content.decode()
    assert "Withdraw this code" not in done.content.decode()
    assert Void.objects.get().approved_by == supporter


def test_an_auditor_only_looks(team: promos.Team, batch: Batch) -> None:
    auditor = signed_in(make.staff(Role.AUDITOR, None))
    assert "Withdraw this code" not in page_of(auditor, code_page(batch.first_claim_id))
    member = make.member()
    assert "Show the e-mail address" not in page_of(auditor, member_page(member))
    assert auditor.post(f"{member_page(member)}unmask/", {"reason": "x"}).status_code == 404
    assert not SupportAct.objects.exists()


def test_a_member_is_masked_until_somebody_says_what_for(batch: Batch, operator: User) -> None:
    member = make.member()
    assert member.user is not None
    address = str(member.user.email)
    attempt(make.code_of(batch), member)
    answer = find(operator, f" {address.upper()} ")
    assert answer.redirect_chain == [(member_page(member), 303)]
    page = answer.content.decode()
    assert address not in page
    assert str(batch.first_claim_id) in page
    unmask, client = f"{member_page(member)}unmask/", signed_in(operator)
    assert address not in client.post(unmask, {"reason": " "}).content.decode()
    assert SupportAct.objects.filter(kind=ActKind.UNMASK).count() == 0
    shown = client.post(unmask, {"reason": "the mail about ticket K7 bounced"})
    assert address in shown.content.decode()
    assert "no-store" in shown.headers["Cache-Control"]
    assert address not in page_of(client, member_page(member))
    row = SupportAct.objects.get(kind=ActKind.UNMASK)
    assert (row.user, row.member, row.reason, row.at) == (
        operator,
        member,
        "the mail about ticket K7 bounced",
        NOON,
    )
    assert address not in page_of(client, "/admin/campaigns/supportact/")
    assert SupportAct.objects.get(kind=ActKind.ADDRESS).member == member


def test_nobody_of_a_brand_looks_up_members(supporter: User) -> None:
    member = make.member()
    assert member.user is not None
    for typed in (str(member.user.email), "nobody@example.com"):
        assert "by the operator" in find(supporter, typed).content.decode()
    assert "There is no such member" in find(supporter, str(member.public_id)).content.decode()
    with pytest.raises(NotReachable):
        campaigns.unmask_member(member_id=member.pk, reason="x", user=supporter, at=NOON)
    assert not SupportAct.objects.exclude(is_found=False, member=None).exists()


def test_a_lock_is_lifted_from_here(batch: Batch, operator: User) -> None:
    member = make.member()
    attempt(make.code_of(batch), make.member())
    tickets.refused(make.code_of(batch), member)
    for place in range(5):
        strike(batch, member, place=place)
    client = signed_in(operator)
    for address in (code_page(batch.first_claim_id), member_page(member)):
        page = page_of(client, address)
        assert "/admin/giftcodes/claimlock/" in page
        assert "/lift/" in page


def test_the_database_keeps_each_row_to_what_it_is_for(batch: Batch, operator: User) -> None:
    member = make.member()
    good: dict[str, Any] = {"user": operator, "at": NOON, "is_found": True}
    bad: list[dict[str, Any]] = [
        {"kind": "unmask", "member": member},
        {"kind": "unmask", "reason": "x"},
        {"kind": "code"},
        {"kind": "code", "is_found": False, "serial_number": 1},
        {"kind": "code", "brand": batch.brand, "serial_number": 1, "reason": "x"},
        {"kind": "address"},
    ]
    for fields in bad:
        with pytest.raises(IntegrityError), transaction.atomic():
            SupportAct.objects.create(**good | fields)


@pytest.mark.postgresql
def test_postgresql_keeps_who_looked_up_what(operator: User) -> None:
    campaigns.unmask_member(member_id=make.member().pk, reason="a bounce", user=operator, at=NOON)
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        for change in ("UPDATE {0} SET reason = 'x'", "DELETE FROM {0}", "TRUNCATE {0} CASCADE"):
            with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
                cursor.execute(change.format("campaigns_supportact"))
