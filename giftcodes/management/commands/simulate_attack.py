"""Attacks on the guard, in hours that pass in seconds: hits, time to trip, and honest people harmed.

Runs the real service with a clock of its own, so it wants a database and a Redis of its own, and refuses one
in which there is a member or a batch. What it did stays there: throw the database away afterwards.
"""

import random
import time
from argparse import ArgumentParser
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from giftcodes import codec, keys, services
from giftcodes.errors import AnonymousClosed, CodeNotUsable, ProofNeeded, TooManyTries
from giftcodes.guard_models import Alarm, AlarmKind, ClaimLock
from giftcodes.models import Activation, Batch, BatchState, Delivery
from giftcodes.services import NumberAsker
from ledger import services as ledger
from parties.models import Brand, Member, Program, User
from parties.services import NumberOf

START = datetime(2026, 11, 2, 3, 0, tzinfo=UTC)
CODES = 1_000_000
BOTS = 10_000
HONEST_TRIES, HONEST_PEOPLE, TYPOS = 6_000, 1_500, 0.05


_ANSWERS: dict[type[Exception], str] = {
    CodeNotUsable: "unknown",
    TooManyTries: "refused",
    ProofNeeded: "proof asked",
    AnonymousClosed: "sign-in asked",
}


class Outcome(NamedTuple):
    """What one attack brought. `hits`: guesses that brought points. `tripped_after` in minutes, None if no
    alarm was raised.
    """

    name: str
    tries: int
    answers: Counter[str]
    hits: int
    tripped_after: float | None
    locked: int


class Command(BaseCommand):
    help = "Simulate attacks on the code field, on an empty scratch database."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--seed", type=int, help="for the same guesses again")

        parser.add_argument("--scale", type=float, default=1.0, help="a part of the tries, for a short run")

    def handle(self, *args: Any, seed: int | None, scale: float, **options: Any) -> None:  # noqa: ARG002
        if settings.IS_PRODUCTION or Member.objects.exists() or Batch.objects.exists():
            raise CommandError("This wants an empty scratch database, outside production.")
        seed = int(time.time()) if seed is None else seed
        chance = random.Random(seed)  # noqa: S311  # guesses of a simulation
        world = _World(chance, scale)
        self.stdout.write(f"seed {seed}; {CODES:,} live codes; a guess hits once in {10**14 // CODES:,}")
        attacks = (world.crowd, world.blind, world.botnet, world.leaked_key, world.strangers)
        for number, attack in enumerate(attacks):
            # Days apart, so that no count of one reaches into the next.
            self._print(attack(START + timedelta(days=3 * number)))

    def _print(self, outcome: Outcome) -> None:
        answers = ", ".join(f"{name} {count:,}" for name, count in sorted(outcome.answers.items()))
        tripped = (
            "no alarm" if outcome.tripped_after is None else f"alarm after {outcome.tripped_after:.1f} min"
        )
        brought = f"{outcome.hits} hits; {tripped}; {outcome.locked} locked"
        self.stdout.write(f"{outcome.name}: {outcome.tries:,} tries: {answers}; {brought}")


class _World:
    """A batch of a million live codes, and those who are after them."""

    def __init__(self, chance: random.Random, scale: float) -> None:
        self.chance, self.scale = chance, scale
        program = Program.objects.create(slug="simulation", name="Simulation")
        brand = Brand.objects.create(slug="simulation", name="Simulation", program=program)
        ledger.deposit_funds(brand=brand, points=CODES, key="simulation", at=START - timedelta(days=1))
        self.batch = _live_batch(brand)
        self.series_key = keys.series_key(self.batch.series)
        self.batch_key = keys.batch_key(self.batch)
        self.fresh = iter(range(self.batch.size))
        self.given: set[str] = set()  # to honest people

    def crowd(self, at: datetime) -> Outcome:
        """Honest people behind one address of a carrier, one try every two seconds, some mistyped."""
        members = _members(self._some(HONEST_PEOPLE))

        def codes() -> Iterator[tuple[Member, str, str]]:
            for number in range(self._some(HONEST_TRIES)):
                code = self._code(next(self.fresh))
                if self.chance.random() < TYPOS:
                    code = self._mistyped(code)
                yield members[number % len(members)], "203.0.113.9", code

        return self._run("honest crowd behind one address", at, codes(), timedelta(seconds=2))

    def blind(self, at: datetime) -> Outcome:
        """One person who guesses, as fast as the tries are answered."""
        member = _members(1)[0]
        tries = ((member, "198.51.100.1", self._guess()) for _ in range(self._some(2_000)))
        return self._run("blind guessing", at, tries, timedelta(milliseconds=100))

    def botnet(self, at: datetime) -> Outcome:
        """Ten thousand addresses, a member on each, while honest people go on claiming."""
        bots, honest = _members(self._some(BOTS)), _members(200)

        def codes() -> Iterator[tuple[Member, str, str]]:
            for number in range(len(bots)):
                address = f"10.{number % 250}.{number // 250}.{self.chance.randrange(1, 255)}"
                yield bots[number], address, self._guess()
                if number % 5 == 0:
                    place = number // 5
                    yield honest[place % 200], f"192.0.{place % 200}.7", self._code(next(self.fresh))

        return self._run("botnet of 10,000 addresses", at, codes(), timedelta(milliseconds=50))

    def leaked_key(self, at: datetime) -> Outcome:
        """Guesses by somebody with the series key: each in the issued range, with an invented tag."""
        thieves = _members(self._some(1_000))

        def codes() -> Iterator[tuple[Member, str, str]]:
            for number, thief in enumerate(thieves):
                serial = self.batch.first_serial + self.chance.randrange(self.batch.size)
                yield thief, f"172.{16 + number % 16}.{number // 16}.1", self._code_at(serial, bytes(32))

        return self._run("leaked series key", at, codes(), timedelta(seconds=2), AlarmKind.KEY_LEAK)

    def strangers(self, at: datetime) -> Outcome:
        """Without a sign-in: a new browser and a new network for each guess, slow enough for the breaker to
        see too few tries, while honest people claim with their numbers.
        """

        def codes() -> Iterator[tuple[NumberAsker, str, str]]:
            for number in range(self._some(2_000)):
                address = f"10.{number % 250}.{number // 250}.1"
                yield self._stranger(f"bot-{number}", address, at), address, self._guess()
                if number % 10 == 0:
                    home = f"192.0.{number // 10 % 200}.9"
                    yield self._stranger(f"shopper-{number}", home, at), home, self._code(next(self.fresh))

        return self._run("strangers without a sign-in", at, codes(), timedelta(seconds=2))

    def _stranger(self, visitor: str, address: str, at: datetime) -> NumberAsker:
        of = NumberOf(self.batch.brand_id, visitor)
        return NumberAsker(of, visitor, address, self.batch.limit_group, holds_since=at)

    def _run(
        self,
        name: str,
        at: datetime,
        tries: Iterator[tuple[Member, str, str]] | Iterator[tuple[NumberAsker, str, str]],
        pause: timedelta,
        kind: AlarmKind | None = None,
    ) -> Outcome:
        answers: Counter[str] = Counter()
        begun, hits = at, 0
        for who, address, code in tries:
            answer = _answer(who, address, code, at)
            answers[answer] += 1
            hits += answer == "claimed" and code not in self.given
            at += pause
        alarms = Alarm.objects.filter(at__gte=begun, at__lt=at).exclude(kind=AlarmKind.CALM)
        first = (alarms.filter(kind=kind) if kind else alarms).order_by("at").first()
        minutes = None if first is None else (first.at - begun).total_seconds() / 60
        locked = ClaimLock.objects.filter(locked_at__gte=begun, locked_at__lt=at).count()
        return Outcome(name, answers.total(), answers, hits, minutes, locked)

    def _some(self, count: int) -> int:
        return max(1, round(count * self.scale))

    def _code(self, place: int) -> str:
        code = self._code_at(self.batch.first_serial + place, self.batch_key)
        self.given.add(code)
        return code

    def _code_at(self, serial: int, batch_key: bytes) -> str:
        return codec.encode_one(
            serial, series=self.batch.series_id, series_key=self.series_key, batch_key=batch_key
        )

    def _mistyped(self, code: str) -> str:
        place = self.chance.randrange(1, 16)
        return code[:place] + str((int(code[place]) + self.chance.randrange(1, 10)) % 10) + code[place + 1 :]

    def _guess(self) -> str:
        digits = f"{self.batch.series_id}{self.chance.randrange(10**14):014d}"
        return next(code for check in "0123456789" if _is_well_formed(code := digits + check))


def _is_well_formed(code: str) -> bool:
    try:
        codec.normalise(code)
    except codec.NotACode:
        return False
    return True


def _answer(who: Member | NumberAsker, address: str, code: str, at: datetime) -> str:
    """What the page would do, in one word."""
    try:
        if isinstance(who, NumberAsker):
            services.try_code_for_number(text=code, asker=who, at=at)
        else:
            services.try_code(text=code, asker=services.Asker(who, address), at=at)
    except codec.NotACode:
        try:
            services.count_typo(address=address, at=at)
        except TooManyTries:
            return "refused"
        return "typing error"
    except tuple(_ANSWERS) as refusal:
        return next(word for kind, word in _ANSWERS.items() if isinstance(refusal, kind))
    return "claimed"


def _members(count: int) -> list[Member]:
    return Member.objects.bulk_create(Member() for _ in range(count))


def _live_batch(brand: Brand) -> Batch:
    services.open_series(digit=1, at=START)
    terms = services.Terms(
        face_points=1,
        claim_from=START - timedelta(hours=1),
        claim_until=START + timedelta(days=60),
        lot_life_days=180,
        limit_per_member=None,
        limit_group="simulation",
        claim_url_base="https://points.example.com/c/simulation/",
        activation=Activation.AT_START,
    )
    batch = services.create_batch(
        order_key="simulation",
        brand=brand,
        terms=terms,
        channels=[services.ChannelSize("simulation", CODES)],
        recipient=User.objects.create_user(email="simulation@example.com"),
        at=START - timedelta(hours=2),
    )
    # Without its file: nobody opens it.
    live = {"state": BatchState.ACTIVE, "minted_codes": CODES, "minted_at": START, "activated_at": START}
    Batch.objects.filter(pk=batch.pk).update(**live)
    Delivery.objects.filter(batch=batch).delete()
    return batch
