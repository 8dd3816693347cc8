"""The way of a ticket: who may do what in which state, once, and how much a member may ask."""

import uuid
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction
from django.db.models import F

from campaigns import dispute_queries
from campaigns import services as campaigns
from campaigns.dispute_models import (
    Act,
    Dispute,
    DisputeEvidence,
    DisputeMessage,
    DisputeNotice,
    Resolution,
)
from campaigns.errors import DisputeChanged, DisputeLimit, DisputeNotOpen, DisputeRefused
from parties.errors import NotReachable
from parties.models import Role
from tests import make
from tests.campaigns import tickets
from tests.giftcodes.test_masking import CODE, DISGUISES, MASK
from tests.make import NOON

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)


def state_of(dispute: Dispute) -> tuple[str, str]:
    dispute.refresh_from_db()
    return dispute.state, dispute.resolution


def test_it_waits_for_support_then_for_the_member_then_for_support_again() -> None:
    dispute = tickets.opened()
    assert (state_of(dispute), dispute.waiting_since) == (("open", ""), NOON)
    support = tickets.supporter()
    tickets.answered(dispute, support, at=NOON + DAY)
    assert (state_of(dispute), dispute.waiting_since) == (("answered", ""), None)
    assert (dispute.answered_by, dispute.answered_at) == (support, NOON + DAY)
    tickets.added(dispute, at=NOON + 2 * DAY)
    assert (state_of(dispute), dispute.waiting_since) == (("open", ""), NOON + 2 * DAY)
    tickets.added(dispute, at=NOON + 3 * DAY)
    dispute.refresh_from_db()
    assert dispute.waiting_since == NOON + 2 * DAY  # since the first that nobody has answered
    tickets.resolved(dispute, support, at=NOON + 4 * DAY)
    assert state_of(dispute) == ("resolved", "for_member")
    assert (dispute.resolved_by, dispute.resolved_at) == (support, NOON + 4 * DAY)
    acts = dispute_queries.messages_of(dispute).values_list("act", flat=True)
    assert list(acts) == [Act.ASK, Act.ANSWER, Act.ADD, Act.ADD, Act.RESOLVE]


def test_its_number_is_short_and_without_look_alikes() -> None:
    numbers = {tickets.opened(at=NOON + place * DAY).number for place in range(20)}
    assert len(numbers) == 20
    assert all(len(number) == 10 and not set(number) & set("01ILOU") for number in numbers)


def test_the_same_form_twice_is_one_ticket() -> None:
    member, form_number = make.member(), uuid.uuid4()
    first = tickets.opened(member, form_number=form_number)
    assert tickets.opened(member, form_number=form_number, text="again") == first
    assert Dispute.objects.count() == DisputeMessage.objects.count() == 1
    with pytest.raises(DisputeRefused):
        tickets.opened(make.member(), form_number=form_number)


def twice(dispute: Dispute) -> list[Callable[[uuid.UUID], DisputeMessage]]:
    member, staff, seen = dispute.member, tickets.supporter(), tickets.newest(dispute)
    of_member: dict[str, Any] = {"number": dispute.number, "member": member, "at": NOON}
    of_staff: dict[str, Any] = {
        "dispute_id": dispute.pk,
        "user": staff,
        "text": "x",
        "seen": seen,
        "at": NOON,
    }
    resolution = Resolution.NOT_FOR_MEMBER
    return [
        lambda form_number: campaigns.add_to_dispute(form_number=form_number, text="x", **of_member),
        lambda form_number: campaigns.withdraw_dispute(form_number=form_number, **of_member),
        lambda form_number: campaigns.answer_dispute(form_number=form_number, **of_staff),
        lambda form_number: campaigns.resolve_dispute(
            form_number=form_number, resolution=resolution, **of_staff
        ),
    ]


@pytest.mark.parametrize("place", range(4))
def test_every_further_step_is_taken_once_per_form(place: int) -> None:
    dispute, form_number = tickets.opened(), uuid.uuid4()
    step = twice(dispute)[place]
    assert step(form_number) == step(form_number)
    assert dispute.messages.count() == 2
    with pytest.raises(DisputeRefused):  # the form of another ticket
        twice(tickets.opened())[place](form_number)


@pytest.mark.parametrize("resolution", [Resolution.FOR_MEMBER, Resolution.NOT_FOR_MEMBER])
def test_a_resolved_ticket_can_be_reopened_by_its_member_for_14_days(resolution: Resolution) -> None:
    dispute = tickets.opened()
    tickets.resolved(dispute, resolution=resolution)
    for act in (tickets.answered, tickets.resolved):
        with pytest.raises(DisputeNotOpen):
            act(dispute)
    with pytest.raises(DisputeNotOpen):
        tickets.withdrawn(dispute)
    with pytest.raises(DisputeNotOpen):
        tickets.added(dispute, at=NOON + 14 * DAY)
    tickets.added(dispute, at=NOON + 14 * DAY - timedelta(seconds=1))
    assert state_of(dispute) == ("open", "")
    kept = dispute.messages.get(act=Act.RESOLVE)
    assert (kept.resolution, kept.text) == (resolution, "You get the points.")


def test_a_member_who_has_left_meanwhile_writes_nothing_more() -> None:
    dispute = tickets.opened()
    member = dispute.member
    campaigns.close_account(member_id=member.pk, at=NOON)
    with pytest.raises(NotReachable):
        tickets.opened(member=member)
    with pytest.raises(NotReachable):
        tickets.added(dispute)
    assert not DisputeMessage.objects.exclude(text="").exists()


def test_what_the_member_withdrew_stays_so() -> None:
    dispute = tickets.opened()
    tickets.withdrawn(dispute)
    assert state_of(dispute) == ("resolved", "withdrawn")
    for act in (tickets.added, tickets.withdrawn, tickets.answered, tickets.resolved):
        with pytest.raises(DisputeNotOpen):
            act(dispute)


def test_support_answers_what_it_has_read() -> None:
    dispute, support = tickets.opened(), tickets.supporter()
    seen = tickets.newest(dispute)
    tickets.added(dispute, "Found it, thank you.")
    common: dict[str, Any] = {
        "dispute_id": dispute.pk,
        "user": support,
        "text": "x",
        "seen": seen,
        "at": NOON,
    }
    with pytest.raises(DisputeChanged):
        campaigns.answer_dispute(form_number=uuid.uuid4(), **common)
    with pytest.raises(DisputeChanged):
        campaigns.resolve_dispute(form_number=uuid.uuid4(), resolution=Resolution.FOR_MEMBER, **common)
    assert state_of(dispute) == ("open", "")
    common["seen"] = tickets.newest(dispute)
    campaigns.answer_dispute(form_number=uuid.uuid4(), **common)


def test_support_can_not_withdraw_for_the_member() -> None:
    dispute = tickets.opened()
    with pytest.raises(DisputeRefused):
        tickets.resolved(dispute, resolution=Resolution.WITHDRAWN)
    assert state_of(dispute) == ("open", "")


@pytest.mark.parametrize("role", [role for role in Role if role != Role.SUPPORT])
def test_only_support_answers_and_resolves(role: Role) -> None:
    dispute = tickets.opened()
    for act in (tickets.answered, tickets.resolved):
        with pytest.raises(NotReachable):
            act(dispute, make.staff(role, None))
        with pytest.raises(NotReachable):
            act(dispute, tickets.supporter(make.brand()))
    act_of_support = tickets.answered(dispute)
    assert act_of_support.act == Act.ANSWER


def test_a_ticket_of_somebody_else_does_not_exist() -> None:
    dispute = tickets.opened()
    stranger = make.member()
    assert dispute_queries.dispute_of(stranger, dispute.number) is None
    common: dict[str, Any] = {"number": dispute.number, "member": stranger, "at": NOON}
    with pytest.raises(NotReachable):
        campaigns.add_to_dispute(form_number=uuid.uuid4(), text="x", **common)
    with pytest.raises(NotReachable):
        campaigns.withdraw_dispute(form_number=uuid.uuid4(), **common)


@pytest.mark.parametrize(
    ("text", "rule"),
    [("", "no_text"), (" \u200b\x00\n", "no_text"), ("あ" * 2_001, "long_text"), ("x" * 10**6, "long_text")],
)
def test_a_text_that_says_nothing_or_too_much_is_refused(text: str, rule: str) -> None:
    dispute = tickets.opened()
    for act in (
        partial(tickets.added, dispute),
        partial(tickets.answered, dispute),
        partial(tickets.resolved, dispute),
    ):
        with pytest.raises(DisputeRefused) as refusal:
            act(text=text)
        assert refusal.value.rule == rule
    with pytest.raises(DisputeRefused):
        tickets.opened(text=text)
    assert dispute.messages.count() == 1


def test_a_text_is_kept_plain() -> None:
    dispute = tickets.opened(text="\u202eevil\u202c\x00 text\r\n\r\n\r\n<b>end</b> ")
    assert dispute.messages.get().text == "evil text\n\n<b>end</b>"
    longest = tickets.opened(text="あ" * 2_000)
    assert len(longest.messages.get().text) == 2_000


@pytest.mark.parametrize("disguise", DISGUISES)
def test_no_code_is_kept_whoever_wrote_it(disguise: str) -> None:
    text = f"Here: {DISGUISES[disguise]} , see?"
    dispute = tickets.opened(text=text)
    tickets.added(dispute, text)
    tickets.answered(dispute, text=text)
    tickets.resolved(dispute, text=text)
    for message in dispute.messages.all():
        assert message.masked_codes == 1
        assert "••••-••••-••••-" in message.text
        assert CODE not in message.text.replace("-", "")


def test_the_last_four_digits_are_kept() -> None:
    assert tickets.opened(text=f"See {CODE}.").messages.get().text == f"See {MASK}."


def test_three_tickets_can_be_open_at_once() -> None:
    member = make.member()
    first = [tickets.opened(member) for _ in range(3)]
    with pytest.raises(DisputeLimit) as refusal:
        tickets.opened(member)
    assert refusal.value.rule == "open"
    tickets.opened()  # somebody else's
    tickets.resolved(first[0])
    tickets.opened(member)
    with pytest.raises(DisputeLimit) as refusal:
        tickets.added(first[0])  # would be the fourth
    assert refusal.value.rule == "open"


def test_five_tickets_can_be_opened_in_a_day() -> None:
    member = make.member()
    for _ in range(5):
        tickets.withdrawn(tickets.opened(member))
    with pytest.raises(DisputeLimit) as refusal:
        tickets.opened(member, at=NOON + DAY - timedelta(seconds=1))
    assert refusal.value.rule == "day"
    tickets.opened(member, at=NOON + DAY)


def test_of_fifty_in_a_row_three_are_kept() -> None:
    member, refused = make.member(), 0
    for _ in range(50):
        try:
            tickets.opened(member)
        except DisputeLimit:
            refused += 1
    assert (refused, Dispute.objects.count()) == (47, 3)


def test_a_member_adds_five_times_then_support_has_its_turn() -> None:
    dispute = tickets.opened()
    for _ in range(4):
        tickets.added(dispute)
    with pytest.raises(DisputeLimit) as refusal:
        tickets.added(dispute)
    assert refusal.value.rule == "turn"
    tickets.answered(dispute)
    tickets.added(dispute)


def test_a_ticket_has_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("campaigns.services.disputes.MAX_MESSAGES", 3)
    dispute = tickets.opened()
    tickets.answered(dispute)
    tickets.added(dispute)
    with pytest.raises(DisputeLimit) as refusal:
        tickets.added(dispute)
    assert refusal.value.rule == "messages"


BROKEN: dict[str, Callable[[Dispute], Any]] = {
    "kind": lambda row: Dispute.objects.filter(pk=row.pk).update(kind="x"),
    "language": lambda row: Dispute.objects.filter(pk=row.pk).update(language="fr"),
    "state": lambda row: Dispute.objects.filter(pk=row.pk).update(state="x"),
    "open without waiting": lambda row: Dispute.objects.filter(pk=row.pk).update(waiting_since=None),
    "answered by nobody": lambda row: Dispute.objects.filter(pk=row.pk).update(
        state="answered", waiting_since=None
    ),
    "resolved by nobody": lambda row: Dispute.objects.filter(pk=row.pk).update(
        state="resolved", waiting_since=None, resolution="for_member", resolved_at=NOON
    ),
    "withdrawn by staff": lambda row: Dispute.objects.filter(pk=row.pk).update(
        state="resolved",
        waiting_since=None,
        resolution="withdrawn",
        resolved_at=NOON,
        resolved_by=make.user(),
    ),
    "resolution while open": lambda row: Dispute.objects.filter(pk=row.pk).update(resolution="for_member"),
    "answer by nobody": lambda row: DisputeMessage.objects.create(
        dispute=row, act=Act.ANSWER, text="x", written_at=NOON
    ),
    "staff as member": lambda row: DisputeMessage.objects.create(
        dispute=row, act=Act.ADD, text="x", written_at=NOON, staff=make.user()
    ),
    "no text": lambda row: DisputeMessage.objects.create(dispute=row, act=Act.ADD, text="", written_at=NOON),
    "erased with text": lambda row: DisputeMessage.objects.create(
        dispute=row, act=Act.ADD, text="x", written_at=NOON, erased_at=NOON
    ),
    "resolving without a resolution": lambda row: DisputeMessage.objects.create(
        dispute=row, act=Act.RESOLVE, text="x", written_at=NOON, staff=make.user()
    ),
    "told without an end": lambda row: DisputeNotice.objects.create(
        message=row.messages.get(), due_at=NOON, state="told"
    ),
    "given up without a reason": lambda row: DisputeNotice.objects.create(
        message=row.messages.get(), due_at=NOON, state="given_up", ended_at=NOON
    ),
}


@pytest.mark.parametrize("broken", BROKEN)
def test_the_database_holds_the_rules(broken: str) -> None:
    dispute = tickets.opened()
    with pytest.raises(IntegrityError), transaction.atomic():
        BROKEN[broken](dispute)


@pytest.mark.postgresql
def test_nothing_that_was_written_or_found_can_be_changed() -> None:
    dispute = tickets.opened()
    run("SET CONSTRAINTS ALL IMMEDIATE")  # with checks still due, TRUNCATE is refused for their sake
    message = DisputeMessage.objects.filter(dispute=dispute)
    evidence = DisputeEvidence.objects.filter(dispute=dispute)
    for change in (
        lambda: message.update(text="y"),
        lambda: message.update(written_at=F("written_at") + DAY),
        lambda: message.update(text="", erased_at=NOON, act=Act.WITHDRAW),
        message.delete,
        lambda: evidence.update(strikes=4),
        evidence.delete,
        lambda: run("TRUNCATE campaigns_disputemessage CASCADE"),
        lambda: run("TRUNCATE campaigns_disputeevidence"),
    ):
        with pytest.raises(IntegrityError), transaction.atomic():
            change()
    message.update(text="", erased_at=NOON)
    with pytest.raises(IntegrityError), transaction.atomic():
        message.update(text="", erased_at=NOON + DAY)


def run(sql: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(sql)
