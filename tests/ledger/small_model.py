"""What the ledger promises, said again in plain Python, without transfers, keys or locks."""

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime


class Refused(Exception):
    """The model says no: the services must refuse, and nothing may change."""


@dataclass
class Lot:
    owner: int
    funder: int
    granted: int
    expires_at: datetime
    left: int
    expired: int = 0  # or given up: nobody used them
    taken_back: int = 0
    owed: int = 0


@dataclass
class Part:
    lot: Lot
    points: int


@dataclass
class Spend:
    acceptor: int
    parts: list[Part]


@dataclass
class Hold(Spend):
    expires_at: datetime
    state: str = "open"


@dataclass
class Batch:
    brand: int
    face: int
    until: datetime
    codes: list[Lot | str]  # "unclaimed", "void", "expired", or the lot that the code became
    is_closed: bool = False


@dataclass
class Model:
    funds: Counter[int]
    breakage: Counter[int] = field(default_factory=Counter)
    lots: list[Lot] = field(default_factory=list)  # in the order of their grants
    holds: list[Hold] = field(default_factory=list)
    batches: list[Batch] = field(default_factory=list)
    uses: list[tuple[datetime, int, int, int]] = field(default_factory=list)  # funder, acceptor, points

    def issue(self, *, brand: int, face: int, size: int, until: datetime) -> Batch:
        self._pay(brand, face * size)
        self.batches.append(Batch(brand, face, until, ["unclaimed"] * size))
        return self.batches[-1]

    def claim(self, batch: Batch, place: int, owner: int, *, expires_at: datetime, at: datetime) -> Lot:
        code = batch.codes[place]
        if isinstance(code, Lot) and code.owner == owner:
            return code  # told again
        if code != "unclaimed" or at >= batch.until:
            raise Refused
        batch.codes[place] = lot = self._lot(owner, batch.brand, batch.face, expires_at)
        return lot

    def void(self, batch: Batch, first: int, last: int) -> None:
        if batch.is_closed:
            raise Refused
        self._withdraw(batch, range(first, last + 1), "void")

    def close(self, batch: Batch, *, at: datetime) -> None:
        if at < batch.until:
            raise Refused
        batch.is_closed = True
        self._withdraw(batch, range(len(batch.codes)), "expired")

    def grant(self, *, brand: int, owner: int, points: int, expires_at: datetime) -> Lot:
        self._pay(brand, points)
        return self._lot(owner, brand, points, expires_at)

    def spend(self, *, owner: int, acceptor: int, points: int, at: datetime) -> Spend:
        spend = Spend(acceptor, self._take(owner, points, at))
        self._use(spend, spend.parts, at)
        return spend

    def hold(self, *, owner: int, acceptor: int, points: int, expires_at: datetime, at: datetime) -> Hold:
        self.holds.append(Hold(acceptor, self._take(owner, points, at), expires_at))
        return self.holds[-1]

    def capture(self, hold: Hold, points: int | None, *, at: datetime) -> Spend:
        held = sum(part.points for part in hold.parts)
        points = held if points is None else points
        if hold.state != "open" or at >= hold.expires_at or points > held:
            raise Refused
        hold.state, captured = "captured", []
        for part in hold.parts:  # soonest to expire first, as they were taken
            captured.append(Part(part.lot, min(points, part.points)))
            points -= captured[-1].points
            self._give_back(part.lot, part.points - captured[-1].points)
        spend = Spend(hold.acceptor, captured)
        self._use(spend, captured, at)
        return spend

    def release(self, hold: Hold) -> None:
        if hold.state == "captured":
            raise Refused
        self._end(hold, "released")

    def reverse(self, spend: Spend, points: int | None, *, at: datetime) -> None:
        left = sum(part.points for part in spend.parts)
        points = left if points is None else points
        if not 0 < points <= left:
            raise Refused
        for part in reversed(spend.parts):  # the longest to live first
            back = min(points, part.points)
            points, part.points = points - back, part.points - back
            self._give_back(part.lot, back)
            self._use(spend, [Part(part.lot, -back)], at)

    def take_back(self, lot: Lot, *, at: datetime) -> None:
        spent = lot.granted - lot.left - lot.expired - lot.taken_back
        if not spent and (not lot.left or lot.expires_at <= at):
            raise Refused
        self._expire(lot, at)
        lot.owed = spent
        self.funds[lot.funder] += lot.left
        lot.taken_back, lot.left = lot.taken_back + lot.left, 0

    def expire(self, *, at: datetime) -> None:
        for hold in self.holds:
            if hold.expires_at <= at:
                self._end(hold, "expired")
        for lot in self.lots:
            self._expire(lot, at)

    def forfeit(self, owner: int, *, at: datetime) -> None:
        holds = [hold for hold in self.holds if hold.state == "open" and hold.parts[0].lot.owner == owner]
        if any(hold.expires_at > at for hold in holds):
            raise Refused  # and those that have ended stay as they are: a refusal changes nothing
        for hold in holds:
            self._end(hold, "expired")
        for lot in self.lots:
            if lot.owner == owner:
                self.breakage[lot.funder] += lot.left
                lot.expired, lot.left = lot.expired + lot.left, 0

    def settle(self, *, ends_at: datetime) -> Counter[tuple[int, int]]:
        pairs: Counter[tuple[int, int]] = Counter()
        for at, funder, acceptor, points in self.uses:
            pairs[funder, acceptor] += points if at < ends_at else 0
        self.uses = [use for use in self.uses if use[0] >= ends_at]
        return pairs

    def balance(self, owner: int) -> int:
        return sum(lot.left for lot in self.lots if lot.owner == owner)

    def accepted(self, acceptor: int) -> int:
        return sum(use[3] for use in self.uses if use[2] == acceptor)

    def _pay(self, brand: int, points: int) -> None:
        if self.funds[brand] < points:
            raise Refused
        self.funds[brand] -= points

    def _lot(self, owner: int, funder: int, points: int, expires_at: datetime) -> Lot:
        self.lots.append(Lot(owner, funder, points, expires_at, left=points))
        return self.lots[-1]

    def _withdraw(self, batch: Batch, places: range, word: str) -> None:
        for place in places:
            if batch.codes[place] == "unclaimed":
                batch.codes[place] = word
                self.funds[batch.brand] += batch.face

    def _take(self, owner: int, points: int, at: datetime) -> list[Part]:
        usable = [lot for lot in self.lots if lot.owner == owner and lot.left and lot.expires_at > at]
        if sum(lot.left for lot in usable) < points:
            raise Refused
        parts = []
        for lot in sorted(usable, key=lambda lot: lot.expires_at):  # stable: of equals, the older first
            parts.append(Part(lot, min(points, lot.left)))
            points, lot.left = points - parts[-1].points, lot.left - parts[-1].points
        return parts

    def _use(self, spend: Spend, parts: list[Part], at: datetime) -> None:
        self.uses += [(at, part.lot.funder, spend.acceptor, part.points) for part in parts]

    def _expire(self, lot: Lot, at: datetime) -> None:
        if lot.expires_at <= at:
            self.breakage[lot.funder] += lot.left
            lot.expired, lot.left = lot.expired + lot.left, 0

    def _give_back(self, lot: Lot, points: int) -> None:
        recovered = min(points, lot.owed)
        self.funds[lot.funder] += recovered
        lot.owed, lot.taken_back = lot.owed - recovered, lot.taken_back + recovered
        lot.left += points - recovered

    def _end(self, hold: Hold, state: str) -> None:
        if hold.state == "open":
            hold.state = state
            for part in hold.parts:
                self._give_back(part.lot, part.points)
