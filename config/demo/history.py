"""The demo's past: ten weeks of purchases, spending and settlement, by the services that the doors call.

The same acts each time, reckoned back from the day on which they are made: all in one transaction, once.
"""

import random
import uuid
from datetime import datetime, time, timedelta
from typing import NamedTuple

from django.db import transaction

from campaigns import services as campaigns
from campaigns.models import Deposit
from ledger import services as ledger
from ledger.expiry import JAPAN, ExpiryPolicy
from ledger.models import Account, Adjustment, ClosedDay, Settlement
from parties.models import Brand, Member, Program, Store, User

DAYS = 70
MEMBERS = 36
_DAY, _HOUR, _MINUTE = timedelta(days=1), timedelta(hours=1), timedelta(minutes=1)
_FUNDS = 300_000
_SEED = 20_260_901
_LARGEST_SPEND = 400


class _Custom(NamedTuple):
    """How a brand rewards purchases: the end of its points, how many there are, and how often."""

    expires: ExpiryPolicy
    least: int
    most: int
    a_day: int


_CUSTOMS = {
    "aozora-bakery": _Custom(ExpiryPolicy.after_days(30), 12, 90, 4),
    "minato-books": _Custom(ExpiryPolicy.at_month_end(1), 30, 240, 2),
    "hidamari-drug": _Custom(ExpiryPolicy.after_days(180), 25, 180, 3),
}


@transaction.atomic
def make_history(program: Program, *, at: datetime) -> bool:
    """Make the past of the program's brands, which have their people already, up to the midnight before
    `at`; whether it is there now.

    A second call adds nothing. Neither does the first one where days have been closed or a statement has been
    prepared: a sealed past takes no more rows.
    """
    if Deposit.objects.filter(public_id=_number("deposit:aozora-bakery")).exists():
        return True
    if ClosedDay.objects.exists() or Settlement.objects.exists():
        return False
    _Past(program, at).run()
    return True


def _number(of: str) -> uuid.UUID:
    return uuid.uuid5(uuid.NAMESPACE_DNS, f"{of}.history.example")


def _person(role: str, slug: str) -> User:
    return User.objects.get(email=f"{role}@{slug}.example")


class _Past:
    """The days one by one, so that every act meets the balances of its own moment."""

    def __init__(self, program: Program, at: datetime) -> None:
        self.random = random.Random(_SEED)  # noqa: S311  # the same shoppers each time, no secret
        self.program, self.now = program, at
        self.today = datetime.combine(at.astimezone(JAPAN).date(), time(), tzinfo=JAPAN)
        self.first = self.today - DAYS * _DAY
        self.brands = {brand.slug: brand for brand in program.brands.filter(slug__in=_CUSTOMS)}
        self.stores = list(Store.objects.filter(brand__in=self.brands.values()).order_by("brand", "code"))
        self.finance = _person("finance", program.slug), _person("finance2", program.slug)
        self.wallets: list[Account] = []

    def run(self) -> None:
        self._deposit()
        self.wallets = [_wallet(number, self.program, self.first) for number in range(1, MEMBERS + 1)]
        ends = self._month_ends()
        for number in range(DAYS):
            day = self.first + number * _DAY
            ledger.expire_holds(at=day + 5 * _MINUTE)
            ledger.expire_lots(at=day + 5 * _MINUTE)
            if day in ends:
                self._settle(day, is_last=day == ends[-1])
            elif day - 2 * _DAY == ends[0]:
                self._dispute(day + 10 * _HOUR)
            self._shop(number, day)
            self._set_aside(number, day)
        if self.today == ends[-1]:
            self._settle(self.today, is_last=True)
        self._act_by_hand()
        self._leave()

    def _deposit(self) -> None:
        for slug, brand in self.brands.items():
            deposit = campaigns.request_deposit(
                public_id=_number(f"deposit:{slug}"),
                brand_id=brand.pk,
                points=_FUNDS,
                reference="振込 / bank transfer",
                user=_person("finance", slug),
                at=self.first,
            )
            campaigns.confirm_deposit(
                deposit_id=deposit.pk,
                user=_person("finance2", slug),
                verified_at=self.first + _HOUR,
                at=self.first + _HOUR,
            )

    def _month_ends(self) -> list[datetime]:
        """The first instants of months; seventy days hold two at least."""
        days = (self.first + number * _DAY for number in range(1, DAYS + 1))
        return [day for day in days if day.day == 1]

    def _shop(self, number: int, day: datetime) -> None:
        """Purchases that earn points and points that are spent, in the order of the day."""
        acts = [(slug, "earn") for slug, custom in _CUSTOMS.items() for _ in range(custom.a_day)]
        acts += [("", "spend")] * (5 if number % 7 in (5, 6) else 3)
        self.random.shuffle(acts)
        moment = day + 11 * _HOUR
        for place, (slug, act) in enumerate(acts):
            moment += self.random.randrange(5, 45) * _MINUTE
            key, wallet = f"demo-{number}-{place}", self.random.choice(self.wallets)
            if act == "earn":
                custom = _CUSTOMS[slug]
                points = self.random.randint(custom.least, custom.most)
                self._grant(self.brands[slug], wallet, points, key, moment)
            else:
                self._spend(wallet, key, moment)

    def _grant(self, brand: Brand, wallet: Account, points: int, key: str, at: datetime) -> uuid.UUID:
        granted = ledger.grant_points(
            brand_id=brand.pk,
            wallet_id=wallet.pk,
            points=points,
            expires=_CUSTOMS[brand.slug].expires,
            key=key,
            at=at,
        )
        return granted.transfer_id

    def _spend(self, wallet: Account, key: str, at: datetime) -> None:
        """Some of what the wallet has, in one of the stores; every twentieth comes back in part."""
        wallet.refresh_from_db(fields=["balance"])
        most = min(wallet.balance or 0, _LARGEST_SPEND)
        if most < 20:
            return
        store, points = self.random.choice(self.stores), self.random.randint(10, most)
        spent = ledger.spend_points(wallet_id=wallet.pk, store_id=store.pk, points=points, key=key, at=at)
        if self.random.randrange(20) == 0:
            ledger.reverse_transfer(
                key=key, original_id=spent.transfer_id, points=points // 2, at=at + 3 * _MINUTE
            )

    def _set_aside(self, number: int, day: datetime) -> None:
        """A checkout a week, captured in part or given up in turn; the last one is still open."""
        is_newest = number == DAYS - 1
        if number % 7 != 3 and not is_newest:
            return
        at, wallet = day + 21 * _HOUR, self._richest()
        hold = ledger.hold_points(
            wallet_id=wallet.pk,
            store_id=self.stores[number % len(self.stores)].pk,
            points=(wallet.balance or 0) // 3,
            key=f"demo-checkout-{number}",
            expires_at=at + 5 * _DAY,
            at=at,
        )
        if is_newest:
            return
        if number % 2:
            ledger.capture_hold(hold_id=hold.pk, points=hold.points * 3 // 4, at=at + _HOUR)
        else:
            ledger.release_hold(hold_id=hold.pk, at=at + _HOUR)

    def _richest(self) -> Account:
        wallets = Account.objects.filter(pk__in=[wallet.pk for wallet in self.wallets])
        return wallets.order_by("-balance", "pk")[0]

    def _settle(self, ends_at: datetime, *, is_last: bool) -> None:
        """The statement of a month: closed by the second person on the day after, but for the last one."""
        first, second = self.finance
        at = min(ends_at + 9 * _HOUR, self.now)
        settlement = ledger.prepare_settlement(program_id=self.program.pk, ends_at=ends_at, user=first, at=at)
        if not is_last:
            ledger.close_settlement(
                settlement_id=settlement.pk,
                user=second,
                sha256=settlement.sha256,
                verified_at=at + _HOUR,
                at=at + _HOUR,
            )

    def _dispute(self, at: datetime) -> None:
        """What a store reported late: a note at the closed statement, and a correction for the next one."""
        settlement = Settlement.objects.get(program=self.program, previous=None)
        bakery, books = self.brands["aozora-bakery"], self.brands["minato-books"]
        ledger.note_settlement(
            settlement_id=settlement.pk,
            user=_person("finance", books.slug),
            text="レジの通信障害で、本店の利用120ポイントが翌月に届きました。次回の精算で訂正をお願いします。",
            at=at,
        )
        store = next(store for store in self.stores if store.brand_id == books.pk)
        asked = ledger.CorrectionAsked(settlement.pk, books.pk, store.pk, 120)
        self._confirm(self._ask("correction", bakery, asked, "本店レジの通信障害（利用控え 0917）", at), at)

    def _act_by_hand(self) -> None:
        """On the last day: a receipt that was not genuine, whose points had been spent in part and came back
        in part; an apology; and a request that waits for the second person.
        """
        bakery, books = self.brands["aozora-bakery"], self.brands["minato-books"]
        at = self.today - 5 * _HOUR
        wallet = _wallet(MEMBERS + 1, self.program, at)
        fake = self._grant(bakery, wallet, 600, "demo-receipt", at)
        spent = ledger.spend_points(
            wallet_id=wallet.pk, store_id=self.stores[0].pk, points=450, key="demo-rush", at=at + _MINUTE
        )
        at += _HOUR
        asked = ledger.TakeBackAsked(fake, None)
        self._confirm(self._ask("fraud", bakery, asked, "レシートの偽造（店舗からの報告）", at), at)
        ledger.reverse_transfer(key="demo-rush", original_id=spent.transfer_id, points=120, at=at + _HOUR)
        until = ExpiryPolicy.on_date((self.today + 120 * _DAY).date())
        sorry = ledger.GrantAsked(self.wallets[2].pk, 300, until)
        self._confirm(self._ask("apology", books, sorry, "ご注文の遅れのお詫び（受付 2231）", at), at)
        asked_for = ledger.GrantAsked(self.wallets[4].pk, 500, ExpiryPolicy.after_days(90))
        self._ask("waiting", bakery, asked_for, "会計時の付与もれ（レシート 8840）", at + _HOUR)

    def _leave(self) -> None:
        """Somebody came once, and closed the account: what was left went to the breakage of who funded it."""
        at = self.today - 4 * _HOUR
        wallet = _wallet(MEMBERS + 2, self.program, at)
        self._grant(self.brands["minato-books"], wallet, 180, "demo-once", at)
        if wallet.member_id is not None:
            campaigns.close_account(member_id=wallet.member_id, at=at + _HOUR)

    def _ask(self, name: str, brand: Brand, asked: ledger.Asked, reason: str, at: datetime) -> Adjustment:
        return ledger.request_adjustment(
            public_id=_number(name),
            brand_id=brand.pk,
            asked=asked,
            reason=reason,
            user=_person("finance", brand.slug) if name != "correction" else self.finance[0],
            at=at,
        )

    def _confirm(self, adjustment: Adjustment, at: datetime) -> None:
        """By the operator's second person, who may decide for every brand."""
        ledger.confirm_adjustment(
            adjustment_id=adjustment.pk,
            user=self.finance[1],
            fingerprint=adjustment.fingerprint,
            verified_at=at + 30 * _MINUTE,
            at=at + 30 * _MINUTE,
        )


def _wallet(number: int, program: Program, at: datetime) -> Account:
    email = f"member-{number}@demo.example"
    user = User.objects.filter(email=email).first() or User.objects.create_user(email)
    member = Member.objects.get_or_create(user=user, defaults={"joined_at": at})[0]
    return ledger.open_wallet(member=member, program=program, at=at)
