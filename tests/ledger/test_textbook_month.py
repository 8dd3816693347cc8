"""Two months of three brands, worked by hand in `ledger/README.md` and checked here to the yen.

A cafe, a bookshop and a drugstore; two members. One point is one yen. Every figure below stands in the tables
of the README, step by step.
"""

from datetime import datetime, timedelta

import pytest

from giftcodes import services as giftcodes
from giftcodes.models import Batch
from ledger import audit, queries
from ledger import services as ledger
from ledger.expiry import ExpiryPolicy
from ledger.files.content import Content, frozen_content
from ledger.models import Account, Posting, Settlement
from parties.models import Brand, Member, Store
from tests import make
from tests.ledger.coalition import NOVEMBER_ENDS, OCTOBER_ENDS, Coalition, coalition, november, october

pytestmark = pytest.mark.django_db


class Story:
    """What happened, one step after another, and what every account holds after it."""

    def __init__(self) -> None:
        self.shops: Coalition = coalition(funds=0)
        self.hana, self.ken = make.member(), make.member()
        self.steps = 0

    def deposit(self, points: tuple[int, int, int]) -> None:
        for brand, amount in zip(self._brands, points, strict=True):
            ledger.deposit_funds(brand=brand, points=amount, key=f"in-{brand.pk}", at=october(1))

    def order(self, *, size: int, lot_life_days: int) -> Batch:
        return make.live_batch(
            brand=self.shops.cafe,
            size=size,
            face_points=500,
            lot_life_days=lot_life_days,
            claim_from=october(2),
            claim_until=OCTOBER_ENDS,
            approved_at=october(2),
        )

    def claim(self, batch: Batch, member: Member, at: datetime) -> None:
        giftcodes.claim_code(text=make.code_of(batch), member=member, at=at)

    def earn(self, member: Member, brand_name: str, points: int, *, until: datetime, at: datetime) -> None:
        last_day = (until - timedelta(days=1)).date()
        self.steps += 1
        ledger.grant_points(
            brand_id=getattr(self.shops, brand_name).pk,
            wallet_id=self.wallet(member).pk,
            points=points,
            expires=ExpiryPolicy.on_date(last_day),
            key=f"receipt-{self.steps}",
            at=at,
        )

    def spend(self, member: Member, store: Store, points: int, at: datetime) -> ledger.Spent:
        self.steps += 1
        return ledger.spend_points(
            wallet_id=self.wallet(member).pk,
            store_id=store.pk,
            points=points,
            key=f"till-{self.steps}",
            at=at,
        )

    def wallet(self, member: Member) -> Account:
        return ledger.open_wallet(member=member, program=self.shops.program, at=october(1))

    @property
    def _brands(self) -> tuple[Brand, Brand, Brand]:
        return self.shops.cafe, self.shops.books, self.shops.drugs

    def accepted(self) -> tuple[int, ...]:
        """Accepted and not settled: of the cafe, the bookshop, the drugstore."""
        return tuple(
            queries.balance_of(ledger.open_accepted(brand=brand, at=october(1))) for brand in self._brands
        )

    def wallets(self) -> tuple[int, int]:
        """Of Hana, of Ken."""
        return queries.balance_of(self.wallet(self.hana)), queries.balance_of(self.wallet(self.ken))

    def trial_balance(self) -> dict[str, tuple[int, ...]]:
        """Points of every kind of account: one figure, or one each of cafe, bookshop and drugstore."""
        accounts = {
            "funds": ledger.open_funds,
            "accepted": ledger.open_accepted,
            "cleared": ledger.open_cleared,
            "breakage": ledger.open_breakage,
        }
        balances = {
            kind: tuple(queries.balance_of(account(brand=brand, at=october(1))) for brand in self._brands)
            for kind, account in accounts.items()
        }
        unclaimed = Account.objects.filter(program=self.shops.program, kind="unclaimed")
        return balances | {
            "world": (queries.balance_of(ledger.open_world(program=self.shops.program, at=october(1))),),
            "unclaimed": (sum(queries.balance_of(account) for account in unclaimed),),
            "wallets": self.wallets(),
        }


def _pairs(content: Content) -> dict[tuple[str, str], tuple[int, int, int]]:
    name = {slug: slug.split("-")[0] for slug in content.names}
    return {
        (name[pair.funder], name[pair.acceptor]): (pair.points, pair.earlier_points, pair.yen)
        for pair in content.pairs
    }


def _dues(content: Content) -> set[tuple[str, str, int]]:
    return {(due.debtor.split("-")[0], due.creditor.split("-")[0], due.yen) for due in content.dues}


def _positions(content: Content) -> dict[str, tuple[int, int, int]]:
    return {slug.split("-")[0]: (*position, position.net) for slug, position in content.positions.items()}


def _october() -> tuple[Story, Settlement]:
    """Steps 1 to 12."""
    story = Story()
    shops, hana, ken = story.shops, story.hana, story.ken
    # 1, 2: deposits, and two orders of codes, which reserve their points.
    story.deposit((10_000, 8_000, 5_000))
    long, short = story.order(size=4, lot_life_days=180), story.order(size=2, lot_life_days=17)
    assert story.trial_balance()["funds"] == (7_000, 8_000, 5_000)
    assert story.trial_balance()["unclaimed"] == (3_000,)
    # 3, 4: each member claims a code; Ken's points last through October 20.
    story.claim(long, hana, october(3))
    story.claim(short, ken, october(3))
    # 5: points for purchases.
    story.earn(hana, "books", 300, until=NOVEMBER_ENDS, at=october(5))
    story.earn(ken, "drugs", 200, until=NOVEMBER_ENDS, at=october(5))
    assert story.wallets() == (800, 700)
    # 6: two funders in one spend, soonest to expire first: 300 of the bookshop, 400 of the cafe.
    bought = story.spend(hana, shops.harbour, 700, october(6))
    assert [taken.points for taken in bought.taken] == [300, 400]
    assert (story.accepted(), story.wallets()) == ((0, 0, 700), (100, 700))
    # 7, 8: points of the cafe, in another's shop and in its own.
    story.spend(ken, shops.main_street, 150, october(8))
    story.spend(ken, shops.station, 100, october(10))
    assert (story.accepted(), story.wallets()) == ((100, 150, 700), (100, 450))
    # 9: 200 of the 700 are taken back: what would have lasted longest comes back first.
    ledger.reverse_transfer(key="till-returned", original_id=bought.transfer_id, points=200, at=october(12))
    assert (story.accepted(), story.wallets()) == ((100, 150, 500), (300, 450))
    # 10: what is left of Ken's code expires.
    assert ledger.expire_lots(at=october(21)) == 1
    assert (story.wallets(), story.trial_balance()["breakage"]) == ((300, 200), (250, 0, 0))
    # 11: points of the drugstore in the cafe.
    story.spend(ken, shops.park, 120, october(25))
    assert (story.accepted(), story.wallets()) == ((220, 150, 500), (300, 80))
    assert not list(audit.differences())
    # 12: the statement of October.
    return story, shops.prepare(at=november(2))


def _november(story: Story, october_statement: Settlement) -> Settlement:
    """Steps 13 to 16, after the statement of October was prepared."""
    shops = story.shops
    # 13: a till that had been offline sends a purchase of October 30.
    story.spend(story.hana, shops.harbour, 80, october(30))
    shops.close(october_statement, at=november(4))
    # 14: the bookshop agrees that 50 were too many.
    shops.correct(october_statement, -50, store=shops.main_street, at=november(6))
    # 15: an ordinary purchase.
    story.spend(story.hana, shops.main_street, 200, november(10))
    assert (story.accepted(), story.wallets()) == ((0, 150, 80), (20, 80))
    # 16: the statement of November.
    return shops.settle(NOVEMBER_ENDS)


def test_october_is_counted_by_funder_and_acceptor() -> None:
    _story, statement = _october()

    content = frozen_content(statement)
    assert _pairs(content) == {
        ("books", "drugs"): (300, 0, 300),
        ("cafe", "books"): (150, 0, 150),
        ("cafe", "cafe"): (100, 0, 100),
        ("cafe", "drugs"): (200, 0, 200),
        ("drugs", "cafe"): (120, 0, 120),
    }
    assert (content.total.uses, content.total.points, content.total.yen) == (6, 870, 870)


def test_october_is_netted_to_one_due_per_pair() -> None:
    _story, statement = _october()

    content = frozen_content(statement)
    assert _dues(content) == {("books", "drugs", 300), ("cafe", "books", 150), ("cafe", "drugs", 80)}
    assert _positions(content) == {
        "cafe": (120, 350, -230),
        "books": (150, 300, -150),
        "drugs": (500, 120, 380),
    }


def test_the_stores_of_october_add_up_to_their_pairs() -> None:
    _story, statement = _october()

    lines = {
        (line.funder_slug.split("-")[0], line.store_code): (line.uses, line.points)
        for line in statement.lines.all()
    }
    assert lines == {
        ("books", "d-01"): (1, 300),
        ("cafe", "b-01"): (1, 150),
        ("cafe", "c-01"): (1, 100),
        ("cafe", "d-01"): (2, 200),  # 400 spent, 200 taken back
        ("drugs", "c-02"): (1, 120),
    }


def test_november_has_the_late_purchase_and_the_correction() -> None:
    story, statement = _october()

    content = frozen_content(_november(story, statement))

    assert _pairs(content) == {("cafe", "books"): (150, 0, 150), ("cafe", "drugs"): (80, 80, 80)}
    assert _dues(content) == {("cafe", "books", 150), ("cafe", "drugs", 80)}
    assert _positions(content) == {"books": (150, 0, 150), "cafe": (0, 230, -230), "drugs": (80, 0, 80)}
    assert frozen_content(statement).total.points == 870


def test_after_november_every_account_holds_what_was_worked_out_by_hand() -> None:
    story, statement = _october()
    _november(story, statement)

    held = story.trial_balance()

    assert held == {
        "world": (-23_000,),
        "funds": (7_000, 7_700, 4_800),
        "unclaimed": (2_000,),
        "wallets": (20, 80),
        "breakage": (250, 0, 0),
        "accepted": (0, 0, 0),
        "cleared": (730, 300, 120),
    }
    assert sum(sum(points) for points in held.values()) == 0
    assert Posting.objects.filter(transfer__reason="settle").count() == 5 + 2
    assert not list(audit.differences())
