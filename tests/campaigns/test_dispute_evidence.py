"""What a ticket knows when it is opened: of the member's own try and of the code, and of nobody else's."""

import uuid
from datetime import timedelta

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from campaigns.dispute_models import Dispute, DisputeEvidence, SerialSource
from giftcodes import services as giftcodes
from giftcodes.guard_models import ClaimLock, Outcome
from giftcodes.guarding.visitors import new_reference
from giftcodes.models import Batch
from giftcodes.queries import SerialState
from parties.models import Member
from tests import make
from tests.campaigns import promos, tickets
from tests.giftcodes.guarded import attempt, strike
from tests.make import NOON

pytestmark = pytest.mark.django_db
LATER = NOON + timedelta(hours=1)


@pytest.fixture
def team() -> promos.Team:
    return promos.team()


@pytest.fixture
def batch(team: promos.Team) -> Batch:
    return tickets.ordered_batch(team)


def evidence_of(dispute: Dispute) -> DisputeEvidence:
    return DisputeEvidence.objects.get(dispute=dispute)


def test_a_code_that_another_member_used(team: promos.Team, batch: Batch) -> None:
    thief, owner = make.member(), make.member()
    attempt(make.code_of(batch, 35), thief)
    reference = tickets.refused(make.code_of(batch, 35), owner)
    dispute = tickets.opened(owner, reference=reference, at=LATER)
    found = evidence_of(dispute)
    assert dispute.brand == team.brand
    assert (found.reference, found.tried_at, found.outcome) == (
        reference,
        NOON + timedelta(minutes=1),
        Outcome.NOT_USABLE,
    )
    assert found.network == "203.0.113.0/24"
    assert found.serial_number == batch.first_claim_id + 35
    assert (found.serial_source, found.serial_state) == (SerialSource.TRY, SerialState.CLAIMED)
    assert (found.batch, found.channel_name) == (batch, "receipt")
    assert (found.claimed_at, found.claimer, found.is_own_claim) == (NOON, str(thief), False)
    assert (found.wallet, found.collected_at) == (str(owner), LATER)
    assert thief.public_id.hex not in repr(found.__dict__)


def test_a_code_that_the_member_used_before(batch: Batch) -> None:
    member = make.member()
    attempt(make.code_of(batch), member)
    dispute = tickets.opened(member, serial_number=batch.first_claim_id)
    found = evidence_of(dispute)
    assert (found.serial_source, found.claimer, found.is_own_claim) == ("stated", str(member), True)
    assert (found.reference, found.tried_at) == ("", None)


def test_a_withdrawn_and_an_expired_code(batch: Batch) -> None:
    giftcodes.void_codes(
        batch_id=batch.pk,
        first_serial=batch.first_serial,
        last_serial=batch.first_serial,
        **make.decided(batch),
    )
    void = evidence_of(tickets.opened(serial_number=batch.first_claim_id))
    assert (void.serial_state, void.voided_at, void.claimed_at) == (SerialState.VOID, NOON, None)
    expired = evidence_of(tickets.opened(serial_number=batch.first_claim_id + 1, at=batch.claim_until))
    assert expired.serial_state == SerialState.EXPIRED


def test_what_was_found_stays_when_the_code_is_claimed_later(batch: Batch) -> None:
    dispute = tickets.opened(serial_number=batch.first_claim_id)
    attempt(make.code_of(batch), make.member())
    assert evidence_of(dispute).serial_state == SerialState.UNCLAIMED


def test_an_unknown_code_has_no_serial_number_and_is_the_operators(batch: Batch) -> None:
    member = make.member()
    dispute = tickets.opened(member, reference=strike(batch, member), at=LATER)
    found = evidence_of(dispute)
    assert (found.outcome, found.serial_number, dispute.brand) == (Outcome.UNKNOWN, None, None)
    assert found.strikes == 1


def test_the_try_of_somebody_else_is_like_none(batch: Batch) -> None:
    owner = make.member()
    attempt(make.code_of(batch), make.member())
    reference = tickets.refused(make.code_of(batch), owner)
    stolen = tickets.opened(make.member(), reference=reference, at=LATER)
    made_up = tickets.opened(make.member(), reference=new_reference(), at=LATER)
    for dispute in (stolen, made_up):
        found = evidence_of(dispute)
        assert (found.reference, found.tried_at, found.serial_number) == ("", None, None)
        assert (dispute.brand, found.network, found.strikes) == (None, "", 0)
    assert stolen.stated_reference == reference  # as they said it
    assert evidence_of(tickets.opened(owner, reference=reference, at=LATER)).reference == reference


def test_the_own_try_goes_before_a_stated_serial_number(batch: Batch) -> None:
    member = make.member()
    attempt(make.code_of(batch), make.member())
    reference = tickets.refused(make.code_of(batch), member)
    dispute = tickets.opened(member, reference=reference, serial_number=batch.first_claim_id + 7, at=LATER)
    assert evidence_of(dispute).serial_number == batch.first_claim_id
    assert dispute.stated_serial == batch.first_claim_id + 7


@pytest.mark.parametrize("serial", [0, 1, 9_999_999_999, 2**62])
def test_a_serial_number_that_was_never_issued_is_a_statement_only(batch: Batch, serial: int) -> None:
    dispute = tickets.opened(serial_number=serial)
    assert (dispute.stated_serial, dispute.brand) == (serial, None)
    assert evidence_of(dispute).serial_number is None


def locked(batch: Batch) -> Member:
    member = make.member()
    for _ in range(5):
        strike(batch, member, at=timezone.now())
    return member


def test_strikes_and_the_lock_of_the_moment(batch: Batch) -> None:
    member = locked(batch)
    lock, now = ClaimLock.objects.get(), timezone.now()
    found = evidence_of(tickets.opened(member, at=now))
    assert (found.strikes, found.lock_reference, found.locked_until) == (
        5,
        lock.reference,
        lock.locked_until,
    )
    giftcodes.lift_lock(lock_id=lock.pk, reason="worn leaflet", user=make.user(), at=now)
    lifted = evidence_of(tickets.opened(member, at=now))
    assert (lifted.strikes, lifted.lock_reference, lifted.locked_until) == (0, "", None)
    assert evidence_of(tickets.opened(at=now)).strikes == 0


@pytest.mark.parametrize(
    "broken",
    [
        {"reference": "ABCDEFGH"},
        {"serial_number": 1_000_000_000},
        {"claimed_at": NOON},
        {"is_own_claim": False},
        {"lock_reference": "ABCDEFGH"},
        {"serial_state": SerialState.CLAIMED},
    ],
)
def test_the_database_takes_no_half_of_an_evidence(broken: dict[str, object]) -> None:
    without = Dispute.objects.create(
        number="2222222222",
        form_number=uuid.uuid4(),
        member=make.member(),
        kind="other",
        language="ja",
        opened_at=NOON,
        waiting_since=NOON,
    )
    fields = {"dispute": without, "collected_at": NOON, "wallet": str(without.member), "strikes": 0}
    with pytest.raises(IntegrityError), transaction.atomic():
        DisputeEvidence.objects.create(**fields | broken)
    DisputeEvidence.objects.create(**fields)
