"""The results of a campaign that takes long to count: as of the last count, with its moment."""

from datetime import timedelta

import pytest
from django.db import OperationalError
from django.urls import reverse

from campaigns import services as campaigns
from campaigns import tasks
from campaigns.services.sheets import RESULTS
from ledger.models import Sheet
from ledger.services import sheets
from ledger.statements import database_time
from parties.models import Role
from tests import make
from tests.campaigns.pages import signed_in
from tests.campaigns.test_results import claim, codes, shop
from tests.make import NOON

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)
HINT = "you see the figures of that moment"


@pytest.fixture(autouse=True)
def _all_is_costly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sheets, "COSTLY_MS", 0)


def test_the_page_and_its_files_show_the_last_count_until_a_worker_counts_again() -> None:
    campaign, member = shop(), make.member()
    batch = codes(campaign, ("poster", 5))
    claim(batch, 0, member)
    client = signed_in(make.staff(Role.MARKETER, campaign.brand))
    address = reverse("admin:campaigns_campaign_results", args=(campaign.pk,))

    def poster() -> tuple[str, bool]:
        page = client.get(address)
        rows = client.get(address, {"csv": "1"}).content.decode()
        return next(line for line in rows.splitlines() if line.startswith("poster,")), HINT in str(
            page.content
        )

    client.get(address)
    before = poster()
    claim(batch, 1, member)
    assert poster() == before
    assert before[1]
    campaigns.count_sheets(at=database_time() + sheets.AGAIN)
    assert poster()[0] != before[0]


@pytest.mark.parametrize(
    ("address", "kind"),
    [
        ("admin:campaigns_campaign_liability", "campaigns"),
        ("admin:ledger_report_liability", "liability"),
        ("admin:ledger_report_breakage", "breakage"),
        ("admin:ledger_report_trial-balance", "trial"),
    ],
)
@pytest.mark.parametrize("is_operator", [False, True])
def test_reports_are_kept_for_whoever_sees_the_same_and_for_nobody_else(
    address: str, kind: str, *, is_operator: bool
) -> None:
    campaign = shop()
    claim(codes(campaign, ("poster", 5)), 0, make.member())
    reader = make.staff(Role.FINANCE, None if is_operator else campaign.brand)
    first = signed_in(reader).get(reverse(address)).content.decode()
    again = signed_in(reader).get(reverse(address)).content.decode()
    assert (HINT in first, HINT in again) == (False, True)
    make.brand(program=campaign.brand.program)
    stranger = make.staff(Role.FINANCE, make.brand(program=campaign.brand.program))
    assert HINT not in signed_in(stranger).get(reverse(address)).content.decode()
    kept = Sheet.objects.filter(subject__startswith=f"{kind}:")
    assert kept.count() == 2
    moved = kept.order_by("pk").first()
    assert moved is not None
    campaigns.count_sheets(at=database_time() + sheets.AGAIN + timedelta(minutes=1))
    assert kept.get(pk=moved.pk).counted_at > moved.counted_at


def test_a_large_campaign_is_counted_before_anybody_asks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("campaigns.services.sheets.LARGE", 2)
    large, small = shop(), shop(slug="small", name="Small")
    for campaign, claims in ((large, 2), (small, 1)):
        batch = codes(campaign, ("poster", 5))
        for place in range(claims):
            claim(batch, place, make.member())
    campaigns.count_claims()
    at = NOON + timedelta(hours=1)
    assert [campaigns.count_large_campaigns(at=at) for _ in range(2)] == [1, 0]
    assert [sheet.subject for sheet in Sheet.objects.all()] == [f"results:[{large.pk}]"]


def test_large_campaigns_are_looked_for_among_those_with_claims_lately(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("campaigns.services.sheets.LARGE", 1)
    campaign = shop()
    claim(codes(campaign, ("poster", 5)), 0, make.member())
    campaigns.count_claims()
    assert [campaigns.count_large_campaigns(at=NOON + days) for days in (3 * DAY, DAY)] == [0, 1]


def test_a_large_campaign_that_counts_quickly_is_no_work_to_go_on_with(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("campaigns.services.sheets.LARGE", 1)
    monkeypatch.setattr(sheets, "COSTLY_MS", 10**9)
    claim(codes(shop(), ("poster", 5)), 0, make.member())
    campaigns.count_claims()
    assert campaigns.count_large_campaigns(at=NOON + DAY) == 0


def test_a_past_moment_that_was_typed_comes_once_a_worker_has_counted_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    campaign = shop()
    client = signed_in(make.staff(Role.FINANCE, campaign.brand))
    address = reverse("admin:ledger_report_trial-balance")
    typed = {"at": "2026-11-02T12:00"}

    class Cancelled(Exception):
        sqlstate = "57014"

    def impatient(*_about: object, **_at: object) -> None:
        raise OperationalError from Cancelled()

    with monkeypatch.context() as patched:
        patched.setattr("ledger.reports.account_lines", impatient)
        assert client.get(address, typed).headers.get("Refresh")
    assert client.get(address, typed).headers.get("Refresh")
    assert campaigns.count_sheets(at=database_time()) == 1
    assert "Refresh" not in client.get(address, typed).headers


@pytest.mark.parametrize(("seconds", "counted"), [(60.0, 2), (0.0, 0)])
def test_a_run_of_a_worker_counts_until_its_time_is_over(
    monkeypatch: pytest.MonkeyPatch, seconds: float, counted: int
) -> None:
    monkeypatch.setattr(tasks, "_SECONDS_OF_COUNTING", seconds)
    due = database_time() - 2 * sheets.AGAIN
    for slug in ("one", "two"):
        sheets.figures_of(RESULTS, shop(slug=slug).pk, at=due)
    tasks.count_sheets()
    assert Sheet.objects.filter(counted_at__gt=due).count() == counted
