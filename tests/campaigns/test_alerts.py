"""Alerts: what opens one, what ends it, who is told, and what people do about it."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext
from pytest_django.fixtures import Settings

from campaigns import errors
from campaigns import services as campaigns
from campaigns.alert_findings import findings_of_brands
from campaigns.alert_models import Alert, AlertKind, AlertMail, AlertRule, Level
from campaigns.alert_rules import LATE_AFTER
from campaigns.alert_wording import address_of, headline, what_to_do, work_names
from campaigns.operator_findings import _oldest_work
from giftcodes.gift_models import GiftStrand
from giftcodes.guard_models import GuardLevel
from giftcodes.models import Batch, Delivery, Series
from parties.errors import NotReachable
from parties.event_models import Event, EventType
from parties.models import Role
from parties.staff_models import Act, AuditRecord
from tests import make
from tests.api.partner import api_client
from tests.campaigns import promos
from tests.campaigns.alarmed import DAY, HOUR, THIS_HOUR, look, open_alerts, past, poor_brand
from tests.make import NOON

pytestmark = pytest.mark.django_db


def gift_order(team: promos.Team, *, size: int = 100) -> Batch:
    """Gifts that are being issued, of an order of the team."""
    order = promos.submitted(
        team, issuing="api", face_points=10, most_points=20, channels={"API": size}, claim_from=NOON - DAY
    )
    return make.activate(promos.approve(order, team.approver))


def leave(batch: Batch, points: int) -> None:
    GiftStrand.objects.filter(batch=batch).update(points_left=0)
    first = GiftStrand.objects.filter(batch=batch).order_by("pk")[:1]
    GiftStrand.objects.filter(pk__in=[strand.pk for strand in first]).update(points_left=points)


def ready_order(team: promos.Team, **fields: Any) -> Batch:
    """An order whose file was downloaded and whose codes are live, far from the ends of its window."""
    asked = {"claim_from": NOON - 10 * DAY, "claim_until": NOON + 50 * DAY} | fields
    batch = make.activate(promos.approve(promos.submitted(team, **asked), team.approver))
    Delivery.objects.filter(batch=batch).update(downloaded_at=NOON)
    return batch


def kinds() -> list[str]:
    return [alert.kind for alert in open_alerts()]


def test_nothing_calls_where_nothing_is_wrong() -> None:
    team = promos.team()
    ready_order(team)
    gift_order(team)
    assert look() == (0, 0)


def test_gifts_that_run_short_alert_once_and_until_there_are_clearly_more() -> None:
    batch = gift_order(promos.team())
    for left, opened, ended in [(101, 0, 0), (100, 1, 0), (100, 0, 0), (120, 0, 0), (121, 0, 1), (110, 0, 0)]:
        leave(batch, left)
        assert look() == (opened, ended), left
    assert Alert.objects.get().facts["points"] == 120  # as it was last seen


def test_gifts_that_are_used_up_are_urgent() -> None:
    batch = gift_order(promos.team())
    leave(batch, 0)
    look()
    assert Alert.objects.get().level == Level.URGENT


def test_a_brand_sets_when_it_wants_to_be_alerted() -> None:
    team = promos.team()
    batch = gift_order(team)
    leave(batch, 300)
    assert look() == (0, 0)
    AlertRule.objects.create(brand=team.brand, kind=AlertKind.BUDGET_LOW, threshold=30)
    assert look() == (1, 0)


@pytest.mark.parametrize(("left", "is_told"), [(10, True), (11, False)])
def test_funds_below_a_tenth_of_the_last_deposit(left: int, is_told: bool) -> None:
    poor_brand(left_percent=left)
    look()
    assert kinds() == (["funds_low"] if is_told else [])


def test_funds_that_do_not_cover_what_waits_are_urgent_whatever_is_left() -> None:
    team = promos.team(funds=4_999)
    promos.submitted(team)  # 50 codes of 100 points
    look()
    assert [(alert.kind, alert.level) for alert in open_alerts(AlertKind.FUNDS_LOW)] == [("funds_low", 3)]
    make.deposit(team.brand, 5_000)
    look(NOON + HOUR)
    assert open_alerts(AlertKind.FUNDS_LOW) == []


def test_an_hour_far_above_the_same_hour_of_earlier_days_alerts_and_calms_down() -> None:
    campaign = promos.campaign(promos.team())
    # Median 40, MAD 2: from 40 + 6 * sqrt(40) = 77.9 on it is unusual, above 59.0 it stays so.
    past(campaign, [77, 40, 42, 38, 41, 39, 44, 40])
    assert look() == (0, 0)
    campaign.claim_counts.filter(hour=THIS_HOUR).update(claims=78)
    assert look() == (1, 0)
    campaign.claim_counts.filter(hour=THIS_HOUR).update(claims=60)
    assert look() == (0, 0)
    campaign.claim_counts.filter(hour=THIS_HOUR).update(claims=58)
    assert look() == (0, 1)


@pytest.mark.parametrize(
    ("counts", "why"),
    [
        ([500, 40, 42, 38, 41, 39, 44], "six days before are too few to say"),
        ([29, 1, 1, 1, 1, 1, 1, 1], "fewer than thirty are a coincidence"),
        ([500, 480, 20, 500, 470, 30, 510, 490], "it is like this on most days"),
    ],
)
def test_an_hour_is_not_unusual(counts: list[int], why: str) -> None:
    past(promos.campaign(promos.team()), counts)
    assert look() == (0, 0), why


def test_a_campaign_that_slept_alerts_when_it_wakes_up() -> None:
    past(promos.campaign(promos.team()), [31, 0, 0, 0, 0, 0, 0, 0, 0, 1])
    assert look() == (1, 0)


def test_the_whole_hour_before_counts_after_the_clock_has_struck() -> None:
    campaign = promos.campaign(promos.team())
    past(campaign, [78, 40, 42, 38, 41, 39, 44, 40])
    assert look(NOON + HOUR) == (1, 0)
    look(NOON + 2 * HOUR)
    assert open_alerts(AlertKind.CLAIM_RATE) == []


def test_windows_that_begin_and_end_soon() -> None:
    team = promos.team()
    ready_order(team, claim_from=NOON + 3 * DAY, claim_until=NOON + 8 * DAY)
    ready_order(team, claim_until=NOON + 7 * DAY)
    ready_order(team, claim_from=NOON + 4 * DAY)
    look()
    assert kinds() == ["window_begins", "window_ends"]
    look(NOON + 3 * DAY)  # the first has begun, and ends in five days; the third begins tomorrow
    assert sorted(set(kinds()) - {"work_behind"}) == ["window_begins", "window_ends"]
    assert len(open_alerts(AlertKind.WINDOW_ENDS)) == 2


@pytest.mark.parametrize(
    ("change", "lacks"),
    [
        ({"state": "minting", "activated_at": None}, "minting"),
        ({}, "download"),
        ({"state": "minted", "activation": "by_hand", "downloaded": NOON}, "activation"),
        ({"state": "minted", "activation": "on_receipt", "downloaded": NOON}, "receipt"),
        ({"downloaded": NOON}, None),
    ],
)
def test_codes_that_nobody_holds_while_their_window_is_open(
    change: dict[str, Any], lacks: str | None
) -> None:
    change = dict(change)  # its own copy: parameters are shared
    batch = ready_order(promos.team(), activation=change.pop("activation", "at_start"))
    Delivery.objects.filter(batch=batch).update(downloaded_at=change.pop("downloaded", None))
    Batch.objects.filter(pk=batch.pk).update(**change)
    look()
    assert [alert.facts["lacks"] for alert in open_alerts()] == ([lacks] if lacks else [])


def test_looking_for_unready_codes_takes_as_many_queries_however_many_there_are() -> None:
    team, asked = promos.team(), []
    for number in (1, 2):
        for _ in range(number):
            Delivery.objects.filter(batch=ready_order(team)).update(downloaded_at=None)
            Delivery.objects.filter(batch=ready_order(team)).delete()
        with CaptureQueriesContext(connection) as queries:
            findings = [one for one in findings_of_brands(at=NOON) if one.kind == AlertKind.NOT_READY]
        asked.append((len(findings), len(queries)))
    assert [found for found, _queries in asked] == [2, 6]
    assert asked[0][1] == asked[1][1]


def test_an_order_that_nobody_approved_in_time() -> None:
    order = promos.submitted(promos.team(), claim_from=NOON + 2 * DAY)
    look()
    [alert] = open_alerts()
    assert (alert.subject, alert.facts["lacks"], alert.level) == (f"order:{order.pk}", "approval", 2)
    look(NOON + 2 * DAY)
    alert.refresh_from_db()
    assert alert.level == Level.URGENT


def test_sandboxes_call_nobody() -> None:
    order = promos.submitted(promos.team(), claim_from=NOON - DAY)
    program = order.campaign.brand.program
    type(program).objects.filter(pk=program.pk).update(is_sandbox=True)
    assert look() == (0, 0)


def test_the_breaker_a_full_series_and_late_work_call_the_operator(settings: Settings) -> None:
    settings.REDIS_URL = ""  # the database counts
    make.batch(brand=make.brand(funds=10**6), approved_at=NOON - 2 * HOUR)
    GuardLevel.objects.create(pk=1, level=2, until_ms=int((NOON + HOUR).timestamp() * 1000))
    Series.objects.filter(digit=1).update(live_codes=10**7)
    look()
    assert sorted(kinds()) == ["breaker", "series_density", "work_behind"]
    assert {alert.brand for alert in open_alerts()} == {None}
    Series.objects.filter(digit=1).update(live_codes=9 * 10**6)
    GuardLevel.objects.update(level=0)
    look(NOON + HOUR)
    assert sorted(kinds()) == ["series_density", "work_behind"]
    Series.objects.filter(digit=1).update(live_codes=9 * 10**6 - 1)
    look(NOON + HOUR)
    assert kinds() == ["work_behind"]


def test_the_operator_is_called_for_every_kind_of_work() -> None:
    assert set(LATE_AFTER) == set(work_names()) == set(_oldest_work(at=NOON))


def test_an_alert_tells_its_people_once_and_partners_when_it_opens_and_ends() -> None:
    team = promos.team()
    api_client(team.brand)
    support = make.staff(Role.SUPPORT, team.brand)
    order = promos.submitted(team, claim_from=NOON + 2 * DAY)
    look(), look()
    [alert] = open_alerts()
    assert {mail.recipient for mail in alert.mails.all()} == {team.marketer}
    assert support not in {mail.recipient for mail in AlertMail.objects.all()}
    promos.approve(order, team.approver)
    make.activate(Batch.objects.get())
    Delivery.objects.update(downloaded_at=NOON)
    look(NOON + HOUR), look(NOON + HOUR)
    told = Event.objects.filter(object_id=str(alert.public_id)).order_by("sequence")
    assert [event.type for event in told] == [EventType.ALERT_OPENED, EventType.ALERT_ENDED]
    assert told[0].data | told[1].data == {
        "kind": "not_ready",
        "level": "warning",
        "about": order.public_id.hex,
        "opened_at": "2026-11-02T12:00:00+09:00",
        "ended_at": "2026-11-02T13:00:00+09:00",
    }


def test_a_brand_without_mails_and_a_person_without_mails_get_none() -> None:
    team, other = promos.team(), promos.team()
    AlertRule.objects.create(brand=team.brand, kind=AlertKind.NOT_READY, threshold=3, is_mailed=False)
    campaigns.wish_for_mails(user=other.marketer, is_wanted=False, at=NOON)
    operator = make.staff(Role.MARKETER, None)
    for of in (team, other):
        promos.submitted(of, claim_from=NOON + 2 * DAY)
    look()
    assert len(open_alerts()) == 2
    # The other brand has nobody left who reads them: the operator's marketer does.
    assert [mail.recipient for mail in AlertMail.objects.all()] == [operator]


def test_there_is_one_open_alert_of_a_kind_about_a_subject_by_constraint() -> None:
    promos.submitted(promos.team(), claim_from=NOON + 2 * DAY)
    look()
    twin = Alert.objects.get()
    twin.pk = None
    twin.public_id = "0b9e6d0c-5c0a-4a53-9d0e-2c9a6a3b8f11"
    with pytest.raises(IntegrityError), transaction.atomic():
        twin.save(force_insert=True)


@pytest.mark.parametrize("lag", [timedelta(), timedelta(minutes=1)])
def test_a_look_that_began_earlier_ends_nothing_that_a_later_one_saw(lag: timedelta) -> None:
    order = promos.submitted(promos.team(), claim_from=NOON + 2 * DAY)
    look(NOON)
    campaigns.reopen_order(order_id=order.pk, user=order.requested_by, at=NOON)
    assert look(NOON - lag) == ((0, 1) if not lag else (0, 0))


def test_seeing_to_an_alert_is_noted_and_audited() -> None:
    team = promos.team()
    promos.submitted(team, claim_from=NOON + 2 * DAY)
    look()
    [alert] = open_alerts()

    def see_to(user: Any, note: str = "called the printer", at: datetime = NOON) -> Alert:
        return campaigns.acknowledge_alert(alert_id=alert.pk, note=note, user=user, at=at)

    for stranger in (make.staff(Role.AUDITOR, team.brand), promos.team().marketer):
        with pytest.raises(NotReachable):
            see_to(stranger)
    with pytest.raises(errors.AlertRefused, match="note"):
        see_to(team.marketer, note="  ")
    assert see_to(team.marketer).note == "called the printer"
    with pytest.raises(errors.AlertRefused, match="seen_to"):
        see_to(team.approver)
    record = AuditRecord.objects.filter(act=Act.CONFIRMED, subject_type="campaigns.alert").get()
    assert (record.brand, record.reason) == (team.brand, "called the printer")


def test_an_alert_of_the_operator_is_seen_to_by_the_operator_alone() -> None:
    make.batch(brand=make.brand(funds=10**6), approved_at=NOON - 2 * HOUR)
    look()
    [alert] = open_alerts()
    with pytest.raises(NotReachable):
        campaigns.acknowledge_alert(alert_id=alert.pk, note="x", user=promos.team().marketer, at=NOON)
    operator = make.staff(Role.SUPPORT, None)
    assert campaigns.acknowledge_alert(alert_id=alert.pk, note="x", user=operator, at=NOON).note == "x"


def test_every_kind_has_words_and_a_page(settings: Settings) -> None:
    settings.REDIS_URL = ""
    team = promos.team()
    leave(gift_order(team), 0)
    past(promos.campaign(team), [90, 40, 42, 38, 41, 39, 44, 40])
    promos.submitted(team, face_points=10**6)
    ready_order(team, claim_from=NOON + DAY)
    ready_order(team, claim_until=NOON + DAY)
    make.batch(brand=make.brand(funds=10**6), approved_at=NOON - 2 * HOUR)
    GuardLevel.objects.create(pk=1, level=1, until_ms=int((NOON + HOUR).timestamp() * 1000))
    Series.objects.filter(digit=1).update(live_codes=9 * 10**7)
    look()
    assert set(kinds()) == set(AlertKind.values)
    for alert in open_alerts():
        assert "%(" not in headline(alert) + what_to_do(alert)
        assert address_of(alert).startswith("/admin/")
