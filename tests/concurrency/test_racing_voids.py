"""Withdrawals against claims, and against each other: what was claimed before the approval is spared and
counted, and nothing is claimed after it.
"""

import threading
from functools import partial

import pytest
from django.db import transaction

from giftcodes import audit, locking, queries
from giftcodes import services as giftcodes
from giftcodes.errors import CodeNotUsable, VoidRefused
from giftcodes.models import Batch, Claim, Void
from giftcodes.services import Claimed, voids
from giftcodes.void_models import VoidRequest, VoidState
from ledger import queries as ledger_queries
from parties import holding
from parties.models import Role
from tests import make
from tests.concurrency.racing import race
from tests.giftcodes.withdrawals import scene
from tests.make import NOON

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.postgresql]

CODES = 12


def test_claims_between_what_was_seen_and_what_was_approved_are_spared_and_counted() -> None:
    told = scene(size=CODES)
    request = told.ask(told.spans(*range(CODES)))
    codes = [make.code_of(told.batch, place) for place in range(CODES)]
    claims = [partial(giftcodes.claim_code, text=code, member=make.member(), at=NOON) for code in codes]

    *outcomes, done = race(*claims, partial(told.approve, request))

    won = sum(isinstance(outcome, Claimed) for outcome in outcomes)
    assert all(isinstance(outcome, Claimed | CodeNotUsable) for outcome in outcomes), outcomes
    assert isinstance(done, VoidRequest)
    assert (done.voided_codes, done.spared_codes) == (CODES - won, won)
    assert ledger_queries.funds_of(told.batch.brand) == 5 * (CODES - won)
    counts = queries.counts_of(told.batch)
    assert (counts.claimed, counts.voided, counts.unclaimed) == (won, CODES - won, 0)
    assert not list(audit.differences())


@pytest.mark.parametrize("waits", [True, False], ids=["as it is", "control: without the lock"])
def test_a_claim_that_is_decided_and_not_committed_is_spared(
    waits: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The claim stands in its transaction when the approval comes: without the lock it is counted as
    unclaimed, and its points go back to the brand as well as to the member.
    """
    told = scene(size=2)
    request = told.ask(told.spans(0, 1))
    code, member = make.code_of(told.batch, 0), make.member()
    decided, may_end = threading.Barrier(2, timeout=30), threading.Event()
    if not waits:
        monkeypatch.setattr(locking, "own_batch", lambda _batch_id: None)

    def claim() -> None:
        with transaction.atomic():
            giftcodes.claim_code(text=code, member=member, at=NOON)
            decided.wait()
            may_end.wait(30)

    def approve() -> VoidRequest:
        decided.wait()
        if waits:  # or it would wait for ever; without the lock the claim goes on only after it
            threading.Timer(0.5, may_end.set).start()
        done = told.approve(request)
        may_end.set()
        return done

    claimed, done = race(claim, approve)
    assert claimed is None
    assert Claim.objects.count() == 1
    assert isinstance(done, VoidRequest)
    assert (done.voided_codes, done.spared_codes) == ((1, 1) if waits else (2, 0))
    assert bool(list(audit.differences())) is not waits


def test_of_decisions_at_once_one_wins() -> None:
    told = scene(size=CODES)
    request = told.ask(told.spans(1, 2, 3))
    approvers = [make.staff(Role.APPROVER, told.batch.brand) for _ in range(3)]
    calls = [
        *(partial(told.approve, request, user=approver) for approver in approvers),
        partial(giftcodes.reject_void, request_id=request.pk, note="no", user=approvers[0], at=NOON),
        partial(giftcodes.take_back_void, request_id=request.pk, user=told.marketer, at=NOON),
    ]

    outcomes = race(*calls)

    done = [outcome for outcome in outcomes if isinstance(outcome, VoidRequest)]
    assert len(done) == 1, outcomes
    assert all(isinstance(outcome, VoidRequest | VoidRefused) for outcome in outcomes), outcomes
    withdrawn = 3 if done[0].state == VoidState.APPROVED else 0
    assert queries.counts_of(told.batch).voided == withdrawn
    assert not list(audit.differences())


def test_one_code_alone_is_withdrawn_or_claimed_and_never_both() -> None:
    told = scene(size=CODES)
    user = make.staff(Role.SUPPORT, told.batch.brand)
    number = told.batch.first_claim_id
    withdraw = partial(
        giftcodes.void_one, serial_number=number, reason="stolen", user=user, verified_at=NOON, at=NOON
    )
    claim = partial(giftcodes.claim_code, text=make.code_of(told.batch), member=make.member(), at=NOON)

    outcomes = race(withdraw, claim, withdraw)

    lost = {type(outcome) for outcome in outcomes if isinstance(outcome, Exception)}
    won = [outcome for outcome in outcomes if not isinstance(outcome, Exception)]
    assert len(won) == 1, outcomes
    assert lost <= {VoidRefused, CodeNotUsable}, outcomes
    assert Claim.objects.count() + Void.objects.count() == 1
    assert not list(audit.differences())


@pytest.mark.parametrize("is_held", [True, False], ids=["as it is", "control: nobody is held"])
def test_nobody_passes_the_limit_of_one_person_by_being_fast(
    is_held: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the control all have counted before the first one withdraws."""
    monkeypatch.setattr("giftcodes.services.voids.MAX_ALONE", 2)
    scenes = [scene(size=2) for _ in range(4)]
    user = make.staff(Role.SUPPORT, None)
    if not is_held:
        counted, own_open_batch = threading.Barrier(4, timeout=30), voids.own_open_batch

        def wait_for_all(batch_id: int) -> Batch:
            counted.wait()
            return own_open_batch(batch_id)

        monkeypatch.setattr(holding, "hold_user", lambda _user: None)
        monkeypatch.setattr(voids, "own_open_batch", wait_for_all)

    outcomes = race(
        *(
            partial(
                giftcodes.void_one,
                serial_number=each.batch.first_claim_id,
                reason="stolen",
                user=user,
                verified_at=NOON,
                at=NOON,
            )
            for each in scenes
        )
    )

    assert sum(outcome == 5 for outcome in outcomes) == (2 if is_held else 4), outcomes
    assert Void.objects.count() == (2 if is_held else 4)
