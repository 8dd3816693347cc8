"""What the ledger promises, one act at a time: balanced, once per key, never below the floor, nothing
edited.
"""

import uuid
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from giftcodes import services as giftcodes
from ledger import audit, queries
from ledger import services as ledger
from ledger.errors import InsufficientPoints, KeyReused, LimitExceeded, MoveRefused, ReversalRefused
from ledger.models import MAX_POINTS, Account, AccountKind, Lot, Posting, Reason, Transfer, transfer_id_of
from ledger.services import Move
from parties.models import Brand
from tests import make
from tests.make import NOON

pytestmark = pytest.mark.django_db


def _unclaimed(brand: Brand, label: str = "unclaimed:1") -> Account:
    return ledger.open_account(
        program=brand.program, kind=AccountKind.UNCLAIMED, label=label, brand=brand, at=NOON
    )


def _funds(brand: Brand) -> Account:
    return ledger.open_funds(brand=brand, at=NOON)


def _reserve(brand: Brand, points: int, key: str = "order-1") -> Transfer:
    move = Move(_funds(brand).pk, _unclaimed(brand).pk, points)
    return ledger.post_transfer(key=key, reason=Reason.APPROVE, moves=[move], at=NOON)


def _grant(points: int = 500, key: str = "claim:1") -> tuple[Account, Brand]:
    brand = make.brand(funds=points)
    _reserve(brand, points)
    wallet = make.wallet(make.member(), brand.program)
    with transaction.atomic():
        ledger.grant_claimed(
            key=key,
            unclaimed_id=_unclaimed(brand).pk,
            wallet_id=wallet.pk,
            funder_id=brand.pk,
            points=points,
            expires_at=NOON + timedelta(days=180),
            at=NOON,
        )
    return wallet, brand


def test_a_transfer_moves_points_and_sums_to_zero() -> None:
    brand = make.brand(funds=1_000)

    _reserve(brand, 400)

    assert queries.balance_of(_funds(brand)) == 600
    assert queries.balance_of(_unclaimed(brand)) == 400
    assert queries.balance_of(ledger.open_world(program=brand.program, at=NOON)) == -1_000
    assert not list(audit.differences())


def test_asking_twice_with_one_key_moves_once() -> None:
    brand = make.brand(funds=1_000)

    assert _reserve(brand, 400) == _reserve(brand, 400)

    assert queries.balance_of(_funds(brand)) == 600


def test_the_same_key_with_another_input_is_refused_and_moves_nothing() -> None:
    brand = make.brand(funds=1_000)
    _reserve(brand, 400)

    with pytest.raises(KeyReused):
        _reserve(brand, 401)
    with pytest.raises(KeyReused):
        ledger.post_transfer(
            key="order-1",
            reason=Reason.CLOSE,
            moves=[Move(_funds(brand).pk, _unclaimed(brand).pk, 400)],
            at=NOON,
        )

    assert queries.balance_of(_funds(brand)) == 600


def test_funds_can_be_used_to_the_last_point_and_not_one_further() -> None:
    brand = make.brand(funds=1_000)

    with pytest.raises(InsufficientPoints):
        _reserve(brand, 1_001)
    assert queries.balance_of(_funds(brand)) == 1_000
    assert not Transfer.objects.filter(key="order-1").exists()

    _reserve(brand, 1_000)
    assert queries.balance_of(_funds(brand)) == 0


def test_a_credit_limit_lowers_the_floor() -> None:
    brand = make.brand()
    Account.objects.filter(pk=_funds(brand).pk).update(floor=-300)

    with pytest.raises(InsufficientPoints):
        _reserve(brand, 301)
    _reserve(brand, 300)
    assert queries.funds_of(brand) == 0


def test_a_transfer_of_many_moves_is_all_or_nothing() -> None:
    rich = make.brand(funds=100)
    poor = make.brand(program=rich.program)
    target = _unclaimed(rich)
    moves = [Move(_funds(rich).pk, target.pk, 50), Move(_funds(poor).pk, target.pk, 1)]

    with pytest.raises(InsufficientPoints):
        ledger.post_transfer(key="both", reason=Reason.APPROVE, moves=moves, at=NOON)

    assert queries.balance_of(_funds(rich)) == 100
    assert queries.balance_of(target) == 0


@pytest.mark.parametrize("points", [0, -1, MAX_POINTS + 1, 2**63, 1.5, True, "5"])
def test_points_that_are_no_whole_number_within_the_limits_are_refused(points: Any) -> None:
    brand = make.brand(funds=1_000)
    with pytest.raises(MoveRefused):
        _reserve(brand, points)


def test_impossible_moves_are_refused() -> None:
    brand, other = make.brand(funds=1_000), make.brand(funds=1_000)
    funds, wallet = _funds(brand), make.wallet(make.member(), brand.program)

    for moves in (
        [],
        [Move(funds.pk, funds.pk, 1)],
        [Move(funds.pk, 0, 1)],
        [Move(funds.pk, _funds(other).pk, 1)],  # another program
        [Move(funds.pk, wallet.pk, 1)],  # a wallet, without a lot
    ):
        with pytest.raises(MoveRefused):
            ledger.post_transfer(key="impossible", reason=Reason.APPROVE, moves=moves, at=NOON)
    assert not Transfer.objects.filter(pk=transfer_id_of("impossible")).exists()


def test_a_balance_can_be_asked_as_of_any_instant() -> None:
    brand = make.brand(funds=1_000)  # a day before NOON
    _reserve(brand, 400)

    assert queries.balance_at(_funds(brand), at=NOON - timedelta(days=2)) == 0
    assert queries.balance_at(_funds(brand), at=NOON - timedelta(microseconds=1)) == 1_000
    assert queries.balance_at(_funds(brand), at=NOON) == 600
    assert queries.balance_at(_unclaimed(brand), at=NOON) == 400


def test_a_grant_makes_a_lot_with_its_funder_and_end() -> None:
    wallet, brand = _grant(500)

    lot = Lot.objects.get(wallet=wallet)
    assert (lot.funder, lot.granted_points, lot.remaining_points) == (brand, 500, 500)
    assert queries.balance_of(wallet) == 500
    assert list(queries.open_lots(wallet)) == [lot]
    assert not list(audit.differences())


def test_a_grant_happens_once_per_key() -> None:
    wallet, brand = _grant(500)

    with pytest.raises(KeyReused), transaction.atomic():
        ledger.grant_claimed(
            key="claim:1",
            unclaimed_id=_unclaimed(brand).pk,
            wallet_id=wallet.pk,
            funder_id=brand.pk,
            points=500,
            expires_at=NOON + timedelta(days=180),
            at=NOON,
        )
    assert queries.balance_of(wallet) == 500


def _deposit(brand: Brand, points: int = 400, key: str = "1") -> Transfer:
    return ledger.deposit_funds(brand=brand, points=points, key=key, at=NOON)


def test_a_reversal_swaps_the_ends_and_names_its_original() -> None:
    brand = make.brand(funds=1_000)
    original = _deposit(brand)

    reversal = ledger.reverse_transfer(key="back", original_id=original.pk, at=NOON)

    assert (reversal.original, reversal.reason) == (original, Reason.REVERSE)
    assert queries.balance_of(_funds(brand)) == 1_000
    assert not list(audit.differences())


def test_reversals_may_come_in_parts_and_never_exceed_the_original() -> None:
    brand = make.brand(funds=1_000)
    original = _deposit(brand)
    ledger.reverse_transfer(key="first", original_id=original.pk, points=150, at=NOON)

    with pytest.raises(ReversalRefused):
        ledger.reverse_transfer(key="too much", original_id=original.pk, points=251, at=NOON)
    ledger.reverse_transfer(key="rest", original_id=original.pk, at=NOON)
    with pytest.raises(ReversalRefused):
        ledger.reverse_transfer(key="nothing left", original_id=original.pk, at=NOON)

    assert queries.balance_of(_funds(brand)) == 1_000
    assert not list(audit.differences())


def test_parts_of_a_reversal_follow_the_postings_in_their_order() -> None:
    brand = make.brand(funds=1_000)
    other = make.brand(funds=1_000, program=brand.program)
    one, two, world = _funds(brand), _funds(other), ledger.open_world(program=brand.program, at=NOON)
    moves = [Move(world.pk, one.pk, 100), Move(world.pk, two.pk, 200)]
    original = ledger.post_transfer(key="both", reason=Reason.DEPOSIT, moves=moves, at=NOON)

    ledger.reverse_transfer(key="a", original_id=original.pk, points=150, at=NOON)
    assert (queries.balance_of(one), queries.balance_of(two)) == (1_000, 1_150)
    ledger.reverse_transfer(key="b", original_id=original.pk, points=150, at=NOON)
    assert (queries.balance_of(one), queries.balance_of(two)) == (1_000, 1_000)
    assert not list(audit.differences())


def test_a_reversal_happens_once_per_key() -> None:
    brand = make.brand(funds=1_000)
    original, other = _deposit(brand), _deposit(brand, 100, key="2")

    first = ledger.reverse_transfer(key="back", original_id=original.pk, points=100, at=NOON)
    assert ledger.reverse_transfer(key="back", original_id=original.pk, points=100, at=NOON) == first
    for original_id, points in ((original.pk, 101), (other.pk, 100)):
        with pytest.raises(KeyReused):
            ledger.reverse_transfer(key="back", original_id=original_id, points=points, at=NOON)
    assert queries.balance_of(_funds(brand)) == 1_400


def test_a_reversal_and_what_never_was_cannot_be_reversed() -> None:
    brand = make.brand(funds=1_000)
    reversal = ledger.reverse_transfer(key="back", original_id=_deposit(brand).pk, at=NOON)

    for original_id in (reversal.pk, uuid.uuid4()):
        with pytest.raises(ReversalRefused):
            ledger.reverse_transfer(key="again", original_id=original_id, at=NOON)


def test_what_a_batch_reserved_follows_its_codes_and_cannot_be_taken_back_alone() -> None:
    batch = make.live_batch(size=2, face_points=500)
    giftcodes.close_batch(batch_id=batch.pk, at=batch.claim_until)

    for reason in (Reason.APPROVE, Reason.CLOSE):
        with pytest.raises(ReversalRefused):
            ledger.reverse_transfer(key="x", original_id=Transfer.objects.get(reason=reason).pk, at=NOON)
    assert queries.funds_of(batch.brand) == 1_000


def test_no_account_holds_more_than_the_limit() -> None:
    brand = make.brand(funds=1_000)
    with pytest.raises(LimitExceeded):
        _deposit(brand, MAX_POINTS)
    assert queries.balance_of(_funds(brand)) == 1_000
    _deposit(brand, MAX_POINTS - 1_000)
    assert queries.balance_of(_funds(brand)) == MAX_POINTS


def test_a_reversed_grant_leaves_the_lot_that_it_made() -> None:
    wallet, _brand = _grant(500)

    ledger.reverse_transfer(key="fraud", original_id=transfer_id_of("claim:1"), points=200, at=NOON)

    assert Lot.objects.get(wallet=wallet).remaining_points == 300
    assert queries.balance_of(wallet) == 300
    assert not list(audit.differences())


def test_a_grant_that_was_spent_cannot_be_reversed_below_zero() -> None:
    wallet, _brand = _grant(500)
    Lot.objects.filter(wallet=wallet).update(remaining_points=100)

    with pytest.raises(InsufficientPoints):
        ledger.reverse_transfer(key="fraud", original_id=transfer_id_of("claim:1"), points=101, at=NOON)
    assert not Transfer.objects.filter(key="fraud").exists()


@pytest.mark.parametrize(
    "spoil",
    [
        lambda wallet: Account.objects.filter(pk=wallet.pk).update(balance=-1),
        lambda wallet: Lot.objects.filter(wallet=wallet).update(remaining_points=-1),
        lambda wallet: Lot.objects.filter(wallet=wallet).update(remaining_points=501),
        lambda wallet: Posting.objects.create(
            transfer=Transfer.objects.get(key="claim:1"),
            source=wallet,
            target=wallet,
            points=1,
            posted_at=NOON,
        ),
        lambda wallet: Posting.objects.create(
            transfer=Transfer.objects.get(key="claim:1"), source=wallet, target_id=1, points=0, posted_at=NOON
        ),
        lambda wallet: Account.objects.create(
            program=wallet.program,
            kind="wallet",
            label="x",
            member=wallet.member,
            balance=0,
            floor=0,
            opened_at=NOON,
        ),
        lambda wallet: Account.objects.create(
            program=wallet.program, kind="world", label="w2", balance=1, opened_at=NOON
        ),
    ],
    ids=[
        "negative balance",
        "negative lot",
        "grown lot",
        "one end",
        "no points",
        "second wallet",
        "world with balance",
    ],
)
def test_the_database_itself_refuses_what_no_ledger_holds(spoil: Callable[[Account], object]) -> None:
    wallet, _brand = _grant(500)
    with pytest.raises(IntegrityError), transaction.atomic():
        spoil(wallet)


class AnySequence(TestCase):
    """Whatever is asked in whatever order: refusals change nothing, and the audit finds nothing."""

    @given(
        acts=st.lists(
            st.tuples(
                st.sampled_from(["deposit", "reserve", "reverse"]), st.integers(1, 60), st.integers(0, 3)
            ),
            max_size=12,
        )
    )
    def test_any_sequence_of_acts_keeps_the_books(self, acts: list[tuple[str, int, int]]) -> None:
        brand = make.brand(funds=100)
        for act, points, slot in acts:
            key = f"{brand.pk}:{slot}"
            try:
                if act == "deposit":
                    _deposit(brand, points, key)
                elif act == "reserve":
                    _reserve(brand, points, key)
                else:
                    original_id = transfer_id_of(f"deposit:{key}")
                    ledger.reverse_transfer(
                        key=f"{key}:{points}", original_id=original_id, points=points, at=NOON
                    )
            except (InsufficientPoints, KeyReused, ReversalRefused):
                pass
        held, unclaimed = queries.balance_of(_funds(brand)), queries.balance_of(_unclaimed(brand))
        world = queries.balance_of(ledger.open_world(program=brand.program, at=NOON))
        assert held >= 0
        assert held + unclaimed + world == 0
        assert world <= -100
        assert not list(audit.differences())
