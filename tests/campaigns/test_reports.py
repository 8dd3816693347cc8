"""What is owed to members, campaign by campaign."""

from datetime import timedelta

import pytest
from django.urls import reverse

from campaigns import reports
from campaigns.models import Campaign
from giftcodes import services as giftcodes
from giftcodes.models import Batch, BatchState
from ledger import reports as ledger_reports
from ledger import services as ledger
from ledger.expiry import ExpiryPolicy
from parties.models import Role
from tests import make
from tests.campaigns import promos
from tests.campaigns.pages import signed_in
from tests.make import NOON

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)


def approved(team: promos.Team, codes: int) -> Batch:
    """An order of so many codes of 100 points, of a campaign of its own, whose codes can be claimed."""
    batch = promos.approve(promos.submitted(team, channels={"poster": codes}), team.approver)
    Batch.objects.filter(pk=batch.pk).update(
        state=BatchState.ACTIVE, minted_codes=batch.size, minted_at=NOON, activated_at=NOON
    )
    batch.refresh_from_db()
    return batch


def test_each_campaign_owes_its_codes_its_wallet_points_and_what_is_held() -> None:
    team = promos.team()
    spring, autumn = approved(team, 10), approved(team, 30)
    member = make.member()
    for place in range(3):
        giftcodes.claim_code(text=make.code_of(spring, place), member=member, at=NOON)
    wallet = make.wallet(member, team.brand.program)
    store = make.store(brand=team.brand)
    ask = {"wallet_id": wallet.pk, "store_id": store.pk}
    ledger.spend_points(**ask, points=150, key="lunch", at=NOON + DAY)
    ledger.hold_points(**ask, points=30, key="cart", expires_at=NOON + 3 * DAY, at=NOON + DAY)

    lines = reports.liability_by_campaign(Campaign.objects.all(), at=NOON + 2 * DAY)
    assert [line.campaign for line in lines] == [autumn.order.campaign, spring.order.campaign]
    assert lines[0][1:] == (3_000, 0, 0)
    assert lines[1][1:] == (700, 120, 30)
    owed = ledger_reports.liability(team.brand.program, at=NOON + 2 * DAY)
    assert sum(line.points for line in lines) == owed.points


def test_points_past_their_end_are_owed_no_more_and_the_past_stays_as_it_was() -> None:
    team = promos.team()
    batch = approved(team, 10)
    claimed = giftcodes.claim_code(text=make.code_of(batch), member=make.member(), at=NOON)
    campaigns = Campaign.objects.all()
    (before,) = reports.liability_by_campaign(campaigns, at=NOON)
    (after,) = reports.liability_by_campaign(campaigns, at=claimed.expires_at)
    assert (before.wallet_points, after.wallet_points) == (100, 0)
    ledger.expire_lots(at=claimed.expires_at + DAY)
    giftcodes.close_batch(batch_id=batch.pk, at=claimed.expires_at + DAY)
    assert reports.liability_by_campaign(campaigns, at=NOON) == [before]
    assert reports.liability_by_campaign(campaigns, at=claimed.expires_at) == [after]
    assert reports.liability_by_campaign(campaigns, at=claimed.expires_at + DAY) == []


def test_campaigns_that_were_not_asked_for_and_points_of_none_do_not_count() -> None:
    team, other = promos.team(), promos.team()
    batch = approved(other, 10)
    wallet = make.wallet(make.member(), team.brand.program)
    ledger.grant_points(
        brand_id=team.brand.pk,
        wallet_id=wallet.pk,
        points=70,
        expires=ExpiryPolicy.after_days(10),
        key="gift",
        at=NOON,
    )
    assert reports.liability_by_campaign(Campaign.objects.filter(brand=team.brand), at=NOON) == []
    (line,) = reports.liability_by_campaign(Campaign.objects.filter(brand=other.brand), at=NOON)
    assert (line.campaign, line.points) == (batch.order.campaign, 1_000)


@pytest.mark.parametrize("role", Role)
def test_the_page_is_for_finance_and_auditors_and_shows_their_brands_alone(role: Role) -> None:
    own, other = promos.team(), promos.team()
    mine, foreign = approved(own, 10), approved(other, 30)
    address = reverse("admin:campaigns_campaign_liability")
    asked = {"at": "2026-11-02T12:00"}
    answer = signed_in(make.staff(role, own.brand)).get(address, asked)
    if role not in (Role.FINANCE, Role.AUDITOR):
        assert answer.status_code == 403
        return
    page = answer.content.decode()
    assert str(mine.order.campaign) in page
    assert str(own.brand) in page
    assert str(other.brand) not in page
    everything = signed_in(make.staff(role, None)).get(address, asked | {"csv": "1"}).content.decode()
    assert f"{foreign.order.campaign},{other.brand},3000,0,0,3000,3000" in everything
