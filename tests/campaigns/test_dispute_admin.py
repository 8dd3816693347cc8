"""Support's side of tickets: who sees which, evidence, answers, resolutions, the way to pay."""

import re
import uuid
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from campaigns import desk
from campaigns.dispute_models import Dispute, DisputeNotice, Resolution
from config.navigation import sidebar
from giftcodes.models import Batch
from ledger.models import Adjustment
from parties.models import Member, Role, User
from tests import make
from tests.campaigns import promos, tickets
from tests.campaigns.pages import signed_in, told
from tests.giftcodes.guarded import attempt
from tests.giftcodes.test_masking import CODE
from tests.make import NOON

pytestmark = pytest.mark.django_db
LIST = "/admin/campaigns/dispute/"
LATER = NOON + timedelta(hours=1)


@pytest.fixture
def team() -> promos.Team:
    return promos.team()


@pytest.fixture
def batch(team: promos.Team) -> Batch:
    return tickets.ordered_batch(team)


@pytest.fixture
def operator() -> User:
    return tickets.supporter()


def about(batch: Batch, member: Member | None = None) -> Dispute:
    """A ticket of somebody whose code another member had used."""
    member = member or make.member()
    attempt(make.code_of(batch), make.member())
    return tickets.opened(member, reference=tickets.refused(make.code_of(batch), member), at=LATER)


def page_of(dispute: Dispute, page: str = "change") -> str:
    return reverse(f"admin:campaigns_dispute_{page}", args=(dispute.pk,))


def fields_in(page: str) -> dict[str, str]:
    numbers = re.findall(r'name="form_number" value="([0-9a-f-]+)"', page)
    seen = re.search(r'name="seen" value="(\d+)"', page)
    assert seen
    return {"form_number": numbers[0], "seen": seen[1]}


def post(client: Client, dispute: Dispute, what: str, **data: str) -> Any:
    fields = fields_in(client.get(page_of(dispute)).content.decode())
    return client.post(
        page_of(dispute, what), fields | {"form_number": str(uuid.uuid4())} | data, follow=True
    )


def test_the_page_shows_what_was_known(batch: Batch, operator: User) -> None:
    dispute = about(batch)
    page = signed_in(operator).get(page_of(dispute)).content.decode()
    evidence = dispute.evidence
    for fact in (
        evidence.reference,
        str(batch.first_claim_id),
        "203.0.113.0/24",
        evidence.claimer,
        evidence.wallet,
        "another member",
        "a real code, not usable now",
        "poster",
        "English",
        batch.order.public_id.hex[:8],
        tickets.TEXT,
    ):
        assert fact in page, fact
    assert f"/admin/giftcodes/claimlock/?reference={evidence.reference}" in page


def test_it_says_so_when_the_same_member_used_the_code(batch: Batch, operator: User) -> None:
    member = make.member()
    attempt(make.code_of(batch), member)
    dispute = tickets.opened(member, serial_number=batch.first_claim_id, at=LATER)
    assert "the same member" in signed_in(operator).get(page_of(dispute)).content.decode()


def test_nobody_of_a_brand_sees_who_it_is_or_where_from(team: promos.Team, batch: Batch) -> None:
    dispute = about(batch)
    for role in (Role.SUPPORT, Role.AUDITOR):
        page = signed_in(make.staff(role, team.brand)).get(page_of(dispute)).content.decode()
        assert dispute.evidence.claimer in page
        for hidden in ("203.0.113.0/24", str(dispute.member.public_id), "Strikes", "/adjustment/add/"):
            assert hidden not in page
        assert dispute.member.user is not None
        assert str(dispute.member.user.email) not in page


SEES_OWN = {Role.SUPPORT, Role.AUDITOR}


@pytest.mark.parametrize("role", Role)
@pytest.mark.parametrize("whose", ["own", "foreign", "nobody's"])
def test_every_address_for_every_role(role: Role, whose: str, team: promos.Team, batch: Batch) -> None:
    brand = {"own": team.brand, "foreign": make.brand(), "nobody's": team.brand}[whose]
    dispute = tickets.opened() if whose == "nobody's" else about(batch)
    client = signed_in(make.staff(role, brand))
    sees = whose == "own" and role in SEES_OWN
    assert client.get(page_of(dispute)).status_code == (200 if sees else 404)
    assert client.get(page_of(dispute, "history")).status_code == (200 if sees else 404)
    assert client.get(page_of(dispute, "delete")).status_code == (403 if sees else 404)
    data = {"form_number": str(uuid.uuid4()), "seen": str(tickets.newest(dispute)), "text": "x"}
    acts = sees and role == Role.SUPPORT
    assert client.post(page_of(dispute, "answer"), data).status_code == (303 if acts else 404)
    data |= {"form_number": str(uuid.uuid4()), "resolution": "for_member"}
    data["seen"] = str(tickets.newest(dispute))
    assert client.post(page_of(dispute, "resolve"), data).status_code == (303 if acts else 404)
    answer = client.get(LIST)
    assert answer.status_code == (200 if role in SEES_OWN else 403)
    if role in SEES_OWN:
        assert (dispute in answer.context["cl"].queryset) == sees
    dispute.refresh_from_db()
    assert dispute.state == ("resolved" if acts else "open")


@pytest.mark.parametrize("role", Role)
def test_the_operators_support_and_auditors_see_all(role: Role, batch: Batch) -> None:
    mine, nobodys = about(batch), tickets.opened()
    client = signed_in(make.staff(role, None))
    for dispute in (mine, nobodys):
        assert client.get(page_of(dispute)).status_code == (200 if role in SEES_OWN else 404)
    data = {"form_number": str(uuid.uuid4()), "seen": str(tickets.newest(mine)), "text": "x"}
    answer = client.post(page_of(mine, "answer"), data)
    assert answer.status_code == (303 if role == Role.SUPPORT else 404)


@pytest.mark.both
def test_a_superuser_looks_and_answers_nothing(batch: Batch) -> None:
    dispute = about(batch)
    client = signed_in(make.user(is_staff=True, is_superuser=True))
    page = client.get(page_of(dispute)).content.decode()
    assert "203.0.113.0/24" in page
    assert "<textarea" not in page
    data = {"form_number": str(uuid.uuid4()), "seen": "9" * 18, "text": "x"}
    assert client.post(page_of(dispute, "answer"), data).status_code == 404


def test_an_answer_is_sent_and_recorded_with_its_writer(operator: User) -> None:
    dispute, client = tickets.opened(), signed_in(operator)
    answer = post(client, dispute, "answer", text=f"Is it {CODE}?")
    assert "Your answer is sent." in told(answer)
    assert "looked like a code" in told(answer)
    page = answer.content.decode()
    assert CODE not in page
    assert str(operator) in page
    assert "to be sent" in page
    dispute.refresh_from_db()
    assert (dispute.state, dispute.answered_by) == ("answered", operator)


def test_a_double_click_answers_once(operator: User) -> None:
    dispute, client = tickets.opened(), signed_in(operator)
    data = fields_in(client.get(page_of(dispute)).content.decode()) | {"text": "x"}
    assert [client.post(page_of(dispute, "answer"), data).status_code for _ in range(2)] == [303, 303]
    assert dispute.messages.count() == 2


def test_what_can_not_be_sent_is_told_and_kept_in_the_field(operator: User) -> None:
    dispute, client = tickets.opened(), signed_in(operator)
    old = fields_in(client.get(page_of(dispute)).content.decode())
    tickets.added(dispute, "Wait!")
    answer = client.post(page_of(dispute, "answer"), old | {"text": "My long answer"})
    assert "Something was written since" in told(answer)
    assert "My long answer</textarea>" in answer.content.decode()
    assert "Choose how" in told(post(client, dispute, "resolve", text="Why"))
    for resolution in ("withdrawn", "x"):
        answer = post(client, dispute, "resolve", text="Why", resolution=resolution)
        assert "Choose how" in told(answer)
    assert "characters or fewer" in told(post(client, dispute, "answer", text="x" * 2_001))
    assert "Write what the member should read" in told(post(client, dispute, "answer", text=" "))
    assert client.post(page_of(dispute, "answer"), {"text": "x"}).status_code == 404
    assert client.get(page_of(dispute, "answer")).status_code == 302
    dispute.refresh_from_db()
    assert (dispute.state, dispute.messages.count()) == ("open", 2)


def test_it_is_resolved_with_a_reason(operator: User) -> None:
    dispute, client = tickets.opened(), signed_in(operator)
    answer = post(client, dispute, "resolve", text="It was our fault.", resolution="for_member")
    page = answer.content.decode()
    assert "It was our fault." in page
    assert "<textarea" not in page
    dispute.refresh_from_db()
    assert (dispute.resolution, dispute.resolved_by) == (Resolution.FOR_MEMBER, operator)


def test_the_way_to_pay_is_the_form_for_two_people_filled_in(batch: Batch, operator: User) -> None:
    member = make.member()
    dispute = about(batch, member)
    make.wallet(member, batch.brand.program)
    client = signed_in(operator)
    found = re.search(
        r'href="(/admin/ledger/adjustment/add/[^"]+)"', client.get(page_of(dispute)).content.decode()
    )
    assert found
    form = client.get(found[1].replace("&amp;", "&")).context["form"]
    assert form["member"].value() == str(member.public_id)
    assert form["points"].value() == str(batch.face_points)
    assert form["brand"].value() == str(batch.brand_id)
    assert dispute.number in form["reason"].value()
    assert not Adjustment.objects.exists()


@pytest.mark.both
def test_the_list_is_searched_by_number_serial_and_reference(batch: Batch, operator: User) -> None:
    dispute, other = about(batch), tickets.opened(serial_number=batch.first_claim_id + 9)
    client = signed_in(operator)

    def found(term: str) -> list[Dispute]:
        return list(client.get(LIST, {"q": term}).context["cl"].queryset)

    assert found(dispute.number) == found(f" {dispute.number.lower()} ") == [dispute]
    assert found(str(batch.first_claim_id)) == found(dispute.evidence.reference) == [dispute]
    assert found(str(batch.first_claim_id + 9)) == [other]
    for term in (dispute.number[:5], "9" * 40, "\u202e", "' OR 1=1", "１２３", "It says"):
        assert found(term) == []


def test_the_list_is_filtered_and_begins_with_who_has_waited_longest(batch: Batch, operator: User) -> None:
    now = timezone.now()
    young, old = tickets.opened(at=now), tickets.opened(at=now - timedelta(days=5), kind="points")  # type: ignore[arg-type]
    over = tickets.opened(at=now - timedelta(days=9))
    tickets.resolved(over, at=now)
    client = signed_in(operator)

    def found(**chosen: str) -> list[Dispute]:
        return list(client.get(LIST, chosen).context["cl"].queryset)

    assert found() == [old, young, over]
    assert found(state__exact="open") == [old, young]
    assert found(kind__exact="points") == [old]
    assert found(waiting="1") == found(waiting="3") == [old]
    assert found(waiting="7") == []
    branded = about(batch)
    assert found(brand__id__exact=str(batch.brand_id)) == [branded]


def test_what_waits_lies_on_the_desk_and_in_the_side_bar(rf: Any, batch: Batch, operator: User) -> None:
    dispute = about(batch)
    tickets.opened()
    requests = {}
    for name, person in {
        "operator": operator,
        "brand": tickets.supporter(batch.brand),
        "other": tickets.supporter(make.brand()),
        "auditor": make.staff(Role.AUDITOR, None),
    }.items():
        requests[name] = rf.get("/admin/")
        requests[name].user = person
    waiting = {name: desk.disputes_to_answer(request).count() for name, request in requests.items()}
    assert waiting == {"operator": 2, "brand": 1, "other": 0, "auditor": 0}
    links = {name: link_in(sidebar(request)) for name, request in requests.items()}
    assert {name: link.get("badge") for name, link in links.items()} == {
        "operator": "2",
        "brand": "1",
        "other": None,
        "auditor": None,
    }
    home = signed_in(tickets.supporter(batch.brand)).get("/admin/").content.decode()
    assert dispute.number in home
    tickets.answered(dispute)
    assert desk.disputes_to_answer(requests["brand"]).count() == 0


def link_in(groups: list[dict[str, Any]]) -> dict[str, Any]:
    items = [item for group in groups for item in group["items"]]
    return next(item for item in items if item["link"] == LIST)


def test_an_answer_that_no_mail_told_of_is_shown(operator: User) -> None:
    dispute, client = tickets.opened(), signed_in(operator)
    tickets.answered(dispute)
    assert "Answers that no mail told of" not in client.get("/admin/").content.decode()
    DisputeNotice.objects.update(state="given_up", failure="server", ended_at=NOON, tries=8)
    for address in ("/admin/", page_of(dispute)):
        page = client.get(address).content.decode()
        assert "the mail server could not be reached" in page
    assert "Answers that no mail told of" in client.get("/admin/").content.decode()


def test_nobody_adds_or_deletes_a_ticket_in_the_admin(operator: User) -> None:
    dispute, client = tickets.opened(), signed_in(operator)
    assert client.get(f"{LIST}add/").status_code == 403
    assert client.post(page_of(dispute, "delete"), {"post": "yes"}).status_code == 403
    client.post(page_of(dispute), {"state": "resolved"})
    dispute.refresh_from_db()
    assert dispute.state == "open"
