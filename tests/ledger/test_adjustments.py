"""Acts by hand: asked for by one person, confirmed by another one, and then exactly what was asked for."""

import uuid
from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import pytest
from django.db import DatabaseError, connection, transaction

from ledger import audit, queries
from ledger import services as ledger
from ledger.errors import AdjustmentRefused, InsufficientPoints
from ledger.expiry import ExpiryPolicy
from ledger.fingerprints import fingerprint_of
from ledger.models import Account, Adjustment, AdjustmentState, Lot, Receivable, Transfer, UseKind
from ledger.services import CorrectionAsked, GrantAsked, TakeBackAsked
from parties.access import member_of
from parties.errors import NotReachable
from parties.models import Brand, Role, User
from tests import make
from tests.ledger.coalition import coalition
from tests.make import NOON
from tests.tampering import past_the_guards

pytestmark = pytest.mark.django_db
HALF_A_YEAR = ExpiryPolicy.after_days(180)


@pytest.fixture
def brand() -> Brand:
    return make.brand(funds=1_000)


@pytest.fixture
def wallet(brand: Brand) -> Account:
    return make.wallet(make.member(), brand.program)


@pytest.fixture
def support(brand: Brand) -> User:
    return make.staff(Role.SUPPORT, brand)


@pytest.fixture
def finance(brand: Brand) -> User:
    return make.staff(Role.FINANCE, brand)


def _grant(wallet: Account, points: Any = 400, expires: ExpiryPolicy = HALF_A_YEAR) -> GrantAsked:
    return GrantAsked(wallet.pk, points, expires)


def _request(brand: Brand, asked: ledger.Asked, user: User, **changes: Any) -> Adjustment:
    fields = dict[str, Any](public_id=uuid.uuid4(), reason="the register was down", at=NOON) | changes
    return ledger.request_adjustment(brand_id=brand.pk, asked=asked, user=user, **fields)


def _confirm(adjustment: Adjustment, user: User, **changes: Any) -> Adjustment:
    fields: dict[str, Any] = {"fingerprint": adjustment.fingerprint, "at": NOON} | changes
    fields.setdefault("verified_at", fields["at"])
    return ledger.confirm_adjustment(adjustment_id=adjustment.pk, user=user, **fields)


def _reject(adjustment: Adjustment, user: User) -> Adjustment:
    return ledger.reject_adjustment(adjustment_id=adjustment.pk, user=user, at=NOON)


def _refused(act: Callable[..., object], *values: object, **changes: object) -> str:
    with pytest.raises(AdjustmentRefused) as refusal:
        act(*values, **changes)
    return refusal.value.rule


def test_nothing_moves_before_another_person_confirms(
    brand: Brand, wallet: Account, support: User, finance: User
) -> None:
    asked = _request(brand, _grant(wallet), support)
    assert (asked.state, asked.requested_by, asked.decided_by) == (AdjustmentState.REQUESTED, support, None)
    assert queries.balance_of(wallet) == 0

    confirmed = _confirm(asked, finance, at=NOON + timedelta(hours=1))

    assert (confirmed.state, confirmed.decided_by) == (AdjustmentState.CONFIRMED, finance)
    assert confirmed.decided_at == NOON + timedelta(hours=1)
    assert (queries.balance_of(wallet), queries.funds_of(brand)) == (400, 600)
    lot = Lot.objects.get()
    assert (lot.funder, lot.expires_at) == (brand, HALF_A_YEAR.end(NOON))
    assert lot.transfer.key == f"grant:adjust:{asked.public_id.hex}"
    assert not list(audit.differences())


def test_sending_the_form_twice_asks_once(brand: Brand, wallet: Account, support: User) -> None:
    number = uuid.uuid4()
    first = _request(brand, _grant(wallet), support, public_id=number)

    assert _request(brand, _grant(wallet), support, public_id=number) == first
    another = make.staff(Role.FINANCE, brand)
    assert _refused(_request, brand, _grant(wallet, 401), support, public_id=number) == "number"
    assert _refused(_request, brand, _grant(wallet), another, public_id=number) == "number"
    assert _refused(_request, brand, _grant(wallet), support, public_id=number, reason="x") == "number"
    assert Adjustment.objects.count() == 1


def test_whoever_asked_cannot_confirm_or_reject(brand: Brand, wallet: Account, finance: User) -> None:
    asked = _request(brand, _grant(wallet), finance)

    assert _refused(_confirm, asked, finance) == "own_act"
    assert _refused(_reject, asked, finance) == "own_act"
    assert queries.balance_of(wallet) == 0


def test_only_finance_and_support_ask_and_only_finance_decides(
    brand: Brand, wallet: Account, support: User, finance: User
) -> None:
    elsewhere = make.brand(program=brand.program)
    for person in (
        make.staff(Role.MARKETER, brand),
        make.staff(Role.AUDITOR, brand),
        make.staff(Role.FINANCE, elsewhere),
        make.user(),
        make.user(is_staff=True, is_superuser=True),
    ):
        with pytest.raises(NotReachable):
            _request(brand, _grant(wallet), person)

    asked = _request(brand, _grant(wallet), support)
    for person in (
        make.staff(Role.SUPPORT, brand),
        make.staff(Role.APPROVER, brand),
        make.staff(Role.FINANCE, elsewhere),
        make.user(is_staff=True, is_superuser=True),
    ):
        with pytest.raises(NotReachable):
            _confirm(asked, person)
        with pytest.raises(NotReachable):
            _reject(asked, person)
    _confirm(asked, make.staff(Role.FINANCE, None))  # the operator's
    assert queries.balance_of(wallet) == 400


def test_nobody_asks_for_or_confirms_points_for_themselves(
    brand: Brand, support: User, finance: User
) -> None:
    own = make.wallet(member_of(finance), brand.program)
    assert _refused(_request, brand, _grant(own), finance) == "own_wallet"
    asked = _request(brand, _grant(own), support)
    assert _refused(_confirm, asked, finance) == "own_wallet"
    assert queries.balance_of(own) == 0


def test_nobody_asks_for_or_confirms_that_what_they_spent_comes_back(
    brand: Brand, support: User, finance: User
) -> None:
    own, store = make.wallet(member_of(finance), brand.program), make.store(brand=brand)
    make.lot(own, 100, funder=brand)
    spent = ledger.spend_points(wallet_id=own.pk, store_id=store.pk, points=60, key="lunch", at=NOON)

    assert _refused(_request, brand, TakeBackAsked(spent.transfer_id, 10), finance) == "own_wallet"
    asked = _request(brand, TakeBackAsked(spent.transfer_id, 10), support)
    assert _refused(_confirm, asked, finance) == "own_wallet"

    assert queries.balance_of(own) == 40


def test_what_was_decided_stays_decided(brand: Brand, wallet: Account, support: User, finance: User) -> None:
    granted, rejected = (_request(brand, _grant(wallet), support) for _ in range(2))
    _confirm(granted, finance)
    _reject(rejected, finance)

    for asked in (granted, rejected):
        assert _refused(_confirm, asked, finance) == "not_open"
        assert _refused(_reject, asked, finance) == "not_open"
    assert queries.balance_of(wallet) == 400
    assert Adjustment.objects.get(pk=rejected.pk).state == AdjustmentState.REJECTED
    assert not list(audit.differences())


def test_only_what_was_seen_is_confirmed(brand: Brand, wallet: Account, support: User, finance: User) -> None:
    asked, other = (_request(brand, _grant(wallet), support) for _ in range(2))

    for seen in ("", other.fingerprint, asked.fingerprint.upper(), "ポ"):
        assert _refused(_confirm, asked, finance, fingerprint=seen) == "changed"
    past_the_guards(f"UPDATE ledger_adjustment SET points = 999 WHERE id = {asked.pk}")
    asked.refresh_from_db()
    for seen in (asked.fingerprint, fingerprint_of(asked)):
        assert _refused(_confirm, asked, finance, fingerprint=seen) == "changed"
    assert queries.balance_of(wallet) == 0


def test_the_fingerprint_covers_all_that_was_asked_for(brand: Brand, wallet: Account, support: User) -> None:
    first = _request(brand, _grant(wallet), support)
    frozen = {
        "acceptor_id": 7,
        "brand_id": 7,
        "expiry_policy": "days:1",
        "kind": "correct",
        "original_id": uuid.uuid4(),
        "points": 7,
        "public_id": uuid.uuid4(),
        "reason": "another",
        "requested_by_id": 7,
        "settlement_id": 7,
        "store_id": 7,
        "wallet_id": 7,
    }
    prints = {fingerprint_of(first)}
    for name, value in frozen.items():
        changed = Adjustment.objects.get(pk=first.pk)
        setattr(changed, name, value)
        prints.add(fingerprint_of(changed))
    assert len(prints) == 1 + len(frozen)
    kept = {field.attname for field in Adjustment._meta.concrete_fields}
    told_otherwise = {"id", "fingerprint", "state", "requested_at", "decided_by_id", "decided_at"}
    assert kept == frozen.keys() | told_otherwise


def test_what_the_funds_cannot_pay_still_waits(
    brand: Brand, wallet: Account, support: User, finance: User
) -> None:
    asked = _request(brand, _grant(wallet, 1_001), support)

    with pytest.raises(InsufficientPoints):
        _confirm(asked, finance)

    asked.refresh_from_db()
    assert (asked.state, asked.decided_by) == (AdjustmentState.REQUESTED, None)
    assert (queries.balance_of(wallet), queries.funds_of(brand)) == (0, 1_000)
    make.deposit(brand, 1)
    _confirm(asked, finance)
    assert queries.balance_of(wallet) == 1_001
    assert not list(audit.differences())


def test_odd_grants_are_refused_when_they_are_asked_for(brand: Brand, wallet: Account, support: User) -> None:
    elsewhere = make.wallet(make.member(), make.program())
    funds = ledger.open_funds(brand=brand, at=NOON)
    asked = {
        "points": [_grant(wallet, points) for points in (0, -1, 10**12 + 1, True, 1.5, None)],
        "wallet": [_grant(elsewhere), _grant(funds), GrantAsked(0, 1, HALF_A_YEAR)],
        "expiry": [_grant(wallet, expires=ExpiryPolicy.on_date(date(2026, 11, 1)))],
    }
    for rule, requests in asked.items():
        for request in requests:
            assert _refused(_request, brand, request, support) == rule
    assert _refused(_request, brand, _grant(wallet), support, reason=" \n") == "no_reason"
    assert _refused(_request, brand, _grant(wallet), support, reason="x" * 201) == "long_reason"
    assert not Adjustment.objects.exists()


def test_a_claim_or_grant_is_taken_back_with_its_receivable(
    brand: Brand, wallet: Account, support: User, finance: User
) -> None:
    lot, store = make.lot(wallet, 100, funder=brand), make.store(brand=brand)
    ledger.spend_points(wallet_id=wallet.pk, store_id=store.pk, points=30, key="1", at=NOON)

    _confirm(_request(brand, TakeBackAsked(lot.transfer_id, None), support), finance)

    assert (queries.balance_of(wallet), Receivable.objects.get().points) == (0, 30)
    assert not list(audit.differences())


def test_a_part_of_a_grant_and_of_a_spend_is_taken_back(
    brand: Brand, wallet: Account, support: User, finance: User
) -> None:
    lot, store = make.lot(wallet, 100, funder=brand), make.store(brand=brand)
    spent = ledger.spend_points(wallet_id=wallet.pk, store_id=store.pk, points=60, key="1", at=NOON)

    _confirm(_request(brand, TakeBackAsked(lot.transfer_id, 15), support), finance)
    assert queries.balance_of(wallet) == 25
    _confirm(_request(brand, TakeBackAsked(spent.transfer_id, 20), support), finance)
    assert queries.balance_of(wallet) == 45
    _confirm(_request(brand, TakeBackAsked(spent.transfer_id, None), support), finance)

    assert queries.balance_of(wallet) == 85
    assert Lot.objects.get().uses.filter(kind=UseKind.WITHDRAWAL).get().points == 15
    assert not list(audit.differences())


def test_only_what_is_the_brands_own_can_be_taken_back(brand: Brand, wallet: Account, support: User) -> None:
    other = make.brand(funds=100, program=brand.program)
    foreign, store = make.lot(wallet, 100, funder=other), make.store(brand=other)
    spent = ledger.spend_points(wallet_id=wallet.pk, store_id=store.pk, points=10, key="1", at=NOON)
    deposit = Transfer.objects.filter(reason="deposit").earliest("posted_at")

    for original_id in (foreign.transfer_id, spent.transfer_id, deposit.pk, uuid.uuid4()):
        asked = TakeBackAsked(original_id, None)
        assert _refused(_request, brand, asked, support) == "original"
    for points in (0, -1, 10**12 + 1):
        asked = TakeBackAsked(make.lot(wallet, 1, funder=brand).transfer_id, points)
        assert _refused(_request, brand, asked, support) == "points"


def test_an_odd_correction_is_refused_when_it_is_asked_for(brand: Brand, support: User) -> None:
    asked = CorrectionAsked(settlement_id=0, acceptor_id=brand.pk, store_id=None, points=1)

    assert _refused(_request, brand, asked, support) == "settlement"
    assert _refused(_request, brand, asked._replace(points=0), support) == "points"


def test_a_correction_concerns_two_brands_and_is_decided_by_finance_of_both() -> None:
    shops = coalition()
    closed = shops.settle()
    at = closed.ends_at + timedelta(days=3)
    asked = CorrectionAsked(closed.pk, shops.books.pk, shops.main_street.pk, -40)
    correction = _request(shops.cafe, asked, make.staff(Role.SUPPORT, shops.cafe), at=at)

    for brand in (shops.cafe, shops.books):
        with pytest.raises(NotReachable):
            _confirm(correction, make.staff(Role.FINANCE, brand), at=at)
    _confirm(correction, shops.first, at=at)

    assert queries.balance_of(ledger.open_accepted(brand=shops.books, at=at)) == -40
    assert queries.balance_of(ledger.open_cleared(brand=shops.cafe, at=at)) == 40
    assert not list(audit.differences())


@pytest.mark.postgresql
def test_postgresql_keeps_what_was_asked_for_and_decided(
    brand: Brand, wallet: Account, support: User, finance: User
) -> None:
    _confirm(_request(brand, _grant(wallet), support), finance)
    for change in (
        "points = 7",
        "reason = 'x'",
        "state = 'requested', decided_by_id = NULL, decided_at = NULL",
    ):
        refused = pytest.raises(DatabaseError, match="append-only")
        with connection.cursor() as cursor, refused, transaction.atomic():
            cursor.execute(f"UPDATE ledger_adjustment SET {change}")
