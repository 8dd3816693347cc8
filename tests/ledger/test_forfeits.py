"""A member gives up what is left: all of it, at once, once, and never while a purchase is under way."""

from datetime import date, timedelta
from fractions import Fraction
from functools import partial

import pytest

from ledger import audit, queries, reports
from ledger import services as ledger
from ledger.errors import InsufficientPoints, KeyReused, MoveRefused, PointsHeld, ReversalRefused
from ledger.models import Hold, HoldState, Lot, LotUse, Reason, Transfer
from parties.models import Brand
from tests import make
from tests.ledger.town import DAY
from tests.make import NOON

pytestmark = pytest.mark.django_db
SOON = NOON + DAY


def breakage(brand: Brand) -> int:
    return queries.balance_of(ledger.open_breakage(brand=brand, at=NOON))


def test_what_is_left_becomes_breakage_of_each_funder_in_one_transfer() -> None:
    funder = make.brand(funds=1_000)
    other = make.brand(funds=1_000, program=funder.program)
    wallet, store = make.rich_wallet((100, 10), (200, 20), funder=funder)
    make.lot(wallet, 400, funder=other, days=15)
    ledger.spend_points(wallet_id=wallet.pk, store_id=store.pk, points=30, key="1", at=NOON)

    given_up = ledger.forfeit_points(wallet_id=wallet.pk, key="leave", at=SOON)

    assert (given_up.points, given_up.is_repeat) == (670, False)
    assert (queries.balance_of(wallet), breakage(funder), breakage(other)) == (0, 270, 400)
    assert not queries.open_lots(wallet).exists()
    transfer = Transfer.objects.get(key="forfeit:leave")
    assert (transfer.pk, transfer.reason, transfer.posted_at) == (
        given_up.transfer_id,
        Reason.FORFEIT,
        SOON,
    )
    uses = LotUse.objects.filter(transfer=transfer).order_by("pk")
    assert [(use.kind, use.points, use.acceptor) for use in uses] == [
        ("forfeit", 70, None),
        ("forfeit", 400, None),
        ("forfeit", 200, None),
    ]
    assert not list(audit.differences())


def test_a_repeat_gives_the_first_result_and_takes_nothing_that_came_since() -> None:
    wallet, _store = make.rich_wallet((100, 10))
    give_up = partial(ledger.forfeit_points, wallet_id=wallet.pk, key="leave")
    first = give_up(at=SOON)
    make.lot(wallet, 50, funder=make.brand(funds=50, program=wallet.program))

    assert give_up(at=SOON + DAY) == first._replace(is_repeat=True)
    assert queries.balance_of(wallet) == 50

    other, _store = make.rich_wallet((10, 10))
    with pytest.raises(KeyReused):
        ledger.forfeit_points(wallet_id=other.pk, key="leave", at=SOON)
    assert queries.balance_of(other) == 10


def test_an_empty_wallet_has_nothing_to_give_up_and_no_wallet_is_refused() -> None:
    wallet = make.wallet(make.member(), make.program())
    assert ledger.forfeit_points(wallet_id=wallet.pk, key="a", at=NOON) == (None, 0, False)
    assert not Transfer.objects.exists()
    for wallet_id, key in [(0, "a"), (wallet.pk, ""), (wallet.pk, "two\nlines"), (wallet.pk, "x" * 113)]:
        with pytest.raises(MoveRefused):
            ledger.forfeit_points(wallet_id=wallet_id, key=key, at=NOON)


def test_held_points_refuse_it_until_the_hold_has_ended() -> None:
    wallet, store = make.rich_wallet((100, 10))
    until = NOON + timedelta(hours=1)
    hold = ledger.hold_points(
        wallet_id=wallet.pk, store_id=store.pk, points=30, key="cart", expires_at=until, at=NOON
    )
    give_up = partial(ledger.forfeit_points, wallet_id=wallet.pk, key="leave")

    with pytest.raises(PointsHeld):
        give_up(at=until - timedelta(microseconds=1))
    assert queries.balance_of(wallet) == 70

    # From its end on it has ended, whether or not beat has come by.
    assert give_up(at=until).points == 100
    assert Hold.objects.get(pk=hold.pk).state == HoldState.EXPIRED
    assert not list(audit.differences())


def test_a_lot_that_has_ended_expires_and_is_not_given_up() -> None:
    wallet, _store = make.rich_wallet((100, 10), (200, 20))
    end = Lot.objects.earliest("expires_at").expires_at

    assert ledger.forfeit_points(wallet_id=wallet.pk, key="leave", at=end).points == 200

    kinds = LotUse.objects.order_by("pk").values_list("kind", "points")
    assert list(kinds) == [("expiry", 100), ("forfeit", 200)]
    assert ledger.expire_lots(at=end) == 0
    assert not list(audit.differences())


def test_a_lot_can_be_given_up_just_before_its_end() -> None:
    wallet, _store = make.rich_wallet((100, 10))
    at = Lot.objects.get().expires_at - timedelta(microseconds=1)
    assert ledger.forfeit_points(wallet_id=wallet.pk, key="leave", at=at).points == 100
    assert not list(audit.differences())


def test_points_that_come_back_later_stay_until_their_own_end() -> None:
    wallet, store = make.rich_wallet((100, 10))
    spent = ledger.spend_points(wallet_id=wallet.pk, store_id=store.pk, points=40, key="1", at=NOON)
    ledger.forfeit_points(wallet_id=wallet.pk, key="leave", at=SOON)

    ledger.reverse_transfer(key="refund", original_id=spent.transfer_id, at=SOON + DAY)

    assert queries.balance_of(wallet) == 40
    lot = Lot.objects.get()
    assert ledger.expire_lots(at=lot.expires_at) == 1
    assert (queries.balance_of(wallet), breakage(lot.funder)) == (0, 100)
    assert not list(audit.differences())


def test_what_was_given_up_can_be_taken_back_no_more_and_is_owed_by_nobody() -> None:
    wallet, store = make.rich_wallet((100, 10))
    grant = Lot.objects.get().transfer_id
    ledger.spend_points(wallet_id=wallet.pk, store_id=store.pk, points=40, key="1", at=NOON)
    ledger.forfeit_points(wallet_id=wallet.pk, key="leave", at=SOON)

    with pytest.raises(InsufficientPoints):
        ledger.reverse_transfer(key="some", original_id=grant, points=1, at=SOON)
    taken = ledger.take_back(key="all", original_id=grant, at=SOON)
    assert (taken.points, taken.receivable_points) == (0, 40)  # what was spent, not what was given up
    assert not list(audit.differences())

    unspent, _store = make.rich_wallet((7, 10))
    ledger.forfeit_points(wallet_id=unspent.pk, key="leave too", at=SOON)
    with pytest.raises(ReversalRefused):
        ledger.take_back(key="none", original_id=Lot.objects.latest("pk").transfer_id, at=SOON)


def test_reports_tell_points_given_up_from_expired_ones() -> None:
    wallet, store = make.rich_wallet((100, 10), (300, 60))
    program, funder = wallet.program, store.brand
    ledger.spend_points(wallet_id=wallet.pk, store_id=store.pk, points=40, key="1", at=NOON)
    before = reports.liability(program, at=SOON)
    at = Lot.objects.earliest("expires_at").expires_at
    ledger.forfeit_points(wallet_id=wallet.pk, key="leave", at=at + DAY)
    later = at + 2 * DAY

    (cohort,) = reports.expected_breakage(program, at=later)[0].cohorts
    assert (cohort.spent_points, cohort.expired_points, cohort.forfeited_points) == (40, 60, 300)
    assert (cohort.remaining_points, cohort.unused_points) == (0, 360)
    assert sum(cohort[2:7]) == cohort.granted_points
    # Both in November: the one by its end, the other when it was given up, though it would have ended later.
    realised = reports.realised_breakage(program, at=later)
    assert realised == [(funder, date(2026, 11, 1), 360)]
    assert sum(line.points for line in realised) == breakage(funder)
    (owed,) = reports.liability(program, at=later).funders
    assert (owed.wallet_points, owed.overdue_points, owed.points) == (0, 0, 0)
    assert reports.liability(program, at=SOON) == before  # the past stays as it was


def test_points_that_somebody_gave_up_are_not_expected_to_expire_once_more() -> None:
    funder = make.brand(funds=10_000)
    past, _store = make.rich_wallet((100, 1), funder=funder)
    _wallet, store = make.rich_wallet((400, 90), funder=funder)
    ledger.spend_points(wallet_id=past.pk, store_id=store.pk, points=50, key="half", at=NOON)
    december = NOON + 35 * DAY
    stays, _store = make.rich_wallet((1, 90), funder=funder)
    make.lot(stays, 600, funder=funder, days=90, at=december)
    leaves, _store = make.rich_wallet((1, 90), funder=funder)
    make.lot(leaves, 200, funder=funder, days=90, at=december)
    ledger.forfeit_points(wallet_id=leaves.pk, key="leave", at=december + DAY)

    (estimate,) = reports.expected_breakage(funder.program, at=december + 2 * DAY)

    assert estimate.rate is None  # November's are not over
    (_, cohort) = estimate.cohorts
    assert (cohort.granted_points, cohort.forfeited_points, cohort.remaining_points) == (800, 200, 600)
    assert cohort.expected_points(Fraction(1, 2)) == 200  # half of 800, of which 200 were given up
