"""Brands of one program that accept each other's points, for tests of settlement."""

import itertools
import uuid
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from ledger import queries
from ledger import services as ledger
from ledger.expiry import JAPAN
from ledger.models import Adjustment, Settlement
from parties.models import Brand, Program, Role, Store, User
from tests import make

OCTOBER_ENDS = datetime(2026, 11, 1, tzinfo=JAPAN)
NOVEMBER_ENDS = datetime(2026, 12, 1, tzinfo=JAPAN)
_keys = itertools.count(1)


def october(day: int, hour: int = 12) -> datetime:
    return datetime(2026, 10, day, hour, tzinfo=JAPAN)


def november(day: int, hour: int = 12) -> datetime:
    return datetime(2026, 11, day, hour, tzinfo=JAPAN)


@dataclass(kw_only=True)
class Coalition:
    """A cafe, a bookshop and a drugstore, and two people of the operator's finance."""

    program: Program
    cafe: Brand
    books: Brand
    drugs: Brand
    station: Store  # of the cafe
    park: Store  # of the cafe
    main_street: Store  # of the bookshop
    harbour: Store  # of the drugstore
    first: User
    second: User
    dated: datetime = field(default_factory=lambda: october(1))

    def spend(self, funder: Brand, store: Store, points: int, *, at: datetime) -> ledger.Spent:
        """Points of one funder, spent in the store by a member of their own."""
        wallet = make.wallet(make.member(), self.program)
        make.lot(wallet, points, funder=funder, at=self.dated)
        key = f"purchase-{next(_keys)}"
        return ledger.spend_points(wallet_id=wallet.pk, store_id=store.pk, points=points, key=key, at=at)

    def prepare(self, ends_at: datetime = OCTOBER_ENDS, *, at: datetime | None = None) -> Settlement:
        return ledger.prepare_settlement(
            program_id=self.program.pk, ends_at=ends_at, user=self.first, at=at or ends_at + timedelta(days=1)
        )

    def close(self, settlement: Settlement, *, at: datetime | None = None) -> Settlement:
        return ledger.close_settlement(
            settlement_id=settlement.pk,
            user=self.second,
            sha256=settlement.sha256,
            verified_at=at or settlement.ends_at + timedelta(days=2),
            at=at or settlement.ends_at + timedelta(days=2),
        )

    def correct(
        self, settlement: Settlement, points: int, *, store: Store | None, at: datetime
    ) -> Adjustment:
        """So many points more from the cafe to the bookshop than a closed statement says, by two people."""
        asked = ledger.request_adjustment(
            public_id=uuid.uuid4(),
            brand_id=self.cafe.pk,
            asked=ledger.CorrectionAsked(
                settlement.pk, self.books.pk, None if store is None else store.pk, points
            ),
            reason="sold twice at the till",
            user=self.first,
            at=at,
        )
        return ledger.confirm_adjustment(
            adjustment_id=asked.pk, user=self.second, fingerprint=asked.fingerprint, verified_at=at, at=at
        )

    def settle(self, ends_at: datetime = OCTOBER_ENDS) -> Settlement:
        return self.close(self.prepare(ends_at))


def coalition(*, funds: int = 1_000_000, yen_per_point: int = 1) -> Coalition:
    """The three brands, with so many points in the funds of each."""
    program = make.program(slug=f"coalition-{next(_keys)}", name="まちポイント", yen_per_point=yen_per_point)
    number = next(_keys)

    def brand(slug: str, name: str, legal_name: str) -> Brand:
        return make.brand(
            program=program, slug=f"{slug}-{number}", name=name, legal_name=legal_name, funds=funds
        )

    cafe = brand("cafe", "みどりカフェ", "みどり珈琲株式会社")
    books = brand("books", "ふくろう書店", "")
    drugs = brand("drugs", "みなと薬局", "みなと薬局")
    for row in (cafe, books, drugs):
        ledger.open_accepted(brand=row, at=october(1))
    return Coalition(
        program=program,
        cafe=cafe,
        books=books,
        drugs=drugs,
        station=make.store(brand=cafe, code="c-01", name="駅前店"),
        park=make.store(brand=cafe, code="c-02", name="公園店"),
        main_street=make.store(brand=books, code="b-01", name="本町店"),
        harbour=make.store(brand=drugs, code="d-01", name="港店"),
        first=make.staff(Role.FINANCE, None),
        second=make.staff(Role.FINANCE, None),
    )


def lines_of(settlement: Settlement) -> dict[tuple[str, str, str], tuple[int, int, int]]:
    """Uses, points and yen by the first letters of funder and acceptor, and the store code."""
    return {
        (line.funder_name[:3], line.acceptor_name[:3], line.store_code): (line.uses, line.points, line.yen)
        for line in settlement.lines.all()
    }


def balances_of(*brands: Brand) -> list[tuple[int, int]]:
    """What each brand has accepted and is not settled, and what it has cleared."""
    return [
        (
            queries.balance_of(ledger.open_accepted(brand=brand, at=october(1))),
            queries.balance_of(ledger.open_cleared(brand=brand, at=october(1))),
        )
        for brand in brands
    ]
