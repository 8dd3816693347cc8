"""A hundred twins of one Idempotency-Key at three web processes at once: one act, one answer."""

from collections import Counter
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from functools import partial
from itertools import islice
from typing import Any

import pytest
from django.db import transaction

from giftcodes.gift_models import Gift, GiftRequest, GiftStrand
from giftcodes.models import Batch, Claim
from ledger.models import Reason, Transfer
from parties.act_models import ApiAct
from parties.api_models import ApiClient
from tests import make
from tests.api.gifts import giving_campaign
from tests.api.shop import Shop, no_differences
from tests.concurrency.racing import race
from tests.faults import faulty_site
from tests.faults.web import Answer, Web, running_webs
from tests.redemption_site import visits

pytestmark = [pytest.mark.postgresql, pytest.mark.django_db(transaction=True)]
TWINS, TWINS_OF_POINTS = 100, 32


@pytest.fixture(scope="module")
def three_webs(django_db_setup: None) -> Iterator[list[Web]]:
    with running_webs(3) as webs:
        yield webs


@pytest.fixture
def webs(three_webs: list[Web]) -> list[Web]:
    for web in three_webs:
        web.call("healthz", method="GET", x_fault=faulty_site.FORGETS)
    return three_webs


@pytest.fixture
def shop() -> Shop:
    """Whose system may call as often as it likes."""
    shop = Shop()
    ApiClient.objects.filter(pk=shop.partner.client.pk).update(rate_per_second=1_000, burst=10_000)
    return shop


def asking(shop: Shop, path: str, body: dict[str, Any], fault: str = "") -> dict[str, Any]:
    """What a call needs to be said."""
    said = {"authorization": f"Bearer {shop.partner.text}", "idempotency_key": "order-1"}
    return {"path": path, "body": body, "x_fault": fault, **said}


def twins(webs: list[Web], number: int, said: dict[str, Any]) -> list[Answer]:
    """The answers of so many at once, at the processes in turn."""
    outcomes = race(*(partial(webs[place % len(webs)].call, **said) for place in range(number)))
    answers = [outcome for outcome in outcomes if isinstance(outcome, Answer)]
    assert len(answers) == number, outcomes
    return answers


def kinds(answers: list[Answer]) -> Counter[str]:
    """How many were told what; all that tell a gift tell the same."""
    given = [answer.body for answer in answers if answer.status == 201]
    assert all(body == given[0] for body in given)
    for answer in answers:
        if answer.status == 409:
            assert (answer.body["code"], answer.headers["retry-after"]) == ("twin_in_flight", "1")
    return Counter(
        "repeat" if answer.is_replay else {201: "first", 409: "twin"}[answer.status] for answer in answers
    )


def test_control_a_hundred_that_are_no_twins_get_a_gift_each(webs: list[Web], shop: Shop) -> None:
    """All that keeps twins together is their key: with one that is new each time, nothing else does."""
    campaign = giving_campaign(shop, size=TWINS, face_points=1)
    said = asking(shop, "gifts", {"campaign": campaign.slug}, faulty_site.TAKES_EACH_KEY_FOR_A_NEW_ONE)
    answers = twins(webs, TWINS, said)
    assert Counter(answer.status for answer in answers) == {201: TWINS}
    assert len({answer.body["code"] for answer in answers}) == TWINS
    assert Gift.objects.count() == GiftRequest.objects.count() == TWINS
    no_differences()


def test_a_hundred_twins_are_one_gift(webs: list[Web], shop: Shop) -> None:
    said = asking(shop, "gifts", {"campaign": giving_campaign(shop).slug})
    answers = twins(webs, TWINS, said)
    told = kinds(answers)
    assert told["first"] == 1, told
    assert told.total() == TWINS
    again = twins(webs, TWINS, said)
    assert kinds(again) == {"repeat": TWINS}
    assert kinds([*answers, *again])["repeat"] == told["repeat"] + TWINS  # all of them the same
    assert Gift.objects.count() == GiftRequest.objects.count() == 1
    no_differences()


def test_while_one_is_at_work_its_twins_are_told_so_at_once(webs: list[Web], shop: Shop) -> None:
    """Their budget is held here, so that the first of them stands in the middle of its transaction."""
    said = asking(shop, "gifts", {"campaign": giving_campaign(shop).slug})
    calls = [partial(webs[place % len(webs)].call, **said) for place in range(TWINS)]
    with ThreadPoolExecutor(TWINS) as pool:
        with transaction.atomic():
            assert list(GiftStrand.objects.select_for_update().filter(batch=Batch.objects.get()))
            waiting: list[Future[Answer]] = [pool.submit(call) for call in calls]
            refused = [future.result() for future in islice(as_completed(waiting), TWINS - 1)]
            assert kinds(refused) == {"twin": TWINS - 1}
            [first] = [future for future in waiting if not future.done()]
        assert kinds([first.result()]) == {"first": 1}
    assert kinds([first.result(), *twins(webs, TWINS, said)]) == {"first": 1, "repeat": TWINS}
    assert Gift.objects.count() == GiftRequest.objects.count() == 1
    no_differences()


def body_of(shop: Shop, path: str) -> dict[str, Any]:
    if path == "spend":
        return {"member": shop.id, "points": 10}
    batch = visits.batch_now(size=1, brand=make.brand(program=shop.brand.program, funds=500))
    return {"member": "ref:user-1", "code": make.code_of(batch)}


@pytest.mark.parametrize("path", ["spend", "claims"])
def test_twins_of_points_are_one_act_with_one_answer(path: str, webs: list[Web], shop: Shop) -> None:
    """They wait for the first of them, and nobody has to ask again."""
    said = asking(shop, path, body_of(shop, path))
    assert kinds(twins(webs, TWINS_OF_POINTS, said)) == {"first": 1, "repeat": TWINS_OF_POINTS - 1}
    assert Claim.objects.count() == (path == "claims")
    assert Transfer.objects.filter(reason=Reason.SPEND).count() == (path == "spend")
    assert ApiAct.objects.count() == 1
    no_differences()


def test_control_without_the_key_each_of_them_spends(webs: list[Web], shop: Shop) -> None:
    said = asking(shop, "spend", body_of(shop, "spend"), faulty_site.TAKES_EACH_KEY_FOR_A_NEW_ONE)
    answers = twins(webs, TWINS_OF_POINTS, said)
    assert Counter(answer.status for answer in answers) == {201: TWINS_OF_POINTS}
    assert shop.balance == 500 - 10 * TWINS_OF_POINTS
    no_differences()
