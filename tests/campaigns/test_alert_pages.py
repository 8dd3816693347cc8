"""The pages of alerts: what the list shows, taking one on, mails, and a brand's own settings."""

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from campaigns.alert_models import Alert, AlertKind, AlertRule, NoAlertMail
from parties.models import Role
from tests import make
from tests.campaigns import promos
from tests.campaigns.alarmed import DAY, look
from tests.campaigns.pages import signed_in, told
from tests.make import NOON

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("noon")]
LIST = reverse("admin:campaigns_alert_changelist")


def calling(team: promos.Team) -> Alert:
    promos.submitted(team, claim_from=NOON - DAY)
    look()
    return Alert.objects.get()


def listed(client: Client, state: str = "") -> list[Alert]:
    return list(client.get(LIST, {"state": state} if state else {}).context["cl"].result_list)


def test_an_alert_leaves_the_list_once_somebody_takes_it_on_and_can_be_found_again() -> None:
    team = promos.team()
    alert, client = calling(team), signed_in(team.marketer)
    assert listed(client) == [alert]
    page = reverse("admin:campaigns_alert_change", args=(alert.pk,))
    assert "not approved yet" in client.get(page).content.decode()
    see_to = reverse("admin:campaigns_alert_see_to", args=(alert.pk,))
    assert "Write what is being done" in told(client.post(see_to, {"note": " "}, follow=True))
    assert "you are handling this" in told(client.post(see_to, {"note": "asked Sato"}, follow=True))
    assert "Somebody was faster" in told(client.post(see_to, {"note": "me too"}, follow=True))
    assert "asked Sato" in client.get(page).content.decode()
    assert (listed(client), listed(client, "seen_to"), listed(client, "ended")) == ([], [alert], [])


def test_an_auditor_reads_and_takes_nothing_on() -> None:
    team = promos.team()
    alert = calling(team)
    page = reverse("admin:campaigns_alert_change", args=(alert.pk,))
    auditor = signed_in(make.staff(Role.AUDITOR, team.brand))
    assert "Take it on" not in auditor.get(page).content.decode()
    assert "Take it on" in signed_in(team.finance).get(page).content.decode()


def test_everybody_turns_their_own_mails_off_and_on() -> None:
    team = promos.team()
    client, mails = signed_in(team.marketer), reverse("admin:campaigns_alert_mails")
    client.post(mails, {"wanted": "0"})
    assert [row.user for row in NoAlertMail.objects.all()] == [team.marketer]
    assert "You get no mails about alerts." in client.get(LIST).content.decode()
    client.post(mails, {"wanted": "1"})
    assert not NoAlertMail.objects.exists()


@pytest.mark.parametrize(("threshold", "is_taken"), [("2", False), ("3", True), ("20", True), ("21", False)])
def test_a_threshold_lies_within_the_bounds_of_its_kind(threshold: str, is_taken: bool) -> None:
    team = promos.team()
    client = signed_in(team.approver)
    asked: dict[str, Any] = {"brand": team.brand.pk, "kind": AlertKind.CLAIM_RATE, "threshold": threshold}
    answer = client.post(reverse("admin:campaigns_alertrule_add"), asked)
    assert (answer.status_code == 302) == is_taken
    assert AlertRule.objects.filter(brand=team.brand, is_mailed=False).exists() == is_taken
    rule = AlertRule.objects.create(brand=team.brand, kind=AlertKind.WINDOW_ENDS, threshold=7)
    changed = client.post(reverse("admin:campaigns_alertrule_change", args=(rule.pk,)), {"threshold": "61"})
    assert changed.status_code == 200


@pytest.mark.both
def test_a_brand_has_one_setting_of_a_kind() -> None:
    team = promos.team()
    client = signed_in(team.marketer)
    asked = {"brand": team.brand.pk, "kind": AlertKind.FUNDS_LOW, "threshold": "20", "is_mailed": "on"}
    answers = [client.post(reverse("admin:campaigns_alertrule_add"), asked).status_code for _ in range(2)]
    assert answers == [302, 200]
    assert AlertRule.objects.get().threshold == 20
