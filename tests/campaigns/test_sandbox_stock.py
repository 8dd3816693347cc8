"""What a sandbox lacks is put into it, by stand-ins who can do so nowhere else."""

import uuid
from datetime import datetime, timedelta

import pytest
from django.conf import settings as site_settings
from django.db import transaction
from django.utils import timezone
from pytest_django.fixtures import DjangoCaptureOnCommitCallbacks, Settings

from campaigns import sandbox
from campaigns import services as campaigns
from campaigns.forms import CampaignForm
from campaigns.models import Campaign, Deposit, Order, OrderState
from campaigns.services import sandbox_stock
from campaigns.tasks import stock_sandboxes
from giftcodes import directory, gift_queries
from giftcodes import services as giftcodes
from giftcodes.errors import BudgetExhausted
from giftcodes.gift_models import GiftStrand
from giftcodes.models import Batch
from giftcodes.services import draws
from ledger import queries
from ledger.models import Account, AccountKind
from parties.api_services import open_sandbox
from parties.errors import NotASandbox, NotReachable
from parties.models import Brand, Store
from parties.sandboxes import stand_ins
from tests import make
from tests.api.partner import Partner, api_client
from tests.api.sandboxes import nothing_differs, stock
from tests.api.test_points import created
from tests.campaigns.pages import signed_in
from tests.campaigns.test_forms import typed_campaign

pytestmark = pytest.mark.django_db


@pytest.fixture
def twin(db: None) -> Brand:
    """A sandbox that nothing has been put into."""
    return open_sandbox(brand=make.brand(), at=timezone.now())


def stocked_at(twin: Brand, at: datetime) -> int:
    return campaigns.stock_sandbox(brand_id=twin.pk, site_url=site_settings.SITE_URL, at=at)


def batches_of(twin: Brand, name: str) -> list[Batch]:
    return list(Batch.objects.filter(order__campaign__slug=sandbox.slug_of(name, twin)).order_by("pk"))


def test_filling_it_again_changes_nothing(twin: Brand) -> None:
    assert stock(twin) == len(sandbox.SHELVES)
    kinds = (Campaign, Order, Deposit, Batch, Store, Account)
    before = [kind._default_manager.count() for kind in kinds]
    assert stock(twin) == 0
    assert [kind._default_manager.count() for kind in kinds] == before
    nothing_differs()


def test_everything_in_it_is_of_series_nine_and_signed_by_two(twin: Brand) -> None:
    stock(twin)
    first, second = stand_ins(at=timezone.now())
    assert set(Batch.objects.values_list("series_id", flat=True)) == {9}
    people = Order.objects.values_list("state", "requested_by", "decided_by")
    assert set(people) == {(OrderState.APPROVED, first.pk, second.pk)}
    assert set(Deposit.objects.values_list("requested_by", "decided_by")) == {(first.pk, second.pk)}


def test_opening_a_sandbox_fills_it_behind_the_commit(
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    brand = make.brand()
    form = {"brand": brand.pk, "mode": "test", "name": "Shop", "rate_per_second": "50", "burst": "80"}
    browser = signed_in(make.user(is_staff=True, is_superuser=True))
    with django_capture_on_commit_callbacks(execute=True):
        answer = browser.post("/admin/parties/apiclient/add/", form | {"points_per_day": "90000"})
    assert answer.status_code == 302
    partner = Partner(Brand.objects.get(sandbox_of=brand).api_clients.get(name="Shop"))
    created(partner.post("gifts", {"campaign": "sandbox"}, key="k1"))
    nothing_differs()


def test_one_that_could_not_be_filled_is_open_and_filled_by_the_sweep(
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
    settings: Settings,
    caplog: pytest.LogCaptureFixture,
) -> None:
    brand, keys = make.brand(), settings.CODE_MASTER_KEYS
    directory.forget()
    settings.CODE_MASTER_KEYS = {}
    with django_capture_on_commit_callbacks(execute=True):
        twin = open_sandbox(brand=brand, at=timezone.now())
    assert not Campaign.objects.filter(brand=twin).exists()
    stock_sandboxes()
    assert f"Sandbox {twin.pk} can't be filled now" in caplog.text
    assert not Campaign.objects.filter(brand=twin).exists()
    settings.CODE_MASTER_KEYS = keys
    stock_sandboxes()
    created(Partner(api_client(twin)).post("gifts", {"campaign": "sandbox"}, key="k1"))


def test_the_next_order_comes_before_the_gifts_run_out(twin: Brand) -> None:
    stock(twin)
    (batch,) = batches_of(twin, sandbox.GIFTS)
    use_up(batch, leaving=batch.size // 4)
    assert stock(twin) == 0
    use_up(batch, leaving=batch.size // 4 - 1)
    assert stock(twin) == 1
    _old, new = batches_of(twin, sandbox.GIFTS)
    assert gift_queries.left_of(new).gifts == new.size


def use_up(batch: Batch, *, leaving: int) -> None:
    """Draw all but so many of its gifts."""
    more = gift_queries.left_of(batch).gifts - leaving
    with transaction.atomic():
        assert draws.draw(batch.pk, [batch.face_points] * more)


def test_gifts_of_many_points_use_an_order_up_too(twin: Brand) -> None:
    stock(twin)
    client = twin.api_clients.get(name=sandbox.CLIENT)
    (batch,) = batches_of(twin, sandbox.GIFTS)
    wanted = [giftcodes.GiftWanted(points=10_000)] * 80
    giftcodes.issue_gifts(client=client, key="k1", group=batch.limit_group, gifts=wanted)
    assert stock(twin) == 1


def test_the_next_order_comes_before_the_window_ends(twin: Brand) -> None:
    now = timezone.now()
    stocked_at(twin, now)
    (batch,) = batches_of(twin, sandbox.GIFTS)
    ends_soon = batch.claim_until - sandbox_stock.RENEWED_BEFORE
    assert stocked_at(twin, ends_soon - timedelta(seconds=1)) == 0
    assert stocked_at(twin, ends_soon) == 2  # that of the campaign with a limit too
    assert batches_of(twin, sandbox.GIFTS)[1].claim_until > ends_soon + timedelta(days=100)
    assert len(batches_of(twin, sandbox.EMPTY)) == len(batches_of(twin, sandbox.NOT_BEGUN)) == 1


def test_no_sandbox_takes_more_than_ten_orders_a_day(twin: Brand) -> None:
    now = timezone.now()
    stocked_at(twin, now)
    group = batches_of(twin, sandbox.GIFTS)[0].limit_group
    for minute in range(1, 12):
        GiftStrand.objects.filter(batch__limit_group=group).update(points_left=0)
        stocked_at(twin, now + timedelta(minutes=minute))
    assert len(batches_of(twin, sandbox.GIFTS)) == sandbox_stock.MOST_ORDERS_A_DAY
    client = twin.api_clients.get(name=sandbox.CLIENT)
    with pytest.raises(BudgetExhausted):
        giftcodes.issue_gifts(client=client, key="k1", group=group, gifts=[giftcodes.GiftWanted()])
    assert stocked_at(twin, now + timedelta(days=1)) == 1


def test_funds_and_the_members_points_are_filled_up(twin: Brand) -> None:
    stock(twin)
    named = {"member": "ref:sandbox-member", "store": "sandbox-store", "points": 9_500}
    created(Partner(api_client(twin)).post("spend", named, key="k1"))
    given = {"member": "ref:rich", "points": 900_000}
    created(Partner(api_client(twin, name="Till")).post("earn", given, key="k1"))
    assert queries.funds_of(twin) < sandbox_stock.FLOAT // 2
    stocked_at(twin, timezone.now() + timedelta(minutes=2))
    assert queries.funds_of(twin) >= sandbox_stock.FLOAT // 2
    wallets = Account.objects.filter(kind=AccountKind.WALLET, program=twin.program)
    assert sorted(map(queries.balance_of, wallets)) == [10_500, 900_000]
    nothing_differs()


def test_a_live_brand_is_never_filled(twin: Brand) -> None:
    live = twin.sandbox_of
    assert live is not None
    odd = make.brand(program=twin.program)  # in the program of a sandbox, and nobody's twin
    for brand in (live, odd):
        with pytest.raises(NotASandbox):
            stock(brand)
        assert not Campaign.objects.filter(brand=brand).exists()
        assert queries.funds_of(brand) == 0


def test_stand_ins_can_do_nothing_for_a_live_brand(twin: Brand) -> None:
    stock(twin)
    at = timezone.now()
    asks, approves = stand_ins(at=at)

    def deposit_for(brand: Brand) -> Deposit:
        return campaigns.request_deposit(
            public_id=uuid.uuid4(), brand_id=brand.pk, points=1, reference=uuid.uuid4().hex, user=asks, at=at
        )

    live = twin.sandbox_of
    assert live is not None
    with pytest.raises(NotReachable):
        deposit_for(live)
    campaigns.confirm_deposit(deposit_id=deposit_for(twin).pk, user=approves, verified_at=at, at=at)
    waiting = deposit_for(twin)
    Deposit.objects.filter(pk=waiting.pk).update(brand=live)
    with pytest.raises(NotReachable):
        campaigns.confirm_deposit(deposit_id=waiting.pk, user=approves, verified_at=at, at=at)
    order = Order.objects.filter(campaign__brand=twin).latest("pk")
    Campaign.objects.filter(pk=order.campaign_id).update(brand=live)
    with pytest.raises(NotReachable):
        campaigns.submit_order(order_id=order.pk, user=asks, at=at)
    with pytest.raises(NotReachable):
        campaigns.approve_order(
            order_id=order.pk, approver=approves, submitted_hash="", site_url="", verified_at=at, at=at
        )
    with pytest.raises(NotReachable):
        campaigns.publish_page(campaign_id=order.campaign_id, user=asks, at=at)


def test_the_first_code_of_a_live_batch_is_told_to_nobody(twin: Brand) -> None:
    stock(twin)
    (tried,) = batches_of(twin, sandbox.NOT_BEGUN)
    assert giftcodes.first_code_of(tried) == make.code_of(tried)
    with pytest.raises(NotASandbox):
        giftcodes.first_code_of(make.live_batch())


def test_addresses_of_sandboxes_are_not_for_other_pages() -> None:
    brand = make.brand()
    assert "slug" not in CampaignForm(typed_campaign(brand=brand.pk, slug="spring-2027")).errors
    assert "slug" in CampaignForm(typed_campaign(brand=brand.pk, slug="sandbox-17")).errors
