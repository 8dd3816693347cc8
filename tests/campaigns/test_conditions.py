"""Conditions of participation: written, published for ever, accepted with the claim that needs them."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import DatabaseError, IntegrityError, connection, transaction

from campaigns import conditions_queries as queries
from campaigns import services as campaigns
from campaigns.conditions_models import (
    MAX_CONDITIONS_LETTERS,
    ConditionsAcceptance,
    ConditionsLanguage,
    ConditionsVersion,
)
from campaigns.errors import ConditionsChanged, ConditionsUnfit
from campaigns.models import Campaign
from campaigns.services import Tick
from giftcodes import queries as giftcodes_queries
from giftcodes import services as giftcodes
from giftcodes.errors import ClaimHeldBack, CodeNotUsable
from giftcodes.models import Batch, BatchState, Claim
from giftcodes.services import claims
from ledger import queries as ledger_queries
from parties.errors import NotReachable
from parties.models import Member, Role
from tests import make
from tests.campaigns import promos
from tests.make import NOON

pytestmark = pytest.mark.django_db
JA, EN = ConditionsLanguage.JA, ConditionsLanguage.EN
HOUR = timedelta(hours=1)


def live_batch_of(team: promos.Team, campaign: Campaign) -> Batch:
    """Codes of the campaign that can be claimed at NOON."""
    batch = promos.approve(promos.submitted(team, promotion=campaign), team.approver)
    Batch.objects.filter(pk=batch.pk).update(
        state=BatchState.ACTIVE, minted_codes=batch.size, minted_at=NOON, activated_at=NOON
    )
    return batch


class Scene:
    """A campaign with codes, and a member."""

    def __init__(self, **fields: Any) -> None:
        self.team = promos.team()
        self.campaign = promos.campaign(self.team, **fields)
        self.batch = live_batch_of(self.team, self.campaign)
        self.member = make.member()

    def publish(self, text_ja: str = "規約", **changes: Any) -> ConditionsVersion:
        return promos.conditions(self.campaign, self.team.marketer, text_ja=text_ja, **changes)

    def claim(self, place: int = 0, tick: Tick | None = None, member: Member | None = None) -> Any:
        of = member or self.member
        return giftcodes.claim_code(
            text=make.code_of(self.batch, place),
            member=of,
            at=NOON,
            unless=campaigns.unless_accepted(member=of, tick=tick),
        )


@pytest.fixture
def scene(_django_db_helper: None) -> Scene:
    return Scene()


def test_a_campaign_without_conditions_asks_for_nothing(scene: Scene) -> None:
    assert scene.claim().points == 100
    assert not ConditionsAcceptance.objects.exists()


def test_a_claim_waits_for_the_acceptance_and_nothing_has_happened(scene: Scene) -> None:
    version = scene.publish()
    with pytest.raises(ClaimHeldBack) as held:
        scene.claim()
    assert [tuple(row) for row in held.value.rows] == [(version.pk,)]
    assert not Claim.objects.exists()
    assert ledger_queries.wallet_balance(scene.member, scene.team.brand.program_id) == 0
    assert not ConditionsAcceptance.objects.exists()


@pytest.mark.parametrize("language", [JA, EN])
def test_what_was_ticked_is_recorded_with_the_claim(scene: Scene, language: ConditionsLanguage) -> None:
    version = scene.publish("規約", text_en="Conditions")
    assert scene.claim(tick=Tick(version.pk, language)).points == 100
    row = ConditionsAcceptance.objects.get()
    assert (row.member, row.version, row.accepted_at) == (scene.member, version, NOON)
    text = {JA: "規約", EN: "Conditions"}[language]
    assert (row.language, row.sha256) == (language, queries.sha256_of(text))


def test_it_is_asked_for_once(scene: Scene) -> None:
    version = scene.publish()
    scene.claim(0, Tick(version.pk, JA))
    assert scene.claim(1).points == 100
    assert scene.claim(2, Tick(version.pk, JA)).points == 100
    assert ConditionsAcceptance.objects.count() == 1


def test_a_code_claimed_before_is_a_repeat_and_asks_for_nothing(scene: Scene) -> None:
    first = scene.claim()
    scene.publish()
    assert scene.claim() == first._replace(is_repeat=True)


def test_a_tick_counts_for_what_was_shown_alone(scene: Scene) -> None:
    first = scene.publish("初版")
    other = Scene()
    foreign, second = other.publish("ほか"), scene.publish("改訂")
    no_english = Tick(second.pk, EN)
    draft = campaigns.write_conditions(
        campaign_id=scene.campaign.pk,
        text_ja="下書き",
        text_en="",
        in_force_from=None,
        user=scene.team.marketer,
        at=NOON,
    )
    for tick in (None, Tick(first.pk, JA), Tick(foreign.pk, JA), no_english, Tick(draft.pk, JA), Tick(0, JA)):
        with pytest.raises(ClaimHeldBack) as held:
            scene.claim(tick=tick)
        assert held.value.rows[0][0] == second.pk
    assert not ConditionsAcceptance.objects.exists()
    assert scene.claim(tick=Tick(second.pk, JA)).points == 100


def test_a_version_counts_from_its_moment(scene: Scene) -> None:
    scene.publish("初版", in_force_from=NOON + HOUR)
    assert scene.claim(0).points == 100
    now = scene.publish("改訂", in_force_from=NOON)
    assert queries.conditions_in_force(scene.campaign, at=NOON) == now
    with pytest.raises(ClaimHeldBack):
        scene.claim(1)
    # The higher number counts, though the lower one begins later.
    assert queries.conditions_in_force(scene.campaign, at=NOON + 2 * HOUR) == now


@pytest.mark.parametrize("spoil", ["used", "void", "expired", "limit"])
def test_only_a_code_that_can_be_used_asks_for_anything(scene: Scene, spoil: str) -> None:
    """The success first: with the same conditions, the same code is held back."""
    scene.publish()
    with pytest.raises(ClaimHeldBack):
        scene.claim()
    code = make.code_of(scene.batch)
    if spoil == "used":
        giftcodes.claim_code(text=code, member=make.member(), at=NOON)
    elif spoil == "void":
        giftcodes.void_codes(
            batch_id=scene.batch.pk,
            first_serial=scene.batch.first_serial,
            last_serial=scene.batch.first_serial,
            **make.decided(scene.batch),
        )
    elif spoil == "limit":
        for place in (1, 2, 3):
            giftcodes.claim_code(text=make.code_of(scene.batch, place), member=scene.member, at=NOON)
    version = scene.campaign.conditions.get()
    for tick in (None, Tick(version.pk, JA)):
        with pytest.raises(CodeNotUsable):
            giftcodes.claim_code(
                text=code,
                member=scene.member,
                at=NOON + (timedelta(days=31) if spoil == "expired" else timedelta()),
                unless=campaigns.unless_accepted(member=scene.member, tick=tick),
            )
    assert not ConditionsAcceptance.objects.exists()


def test_the_proviso_costs_no_round_trip(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """Everything that decides goes out together, whatever the number of statements."""
    sent: list[int] = []
    together = vars(claims)["run_together"]

    def counted(*statements: Any, **options: Any) -> Any:
        sent.append(len(statements))
        return together(*statements, **options)

    monkeypatch.setattr(claims, "run_together", counted)
    version = scene.publish()
    make.wallet(scene.member, scene.team.brand.program)
    giftcodes.claim_code(text=make.code_of(scene.batch, 0), member=scene.member, at=NOON)
    scene.claim(1, Tick(version.pk, JA))
    scene.claim(2)
    assert len(sent) == 3
    assert [count - sent[0] for count in sent] == [0, 2, 1]


def test_a_try_that_is_held_back_is_no_strike_and_leaves_no_row(scene: Scene) -> None:
    scene.publish()
    asker = giftcodes.Asker(scene.member, "203.0.113.9")
    unless = campaigns.unless_accepted(member=scene.member, tick=None)
    for _ in range(6):
        with pytest.raises(ClaimHeldBack):
            giftcodes.try_code(text=make.code_of(scene.batch), asker=asker, at=NOON, unless=unless)
    assert giftcodes_queries.counts_of(scene.batch).claimed == 0
    assert giftcodes.try_code(text=make.code_of(scene.batch), asker=asker, at=NOON).points == 100


# --- Writing and publishing


def test_a_draft_asks_nothing_of_members_and_can_go(scene: Scene) -> None:
    ask: dict[str, Any] = {"campaign_id": scene.campaign.pk, "user": scene.team.marketer}
    text: dict[str, Any] = {"text_ja": "案", "text_en": "", "in_force_from": None, "at": NOON}
    draft = campaigns.write_conditions(**ask, **text)
    again = campaigns.write_conditions(**ask, **text | {"text_ja": "案2"})
    assert (again.pk, again.number, again.text_ja) == (draft.pk, 1, "案2")
    assert scene.claim().points == 100
    campaigns.discard_conditions(**ask)
    assert not ConditionsVersion.objects.exists()


def test_versions_are_numbered_and_say_who_published_them(scene: Scene) -> None:
    first, second = scene.publish("初版"), scene.publish("改訂", at=NOON + HOUR)
    assert (first.number, second.number) == (1, 2)
    assert (second.published_by, second.published_at) == (scene.team.marketer, NOON + HOUR)
    assert (first.in_force_from, second.in_force_from) == (NOON, NOON + HOUR)  # never before
    assert second.sha256_ja == queries.sha256_of("改訂")
    scene.claim(tick=Tick(first.pk, JA))  # at NOON
    counts = queries.with_counts(queries.versions_of(scene.campaign))
    assert [(row.number, vars(row)["accepted_by"]) for row in counts] == [(2, 0), (1, 1)]


def test_only_what_was_seen_is_published(scene: Scene) -> None:
    ask: dict[str, Any] = {"campaign_id": scene.campaign.pk, "user": scene.team.marketer, "at": NOON}
    text: dict[str, Any] = {"text_ja": "案", "text_en": "", "in_force_from": None}
    seen = queries.fingerprint_of_draft(campaigns.write_conditions(**ask, **text))
    for change in ({"text_ja": "別案"}, {"text_en": "Draft"}, {"in_force_from": NOON + HOUR}):
        campaigns.write_conditions(**ask, **text | change)
        with pytest.raises(ConditionsChanged):
            campaigns.publish_conditions(**ask, fingerprint=seen)
    campaigns.write_conditions(**ask, **text)
    assert campaigns.publish_conditions(**ask, fingerprint=seen).number == 1
    with pytest.raises(ConditionsChanged):
        campaigns.publish_conditions(**ask, fingerprint=seen)


@pytest.mark.parametrize(
    ("text_ja", "text_en"),
    [
        ("", "English alone"),
        (" \n", ""),
        ("あ" * (MAX_CONDITIONS_LETTERS + 1), ""),
        ("規約", "x" * 100_000),
    ],
    ids=["none", "blank", "long", "long English"],
)
def test_texts_that_no_page_can_hold_are_refused(scene: Scene, text_ja: str, text_en: str) -> None:
    ask: dict[str, Any] = {"campaign_id": scene.campaign.pk, "user": scene.team.marketer, "at": NOON}
    with pytest.raises(ConditionsUnfit):
        campaigns.write_conditions(**ask, text_ja=text_ja, text_en=text_en, in_force_from=None)
    longest = "あ" * MAX_CONDITIONS_LETTERS
    campaigns.write_conditions(**ask, text_ja=longest, text_en="", in_force_from=None)
    assert scene.campaign.conditions.get().text_ja == longest


@pytest.mark.parametrize("role", Role)
def test_marketers_of_the_brand_alone_write_and_publish(scene: Scene, role: Role) -> None:
    insiders, outsider = make.staff(role, scene.team.brand), make.staff(role, make.brand())
    text: dict[str, Any] = {"text_ja": "案", "text_en": "", "in_force_from": None, "at": NOON}
    campaigns.write_conditions(campaign_id=scene.campaign.pk, user=scene.team.marketer, **text)
    seen = queries.fingerprint_of_draft(scene.campaign.conditions.get())
    for person in (outsider,) if role == Role.MARKETER else (outsider, insiders):
        ask: dict[str, Any] = {"campaign_id": scene.campaign.pk, "user": person}
        for act in (
            lambda: campaigns.write_conditions(**ask, **text),  # noqa: B023
            lambda: campaigns.publish_conditions(**ask, fingerprint=seen, at=NOON),  # noqa: B023
            lambda: campaigns.discard_conditions(**ask),  # noqa: B023
        ):
            with pytest.raises(NotReachable):
                act()
    assert scene.campaign.conditions.get().published_at is None


def test_the_database_holds_what_a_version_is(scene: Scene) -> None:
    version = scene.publish()
    good = {
        "campaign": scene.campaign,
        "number": 9,
        "text_ja": "規約",
        "sha256_ja": "0" * 64,
        "edited_by": scene.team.marketer,
        "edited_at": NOON,
        "published_by": scene.team.marketer,
        "published_at": NOON,
        "in_force_from": NOON,
    }
    spoilt: list[dict[str, Any]] = [
        {"number": version.number},
        {"number": 0},
        {"text_ja": ""},
        {"text_ja": "あ" * (MAX_CONDITIONS_LETTERS + 1)},
        {"sha256_ja": "0" * 63},
        {"text_en": "English"},
        {"published_by": None},
        {"in_force_from": None},
        {"in_force_from": NOON - HOUR},
    ]
    for change in spoilt:
        with pytest.raises(DatabaseError), transaction.atomic():
            ConditionsVersion.objects.create(**good | change)
    ConditionsVersion.objects.create(**good)
    draft = good | {"published_by": None, "published_at": None}
    ConditionsVersion.objects.create(**draft | {"number": 10})
    with pytest.raises(IntegrityError), transaction.atomic():
        ConditionsVersion.objects.create(**draft | {"number": 11})


def test_the_database_holds_what_an_acceptance_is(scene: Scene) -> None:
    version = scene.publish()
    good: dict[str, Any] = {
        "member": scene.member,
        "version": version,
        "accepted_at": NOON,
        "language": JA,
        "sha256": "0" * 64,
    }
    for change in ({"language": "fr"}, {"sha256": ""}):
        with pytest.raises(IntegrityError), transaction.atomic():
            ConditionsAcceptance.objects.create(**good | change)
    ConditionsAcceptance.objects.create(**good)
    with pytest.raises(IntegrityError), transaction.atomic():
        ConditionsAcceptance.objects.create(**good)


@pytest.mark.postgresql
@pytest.mark.django_db(transaction=True)
def test_postgresql_refuses_to_change_what_was_published_or_accepted(scene: Scene) -> None:
    version = scene.publish()
    scene.claim(tick=Tick(version.pk, JA))
    for table in ("campaigns_conditionsversion", "campaigns_conditionsacceptance"):
        for change in (f"UPDATE {table} SET id = id", f"DELETE FROM {table}", f"TRUNCATE {table} CASCADE"):
            refused = pytest.raises(DatabaseError, match="append-only")
            with refused, transaction.atomic(), connection.cursor() as cursor:
                cursor.execute(change)
    assert queries.acceptance_of(scene.member, version) is not None


def test_an_acceptance_outlives_the_person_behind_the_member(scene: Scene) -> None:
    version = scene.publish()
    scene.claim(tick=Tick(version.pk, JA))
    user = scene.member.user
    assert user is not None
    Member.objects.filter(pk=scene.member.pk).update(user=None)
    user.delete()
    assert ConditionsAcceptance.objects.get().member_id == scene.member.pk
