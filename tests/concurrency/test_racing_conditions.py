"""Acceptances and publications under racers. Controls show what the unique key, the shared transaction and
the held campaign are relied on for.
"""

import threading
from collections import Counter
from functools import partial
from typing import Any

import pytest
from django.db import IntegrityError

from campaigns import conditions_queries as queries
from campaigns import services as campaigns
from campaigns.conditions_models import ConditionsAcceptance, ConditionsVersion
from campaigns.errors import ConditionsChanged
from campaigns.services import Tick
from giftcodes.errors import CodeNotUsable
from giftcodes.models import Claim
from giftcodes.services import Claimed
from parties.models import Member
from tests import make
from tests.campaigns.test_conditions import JA, Scene
from tests.concurrency.racing import race
from tests.make import NOON

pytestmark = pytest.mark.django_db(transaction=True)
RACERS = 8


def accept_apart(scene: Scene, version: ConditionsVersion, member: Member) -> None:
    """An acceptance of its own, which no claim undoes."""
    ConditionsAcceptance.objects.create(
        member=member, version=version, accepted_at=NOON, language=JA, sha256=version.sha256_ja
    )


def test_control_reading_first_is_no_guard_against_two_acceptances() -> None:
    scene, gate = Scene(), threading.Barrier(RACERS, timeout=30)
    version = scene.publish()

    def read_then_write() -> None:
        is_new = queries.acceptance_of(scene.member, version) is None
        gate.wait()
        if is_new:
            accept_apart(scene, version, scene.member)

    outcomes = race(*[read_then_write] * RACERS)
    assert [type(outcome) for outcome in outcomes].count(IntegrityError) == RACERS - 1


def test_claims_of_one_member_at_once_accept_once() -> None:
    scene = Scene(limit_per_member=None)
    tick = Tick(scene.publish().pk, JA)
    outcomes = race(*(partial(scene.claim, place, tick) for place in range(RACERS)))
    assert [type(outcome) for outcome in outcomes] == [Claimed] * RACERS
    assert ConditionsAcceptance.objects.get().member == scene.member
    assert Claim.objects.count() == RACERS


def test_control_an_acceptance_apart_from_the_claim_outlives_a_lost_race() -> None:
    scene = Scene()
    version = scene.publish()

    def accept_then_claim(member: Member) -> Claimed:
        accept_apart(scene, version, member)
        claimed: Claimed = scene.claim(member=member)
        return claimed

    race(*(partial(accept_then_claim, make.member()) for _ in range(RACERS)))
    assert (Claim.objects.count(), ConditionsAcceptance.objects.count()) == (1, RACERS)


def test_of_members_who_race_for_one_code_the_winner_alone_has_accepted() -> None:
    scene = Scene()
    tick = Tick(scene.publish().pk, JA)
    outcomes = race(*(partial(scene.claim, 0, tick, make.member()) for _ in range(RACERS)))
    assert Counter(map(type, outcomes)) == {Claimed: 1, CodeNotUsable: RACERS - 1}
    assert ConditionsAcceptance.objects.get().member == Claim.objects.get().member


def test_of_publications_and_edits_at_once_nothing_unseen_is_published() -> None:
    scene = Scene()
    ask: dict[str, Any] = {"campaign_id": scene.campaign.pk, "user": scene.team.marketer, "at": NOON}
    write = partial(campaigns.write_conditions, **ask, text_en="", in_force_from=None)
    seen = queries.fingerprint_of_draft(write(text_ja="案"))
    publish = partial(campaigns.publish_conditions, **ask, fingerprint=seen)
    outcomes = race(*[publish] * 4, *(partial(write, text_ja=f"別案{number}") for number in range(4)))
    assert {type(outcome) for outcome in outcomes} <= {ConditionsVersion, ConditionsChanged}
    published = queries.versions_of(scene.campaign)
    assert [row.text_ja for row in published] in ([], ["案"])
    numbers = scene.campaign.conditions.values_list("number", flat=True)
    assert sorted(numbers) == list(range(1, len(numbers) + 1))
