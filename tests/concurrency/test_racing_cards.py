"""A member opens their card on two phones at once: one card, one number; none once they have left."""

import secrets
import threading
from functools import partial
from typing import Any

import pytest
from django.db import IntegrityError, connections

from parties.card_services import make_card, renew_card
from parties.errors import MemberHasLeft
from parties.leaving import erase_person
from parties.models import Member, MemberCard
from tests import make
from tests.concurrency.racing import race
from tests.make import NOON

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.postgresql]
RACERS = 8


def test_eight_first_looks_at_once_make_one_card() -> None:
    member = make.member()
    made = race(*[partial(make_card, member=member, at=NOON)] * RACERS)
    assert {card.number for card in made if isinstance(card, MemberCard)} == {MemberCard.objects.get().number}
    assert [card for card in made if not isinstance(card, MemberCard)] == []


def test_control_looking_first_makes_two_or_fails() -> None:
    member, gate = make.member(), threading.Barrier(RACERS, timeout=30)

    def look_then_make() -> MemberCard:
        has_none = not MemberCard.objects.filter(member=member).exists()
        gate.wait()
        assert has_none
        return MemberCard.objects.create(member=member, number=secrets.randbelow(10**8), numbered_at=NOON)

    outcomes = race(*[look_then_make] * RACERS)
    assert sum(isinstance(outcome, IntegrityError) for outcome in outcomes) == RACERS - 1


def test_members_who_draw_the_same_number_at_once_get_two(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn, members = threading.local(), [make.member() for _ in range(RACERS)]

    def draw(_below: int) -> int:
        number: int = getattr(drawn, "times", -1) + 1
        drawn.times = number
        return number

    monkeypatch.setattr(secrets, "randbelow", draw)

    def renew(member: Member) -> MemberCard:
        card = renew_card(member=member, at=NOON)
        connections.close_all()
        return card

    race(*(partial(renew, member) for member in members))
    assert sorted(MemberCard.objects.values_list("number", flat=True)) == list(range(RACERS))


def test_control_without_holding_the_member_a_card_is_made_behind_the_leaving() -> None:
    member, gate = make.member(), threading.Barrier(2, timeout=30)

    def look_then_make() -> None:
        assert Member.objects.get(pk=member.pk).closed_at is None
        gate.wait()
        gate.wait()  # the account is closed
        MemberCard.objects.create(member=member, number=1, numbered_at=NOON)

    def leave() -> None:
        gate.wait()
        erase_person(member_id=member.pk, at=NOON)
        gate.wait()

    race(look_then_make, leave)
    assert MemberCard.objects.filter(member__closed_at=NOON).exists()


@pytest.mark.parametrize("_round", range(5))
def test_a_card_is_made_before_the_leaving_and_erased_by_it_or_refused(_round: int) -> None:
    member = make.member()
    calls: list[Any] = [partial(make_card, member=member, at=NOON)] * 3
    outcomes = race(*calls, partial(erase_person, member_id=member.pk, at=NOON), *calls)
    assert set(map(type, outcomes)) <= {MemberCard, MemberHasLeft, bool}, outcomes
    assert not MemberCard.objects.exists()
