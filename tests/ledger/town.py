"""A program with two brands and a member, and a week in which all happens that can, for these tests."""

from datetime import datetime, timedelta
from typing import Any

from ledger import services as ledger
from ledger.expiry import ExpiryPolicy
from parties.models import Brand, Program
from tests import make
from tests.make import NOON

DAY = timedelta(days=1)


class Town:
    """Two brands with a store each, and one wallet."""

    def __init__(self) -> None:
        self.program: Program = make.program(name="Town points", yen_per_point=2)
        self.bakery = make.brand(program=self.program, name="Bakery", funds=100_000)
        self.books = make.brand(program=self.program, name="Books", funds=100_000)
        self.shop = make.store(brand=self.books, name="Main shop")
        self.oven = make.store(brand=self.bakery, name="Oven")
        self.wallet = make.wallet(make.member(), self.program)

    def grant(self, brand: Brand, points: int, *, key: str, at: datetime = NOON, days: int = 10) -> Any:
        return ledger.grant_points(
            brand_id=brand.pk,
            wallet_id=self.wallet.pk,
            points=points,
            expires=ExpiryPolicy.after_days(days),
            key=key,
            at=at,
        )

    def spend(self, points: int, *, key: str, at: datetime, store: Any = None) -> Any:
        return ledger.spend_points(
            wallet_id=self.wallet.pk, store_id=(store or self.shop).pk, points=points, key=key, at=at
        )


def busy(town: Town) -> None:
    """Grants, spends, a hold with its capture, a reversal, two taken back, and points left to expire."""
    make.live_batch(brand=town.bakery, size=10, face_points=500)
    town.grant(town.bakery, 1_000, key="a", days=10)
    town.grant(town.books, 400, key="b", days=40)
    town.spend(250, key="lunch", at=NOON + DAY)
    hold = ledger.hold_points(
        wallet_id=town.wallet.pk,
        store_id=town.shop.pk,
        points=100,
        key="cart",
        expires_at=NOON + 5 * DAY,
        at=NOON + 2 * DAY,
    )
    ledger.capture_hold(hold_id=hold.pk, points=60, at=NOON + 3 * DAY)
    spent = town.spend(90, key="bread", at=NOON + 3 * DAY, store=town.oven)
    ledger.reverse_transfer(key="reverse:bread", original_id=spent.transfer_id, points=40, at=NOON + 4 * DAY)
    extra = town.grant(town.books, 77, key="extra", at=NOON + 4 * DAY)
    ledger.take_back(key="oops", original_id=extra.transfer_id, at=NOON + 5 * DAY)
    ledger.hold_points(
        wallet_id=town.wallet.pk,
        store_id=town.shop.pk,
        points=30,
        key="second cart",
        expires_at=NOON + 12 * DAY,
        at=NOON + 6 * DAY,
    )
