"""A sandbox is filled once, however many fill it at once; codes behind fixed ones are made once, too."""

import threading
from contextlib import suppress
from datetime import datetime
from functools import partial

import pytest

from campaigns import sandbox
from campaigns.models import Campaign, Order
from campaigns.sandbox import FixedCode
from campaigns.services import pages, sandbox_stock
from giftcodes.gift_models import GiftRequest, GiftStrand
from giftcodes.models import Claim
from parties.api_models import StandIn
from parties.models import Brand, User
from parties.sandboxes import stand_ins
from tests import make
from tests.api.sandboxes import Sandbox, nothing_differs, stock
from tests.concurrency.racing import race
from tests.make import NOON

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.postgresql]
CALLERS = 6


@pytest.fixture
def bare() -> Brand:
    """A sandbox that nothing was put into: nobody has opened it by the service."""
    return Brand.objects.create(
        program=make.program(is_sandbox=True), slug="sandbox-bare", name="[Sandbox]", sandbox_of=make.brand()
    )


def test_of_six_that_fill_it_one_does(bare: Brand) -> None:
    approved = race(*[partial(stock, bare)] * CALLERS)
    assert sorted(map(str, approved)) == ["0"] * (CALLERS - 1) + [str(len(sandbox.SHELVES))]
    assert Order.objects.count() == len(sandbox.SHELVES)
    nothing_differs()


@pytest.mark.parametrize("is_held", [True, False])
def test_of_six_that_find_it_short_of_gifts_one_orders_more(
    bare: Brand, monkeypatch: pytest.MonkeyPatch, is_held: bool
) -> None:
    """The second is the control: without holding the campaign, whoever has seen the shortage orders."""
    stock(bare)
    GiftStrand.objects.filter(batch__most_points=10_000).update(points_left=0)
    all_have_looked = threading.Barrier(CALLERS, timeout=2 if is_held else 30)
    looks = sandbox_stock._is_short

    def look_together(shelf: sandbox.Shelf, campaign: Campaign, at: datetime) -> bool:
        is_short = looks(shelf, campaign, at)
        if shelf.name == sandbox.GIFTS:
            with suppress(threading.BrokenBarrierError):  # who holds it looks alone
                all_have_looked.wait()
        return is_short

    monkeypatch.setattr(sandbox_stock, "_is_short", look_together)
    if not is_held:
        monkeypatch.setattr(pages, "hold_campaign", lambda **_campaign: None)
    approved = race(*[partial(stock, bare)] * CALLERS)
    assert sum(one for one in approved if isinstance(one, int)) == (1 if is_held else CALLERS)


def test_of_six_first_calls_two_stand_in() -> None:
    both = race(*[partial(stand_ins, at=NOON)] * CALLERS)
    assert set(map(str, both)) == {str(both[0])}
    assert User.objects.count() == StandIn.objects.count() == 2


def test_six_claims_of_a_fresh_code_with_one_key_are_one() -> None:
    box = Sandbox()
    answers = race(*[partial(box.claim, FixedCode.FRESH, key="k1")] * CALLERS)
    statuses = {answer.status_code for answer in answers if not isinstance(answer, Exception)}
    assert statuses <= {201, 409}  # a twin in flight is told to come again
    assert box.claim(FixedCode.FRESH, key="k1").status_code == 201
    assert Claim.objects.count() == 1
    assert GiftRequest.objects.filter(client__name=sandbox.CLIENT).count() == 3  # two were made beforehand
    nothing_differs()


def test_six_members_who_try_the_used_code_at_once_are_refused() -> None:
    box = Sandbox()
    tries = [partial(box.claim, FixedCode.USED, member=f"ref:user-{number}") for number in range(CALLERS)]
    answers = race(*tries)
    assert {answer.status_code for answer in answers if not isinstance(answer, Exception)} == {409}
    assert Claim.objects.count() == 1
    nothing_differs()
