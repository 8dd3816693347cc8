"""Withdrawing many codes: who asks, who decides, on exactly what, and what comes of it."""

import uuid
from typing import Any

import pytest
from django.db import DatabaseError, IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext

from giftcodes import audit, queries
from giftcodes import services as giftcodes
from giftcodes.errors import CodeNotUsable, VoidRefused
from giftcodes.models import Batch, BatchState, Series, Void
from giftcodes.services import voids
from giftcodes.void_checks import VOIDS
from giftcodes.void_models import VoidRequest, VoidSpan, VoidState
from giftcodes.void_queries import Span, effect_of, spans_of
from ledger import queries as ledger_queries
from ledger import services as ledger
from ledger.models import MAX_POINTS, Posting, Reason
from parties.errors import NotReachable
from parties.models import Role
from tests import make
from tests.giftcodes.withdrawals import Scene, scene
from tests.make import NOON
from tests.tampering import past_the_guards

pytestmark = pytest.mark.django_db


@pytest.fixture
def told() -> Scene:
    return scene()


def refused(rule: str, act: Any, *args: Any, **changes: Any) -> None:
    with pytest.raises(VoidRefused) as refusal:
        act(*args, **changes)
    assert refusal.value.rule == rule


def test_what_another_person_approved_is_withdrawn_and_claimed_codes_stay(told: Scene) -> None:
    told.claim(3, 7)
    request = told.ask(told.spans(2, 3, 4, 9))
    assert (request.codes, request.foreseen_codes, request.foreseen_claimed) == (4, 3, 1)
    assert ledger_queries.funds_of(told.batch.brand) == 0
    told.claim(9)  # between the request and its approval

    done = told.approve(request)

    assert (done.state, done.decided_by) == (VoidState.APPROVED, told.approver)
    assert (done.voided_codes, done.spared_codes, done.void_before_codes) == (2, 2, 0)
    assert ledger_queries.funds_of(told.batch.brand) == 10
    counts = queries.counts_of(told.batch)
    assert (counts.claimed, counts.voided, counts.unclaimed) == (3, 2, 15)
    for place in (2, 4):
        with pytest.raises(CodeNotUsable):
            told.claim(place)
    told.claim(5)
    assert not list(audit.differences())


def test_codes_that_were_withdrawn_before_are_counted_and_not_paid_back_twice(told: Scene) -> None:
    told.approve(told.ask(told.spans(0, 1, 2)))
    request = told.ask([Span(told.batch.first_serial, told.batch.first_serial + 19)])
    told.approve(told.ask(told.spans(10)))
    told.claim(19)

    done = told.approve(request)

    assert (done.voided_codes, done.spared_codes, done.void_before_codes) == (15, 1, 4)
    assert ledger_queries.funds_of(told.batch.brand) == 19 * 5
    assert Series.objects.get(digit=1).live_codes == 1
    assert not list(audit.differences())


def test_the_points_of_a_request_come_back_in_one_transfer(told: Scene) -> None:
    told.approve(told.ask(told.spans(0, 2, 4, 6, 8)))
    assert Void.objects.count() == 5
    assert [row.points for row in Posting.objects.filter(transfer__reason=Reason.VOID)] == [25]


def test_a_million_codes_are_one_row_and_few_statements() -> None:
    told = scene(size=1_000_000)
    told.claim(500_000)
    request = told.ask([Span(told.batch.first_serial, told.batch.first_serial + 999_999)])
    with CaptureQueriesContext(connection) as asked:
        done = told.approve(request)
    assert (done.voided_codes, done.spared_codes) == (999_999, 1)
    assert (Void.objects.count(), VoidSpan.objects.count()) == (1, 1)
    assert len(asked) < 40


def test_a_long_list_asks_the_database_few_questions() -> None:
    told = scene(size=5_000)
    told.claim(0, 2, 4_998)
    every_second = spans_of(range(told.batch.first_serial, told.batch.first_serial + 5_000, 2))
    request = told.ask(every_second)
    with CaptureQueriesContext(connection) as asked:
        done = told.approve(request)
    assert (done.voided_codes, done.spared_codes) == (2_497, 3)
    assert len(asked) < 100
    told.claim(1, 4_999)
    with pytest.raises(CodeNotUsable):
        told.claim(4_996)
    assert not list(audit.differences())


@pytest.mark.parametrize("few_codes", [0, 20_000], ids=["read in passing", "looked up by key"])
def test_effects_are_the_same_however_they_are_counted(
    few_codes: int, told: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    told.claim(1, 4, 5, 11)
    told.approve(told.ask(told.spans(7, 8)))
    spans = told.spans(0, 1, 3, 4, 5, 6, 7, 12)
    expected = effect_of(told.batch, spans)
    monkeypatch.setattr("giftcodes.void_queries._FEW_SPANS", 0)
    monkeypatch.setattr("giftcodes.void_queries._FEW_CODES", few_codes)
    assert effect_of(told.batch, spans) == expected == (4, 3, 1, 20)


def test_nobody_decides_on_their_own_request_and_nobody_without_the_role(told: Scene) -> None:
    both = make.staff(Role.APPROVER, told.batch.brand)
    both.staff_roles.create(brand=told.batch.brand, role=Role.MARKETER)
    own = told.ask(told.spans(1), user=both)
    refused("own", told.approve, own, user=both)
    refused("own", giftcodes.reject_void, request_id=own.pk, note="no", user=both, at=NOON)
    foreign = make.staff(Role.APPROVER, make.brand())
    others = [make.staff(role, told.batch.brand) for role in set(Role) - {Role.APPROVER}]
    for user in (foreign, *others):
        with pytest.raises(NotReachable):
            told.approve(own, user=user)
        with pytest.raises(NotReachable):
            giftcodes.reject_void(request_id=own.pk, note="no", user=user, at=NOON)
    for user in (foreign, told.approver, make.staff(Role.MARKETER, make.brand())):
        with pytest.raises(NotReachable):
            told.ask(told.spans(1), user=user)
    assert not Void.objects.exists()


def test_approval_is_for_what_was_seen(told: Scene) -> None:
    request = told.ask(told.spans(1))
    other = told.ask(told.spans(1, 2))
    assert request.fingerprint != other.fingerprint
    refused("changed", told.approve, request, fingerprint=other.fingerprint)
    refused("changed", told.approve, request, fingerprint="")
    past_the_guards("UPDATE giftcodes_voidspan SET last_serial = last_serial + 5")
    refused("changed", told.approve, request)
    assert not Void.objects.exists()


def test_a_request_is_decided_once(told: Scene) -> None:
    request = told.ask(told.spans(1))
    done = told.approve(request)
    assert told.approve(request).decided_at == done.decided_at  # sent twice
    refused("state", told.approve, request, user=make.staff(Role.APPROVER, told.batch.brand))
    refused("state", giftcodes.reject_void, request_id=request.pk, note="no", user=told.approver, at=NOON)
    refused("state", giftcodes.take_back_void, request_id=request.pk, user=told.marketer, at=NOON)
    assert Void.objects.count() == 1


def test_a_rejected_request_says_why_and_one_taken_back_was_taken_back_by_who_asked(told: Scene) -> None:
    request = told.ask(told.spans(1))
    refused("note", giftcodes.reject_void, request_id=request.pk, note=" ", user=told.approver, at=NOON)
    rejected = giftcodes.reject_void(request_id=request.pk, note="found it", user=told.approver, at=NOON)
    assert (rejected.state, rejected.decision_note) == (VoidState.REJECTED, "found it")
    again = told.ask(told.spans(1))
    with pytest.raises(NotReachable):
        giftcodes.take_back_void(request_id=again.pk, user=told.approver, at=NOON)
    taken_back = giftcodes.take_back_void(request_id=again.pk, user=told.marketer, at=NOON)
    assert (taken_back.state, taken_back.decided_by) == (VoidState.TAKEN_BACK, told.marketer)
    refused("state", told.approve, again)
    assert not Void.objects.exists()


def test_a_form_that_is_sent_twice_asks_once(told: Scene) -> None:
    number = uuid.uuid4()
    first = told.ask(told.spans(1), public_id=number)
    assert told.ask(told.spans(1), public_id=number) == first
    refused("number", told.ask, told.spans(2), public_id=number)
    told.approve(first)
    assert told.ask(told.spans(1), public_id=number) == first  # nothing is left of it, and it is a repeat
    assert VoidRequest.objects.count() == 1


def test_what_can_not_be_asked_for_is_refused(told: Scene) -> None:
    begin, end = told.batch.first_serial, told.batch.first_serial + told.batch.size
    bad_spans = [
        [],
        [Span(begin - 1, begin)],
        [Span(end - 1, end)],
        [Span(begin + 2, begin + 1)],
        [Span(begin, begin + 2), Span(begin + 2, begin + 3)],
        [Span(begin + 5, begin + 5), Span(begin, begin)],
    ]
    for spans in bad_spans:
        refused("spans", told.ask, spans)
    for reason in ("", "  ", "x" * 201, "a\0b"):
        refused("reason", told.ask, told.spans(1), reason=reason)
    told.claim(1)
    refused("nothing", told.ask, told.spans(1))
    gifts = make.gift_batch()
    marketer = make.staff(Role.MARKETER, gifts.brand)
    refused(
        "gifts", told.ask, [Span(gifts.first_serial, gifts.first_serial)], batch_id=gifts.pk, user=marketer
    )
    request = told.ask(told.spans(2))
    giftcodes.close_batch(batch_id=told.batch.pk, at=told.batch.claim_until)
    refused("closed", told.ask, told.spans(3))
    refused("closed", told.approve, request)
    assert Batch.objects.get(pk=told.batch.pk).state == BatchState.CLOSED
    assert not Void.objects.exists()


def test_funds_that_are_full_leave_everything_as_it_was(told: Scene) -> None:
    request = told.ask(told.spans(1))
    ledger.deposit_funds(brand=told.batch.brand, points=MAX_POINTS, key="full", at=NOON)
    refused("funds", told.approve, request)
    assert VoidRequest.objects.get().state == VoidState.REQUESTED
    assert not Void.objects.exists()


def test_a_code_in_a_reason_is_masked(told: Scene) -> None:
    code = make.code_of(told.batch, 3)
    request = told.ask(told.spans(3), reason=f"photographed: {code}")
    assert code not in request.reason
    giftcodes.reject_void(request_id=request.pk, note=f"{code} is fine", user=told.approver, at=NOON)
    request.refresh_from_db()
    assert code not in request.decision_note
    assert request.decision_note.endswith(f"{code[-4:]} is fine")


@pytest.mark.parametrize("role", Role)
def test_one_code_is_withdrawn_by_support_or_an_approver_alone(role: Role, told: Scene) -> None:
    user, number = make.staff(role, told.batch.brand), told.batch.first_claim_id + 4
    if role not in (Role.SUPPORT, Role.APPROVER):
        with pytest.raises(NotReachable):
            giftcodes.void_one(serial_number=number, reason="stolen", user=user, verified_at=NOON, at=NOON)
        return
    assert (
        giftcodes.void_one(serial_number=number, reason="stolen", user=user, verified_at=NOON, at=NOON) == 5
    )
    void = Void.objects.get()
    assert (void.codes, void.requested_by, void.approved_by, void.reason) == (1, user, user, "stolen")
    assert ledger_queries.funds_of(told.batch.brand) == 5
    with pytest.raises(CodeNotUsable):
        told.claim(4)
    assert not list(audit.differences())


def test_one_code_alone_is_refused_if_it_is_claimed_void_foreign_or_one_too_many() -> None:
    told = scene(size=30)
    user, first = make.staff(Role.SUPPORT, told.batch.brand), told.batch.first_claim_id

    def void_one(place: int, **changes: Any) -> int:
        asked: dict[str, Any] = {"serial_number": first + place, "reason": "stolen", "user": user, "at": NOON}
        asked |= changes
        return giftcodes.void_one(**asked | {"verified_at": asked["at"]})

    told.claim(0)
    refused("claimed", void_one, 0)
    void_one(1)
    refused("void", void_one, 1)
    refused("reason", void_one, 2, reason=" ")
    for other in (make.staff(Role.SUPPORT, make.brand()), make.user(is_staff=True)):
        with pytest.raises(NotReachable):
            void_one(2, user=other)
    with pytest.raises(NotReachable):
        void_one(told.batch.size)
    for place in range(2, voids.MAX_ALONE + 1):
        void_one(place)
    refused("many", void_one, voids.MAX_ALONE + 1)
    assert void_one(voids.MAX_ALONE + 1, at=NOON + voids.DAY) == 5
    gifts = make.gift_batch()
    support = make.staff(Role.SUPPORT, gifts.brand)
    refused("gifts", void_one, 0, serial_number=gifts.first_claim_id, user=support)


def test_the_database_wants_two_people_for_more_than_one_code(told: Scene) -> None:
    user = make.user()
    fields = {
        "batch": told.batch,
        "reason": "x",
        "requested_by": user,
        "approved_by": user,
        "voided_at": NOON,
    }
    first = told.batch.first_serial
    with pytest.raises(IntegrityError), transaction.atomic():
        Void.objects.create(first_serial=first, last_serial=first + 1, codes=2, **fields)
    request = told.ask(told.spans(0))
    with pytest.raises(IntegrityError), transaction.atomic():
        Void.objects.create(first_serial=first, last_serial=first, codes=1, request=request, **fields)
    decided = {"decided_by": request.requested_by, "decided_at": NOON}
    sums = {"voided_codes": 1, "spared_codes": 0, "void_before_codes": 0}
    bad = [
        {"state": VoidState.APPROVED, **decided, **sums},
        {"state": VoidState.TAKEN_BACK, **decided, "decided_by": told.approver},
        {"state": VoidState.APPROVED, **decided, "decided_by": told.approver},
        {"state": VoidState.APPROVED, **decided, **sums, "decided_by": told.approver, "spared_codes": 1},
        {"state": VoidState.REJECTED, **decided, "decided_by": told.approver},
    ]
    for change in bad:
        with pytest.raises(IntegrityError), transaction.atomic():
            VoidRequest.objects.filter(pk=request.pk).update(**change)


@pytest.mark.postgresql
def test_postgresql_keeps_what_was_asked_for_and_decided(told: Scene) -> None:
    request = told.ask(told.spans(1, 3))
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
        VoidRequest.objects.filter(pk=request.pk).update(reason="another one")
    told.approve(request)
    spans, requests = "giftcodes_voidspan", "giftcodes_voidrequest"
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
    for sql in (
        f"UPDATE {requests} SET decision_note = 'well'",
        f"UPDATE {spans} SET last_serial = 9",
        f"DELETE FROM {spans}",
        f"DELETE FROM {requests}",
        f"TRUNCATE {spans} CASCADE",
    ):
        with (
            connection.cursor() as cursor,
            pytest.raises(DatabaseError, match="append-only"),
            transaction.atomic(),
        ):
            cursor.execute(sql)


_LAST = "WHERE id = (SELECT MAX(id) FROM giftcodes_{})"
TAMPERING = {
    "a request withdrew what it says, and nothing before it was approved": "UPDATE giftcodes_void"
    f" SET codes = 0 {_LAST.format('void')}",
    "a request names as many codes as its ranges hold": "DELETE FROM giftcodes_voidspan "
    + _LAST.format("voidspan"),
    "a range was withdrawn by the people of its request": "UPDATE giftcodes_void"
    f" SET approved_by_id = (SELECT MIN(id) FROM parties_user) {_LAST.format('void')}",
    "the points of a request came back in one transfer": "UPDATE ledger_posting SET points = points + 1"
    " WHERE transfer_id IN (SELECT id FROM ledger_transfer WHERE reason = 'void')",
}


@pytest.mark.parametrize("check", VOIDS)
def test_what_was_tampered_with_is_named(check: str) -> None:
    make.user()
    told = scene()
    told.approve(told.ask(told.spans(1, 3)))
    assert not list(audit.differences())
    past_the_guards(TAMPERING[check])
    assert check in {found.check for found in audit.differences()}
