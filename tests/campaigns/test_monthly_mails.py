"""The mail about a month: to marketers and finance of the brand, in their language, once, if they want it."""

import smtplib
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.core import mail
from django.core.mail.backends.locmem import EmailBackend
from django.urls import reverse

from campaigns import services as campaigns
from campaigns.models import Campaign
from campaigns.monthly_models import MonthlyMail, NoMonthlyMail
from campaigns.monthly_queries import MAX_TRIES
from campaigns.operator_findings import findings_of_operator
from campaigns.services import monthly_mails
from giftcodes import services as giftcodes
from giftcodes.models import Batch
from parties.models import Brand, Role, User
from tests import make
from tests.campaigns.pages import signed_in
from tests.concurrency.racing import race
from tests.make import NOON
from tests.redemption_site import visits

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)
IN_OCTOBER, IN_NOVEMBER = NOON - 20 * DAY, NOON
FIRST_OF_DECEMBER = datetime(2026, 11, 30, 16, tzinfo=UTC)  # one o'clock in Japan


def ran(brand: Brand, **fields: Any) -> Campaign:
    period = {"starts_at": NOON - 40 * DAY, "ends_at": NOON + 10 * DAY}
    return Campaign.objects.create(
        brand=brand,
        **{"slug": "spring", "name": "Spring", "title_ja": "春", "published_at": NOON} | period | fields,
    )


def claims(campaign: Campaign, *moments: datetime) -> None:
    window = {"claim_from": NOON - 40 * DAY, "claim_until": NOON + 40 * DAY, "approved_at": NOON - 40 * DAY}
    batch = visits.batch_of(campaign, size=len(moments), brand=campaign.brand, face_points=1_000, **window)
    Batch.objects.filter(pk=batch.pk).update(activated_at=NOON - 40 * DAY)
    for place, at in enumerate(moments):
        giftcodes.claim_code(text=make.code_of(batch, place), member=make.member(), at=at)
        campaigns.count_try(code=make.code_of(batch, place), at=at)
        campaigns.count_opening(campaign_id=campaign.pk, at=at)


def send(at: datetime = FIRST_OF_DECEMBER, limit: int = 100) -> int:
    return campaigns.send_months(site_url="https://points.example", at=at, limit=limit)


def brand_with(*roles: Role) -> tuple[Brand, list[User]]:
    brand = make.brand(name="Aozora")
    return brand, [make.staff(role, brand, language="en") for role in roles]


def test_it_tells_the_month_beside_the_one_before_and_where_to_read_on() -> None:
    brand, (person,) = brand_with(Role.MARKETER)
    campaign = ran(brand)
    make.deposit(brand, 1_000_000)  # by finance, who read it, too
    claims(campaign, IN_OCTOBER, IN_NOVEMBER, IN_NOVEMBER, FIRST_OF_DECEMBER)
    assert send() == 3
    (message,) = [message for message in mail.outbox if message.to == [person.email]]
    assert message.subject == "Aozora: your campaigns in November 2026"
    text = str(message.body)
    for line in ("Page opened: 2 (1)", "Codes tried: 2 (1)", "Codes claimed: 2 (1)"):
        assert line in text
    assert "Points claimed: 2,000 (1,000)" in text
    assert f"https://points.example/admin/campaigns/campaign/{campaign.pk}/results/" in text
    assert "https://points.example/admin/campaigns/campaign/results/mails/" in text
    assert MonthlyMail.objects.get(recipient=person).sent_at == FIRST_OF_DECEMBER


def test_who_never_said_a_language_reads_japanese() -> None:
    brand = make.brand(name="青空")
    make.staff(Role.FINANCE, brand)
    ran(brand)
    send()
    assert mail.outbox[0].subject == "【青空】2026年11月のキャンペーン結果"
    assert "受け取られたコード: 0 (0)" in str(mail.outbox[0].body)


def test_marketers_and_finance_of_the_brand_get_it_and_nobody_else() -> None:
    brand, people = brand_with(Role.MARKETER, Role.FINANCE)
    _other_brand, _people = brand_with(Role.MARKETER)  # without a campaign
    people[0].staff_roles.create(brand=brand, role=Role.FINANCE)  # both roles, one mail
    for role in (Role.APPROVER, Role.SUPPORT, Role.AUDITOR):
        make.staff(role, brand)
    make.staff(Role.MARKETER, None)
    make.staff(Role.MARKETER, brand, is_active=False)
    ran(brand)
    ran(brand, slug="draft", published_at=None)
    ran(brand, slug="old", ends_at=NOON - 10 * DAY)
    send()
    assert sorted(message.to[0] for message in mail.outbox) == sorted(str(one.email) for one in people)
    assert str(mail.outbox[0].body).count("/results/\n") == 1


def test_it_comes_once_and_on_the_first_days_alone() -> None:
    brand, _people = brand_with(Role.MARKETER)
    ran(brand)
    for at in (FIRST_OF_DECEMBER - 2 * timedelta(hours=1), FIRST_OF_DECEMBER + 7 * DAY):
        send(at)
    before = len(mail.outbox)
    for after in (0, 1, 6):
        send(FIRST_OF_DECEMBER + after * DAY)
    assert (before, len(mail.outbox)) == (0, 1)


def test_who_turned_it_off_gets_none_until_they_turn_it_on() -> None:
    brand, (person, _other) = brand_with(Role.MARKETER, Role.FINANCE)
    ran(brand)
    client, page = signed_in(person), reverse("admin:campaigns_campaign_mails")
    assert "You get it." in client.get(page).content.decode()
    answer = client.post(page, follow=True).content.decode()
    assert "You have turned it off." in answer
    assert NoMonthlyMail.objects.get().user == person
    send()
    assert person.email not in [message.to[0] for message in mail.outbox]
    assert len(mail.outbox) == 1
    client.post(page, {"want": "1"})
    send()
    assert [message.to[0] for message in mail.outbox].count(str(person.email)) == 1


@pytest.mark.parametrize(
    ("step", "failure", "mails"),
    [
        ("send_messages", smtplib.SMTPServerDisconnected("broke off"), 0),
        ("send_messages", TimeoutError(), 0),
        ("open", ConnectionRefusedError(), 1),
        ("open", TimeoutError(), 1),
        ("send_messages", smtplib.SMTPDataError(451, b"later"), 1),
    ],
)
def test_what_was_surely_not_sent_is_tried_again_later_and_what_may_have_been_is_not(
    monkeypatch: pytest.MonkeyPatch, step: str, failure: Exception, mails: int
) -> None:
    brand, _people = brand_with(Role.MARKETER)
    ran(brand)

    def away(*_mail: object) -> None:
        raise failure

    with monkeypatch.context() as patch:
        patch.setattr(EmailBackend, step, away)
        assert send() == 1
        assert send() == 0  # not at once
    send(FIRST_OF_DECEMBER + timedelta(hours=1))
    assert len(mail.outbox) == mails


@pytest.mark.parametrize("end", ["tries", "wish", "role", "month", "nothing"])
def test_a_mail_is_work_that_waits_until_it_is_sent_given_up_old_or_unwanted(
    monkeypatch: pytest.MonkeyPatch, end: str
) -> None:
    brand, (person,) = brand_with(Role.MARKETER)
    ran(brand)

    def refuse(*_mail: object) -> None:
        raise ConnectionRefusedError

    at = FIRST_OF_DECEMBER
    with monkeypatch.context() as patch:
        patch.setattr(EmailBackend, "open", refuse)
        for hours in range(MAX_TRIES if end == "tries" else 1):
            send(at + timedelta(hours=hours))
    assert MonthlyMail.objects.filter(taken_at=None).count() == 1
    if end == "wish":
        campaigns.want_monthly_mails(user=person, is_wanted=False, at=at)
    if end == "role":
        person.staff_roles.all().delete()
    later = at + (7 * DAY if end == "month" else DAY)
    late = [finding.subject for finding in findings_of_operator(at=later)]
    assert late == (["monthly_mails"] if end == "nothing" else [])
    assert send(later) == (1 if end == "nothing" else 0)


@pytest.mark.django_db(transaction=True)
@pytest.mark.postgresql
@pytest.mark.parametrize("is_guarded", [True, False])
def test_workers_at_once_send_it_once(monkeypatch: pytest.MonkeyPatch, *, is_guarded: bool) -> None:
    """Without the filtered update the same workers do send it more often, or this shows nothing."""
    brand, _people = brand_with(Role.MARKETER)
    ran(brand)
    if not is_guarded:
        monkeypatch.setattr(monthly_mails, "_take", taken_by_everybody)
    outcomes = race(*[send] * 8)
    assert not [outcome for outcome in outcomes if isinstance(outcome, Exception)]
    assert (len(mail.outbox) == 1) is is_guarded


def taken_by_everybody(mail_id: int, at: datetime) -> bool:
    return MonthlyMail.objects.filter(pk=mail_id).update(taken_at=at) == 1
