"""A web process dies, or loses its database, between an act and its answer: whoever asks again with the same
key, another process too, gets the act once.
"""

import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from giftcodes.gift_models import Gift, GiftRequest
from ledger.models import Reason, Transfer
from parties.act_models import ApiAct
from tests.api.gifts import giving_campaign
from tests.api.shop import Shop, no_differences
from tests.faults import faulty_site
from tests.faults.cut_wire import CutWire, cut_wire
from tests.faults.faulty_site import DIES_AFTER_COMMIT, DIES_BEFORE_ANSWER, DIES_BEFORE_COMMIT
from tests.faults.web import Answer, Web, running_webs
from tests.faults.workers import url_of_the_tests_database

pytestmark = [pytest.mark.postgresql, pytest.mark.django_db(transaction=True)]

PATHS = {"gifts": "giftcodes_giftrequest", "spend": "parties_apiact"}  # and the table that keeps their keys


@pytest.fixture(scope="module")
def another_web(django_db_setup: None) -> Iterator[Web]:
    with running_webs(1) as [web]:
        yield web


@pytest.fixture
def other(another_web: Web) -> Web:
    another_web.call("healthz", method="GET", x_fault=faulty_site.FORGETS)
    return another_web


def body_of(shop: Shop, path: str) -> dict[str, Any]:
    campaign = giving_campaign(shop)
    return {"campaign": campaign.slug} if path == "gifts" else {"member": shop.id, "points": 30}


def asked(web: Web, shop: Shop, path: str, *, key: str = "order-1", fault: str = "") -> Answer:
    said = {"authorization": f"Bearer {shop.partner.text}", "idempotency_key": key}
    return web.call(path, body_of(shop, path), **said, x_fault=fault)


def asked_until_it_is_no_twin(web: Web, shop: Shop, path: str) -> Answer:
    """PostgreSQL keeps the locks of a client that is gone until it next reads from it."""
    for _ in range(200):
        answer = asked(web, shop, path)
        if answer.status != 409:
            return answer
        assert (answer.body["code"], answer.headers["retry-after"]) == ("twin_in_flight", "1")
        time.sleep(0.05)
    return asked(web, shop, path)


def done() -> tuple[int, int, int, int]:
    spent = Transfer.objects.filter(reason=Reason.SPEND).count()
    return Gift.objects.count(), GiftRequest.objects.count(), spent, ApiAct.objects.count()


def the_retry_gets_it_once(web: Web, shop: Shop, path: str, *, is_done: bool) -> None:
    once = (1, 1, 0, 0) if path == "gifts" else (0, 0, 1, 1)
    if is_done:
        assert done() == once
    answer = asked_until_it_is_no_twin(web, shop, path)
    assert (answer.status, answer.is_replay) == (201, is_done), answer
    again = asked(web, shop, path)
    assert (again.status, again.is_replay, again.body) == (201, True, answer.body)
    assert done() == once
    if path == "spend":
        assert shop.balance == 470
    no_differences()


@pytest.mark.parametrize("step", [DIES_BEFORE_COMMIT, DIES_AFTER_COMMIT, DIES_BEFORE_ANSWER])
@pytest.mark.parametrize("path", PATHS)
def test_of_a_killed_web_process_another_one_gives_the_answer(path: str, step: str, other: Web) -> None:
    shop = Shop()
    with running_webs(1) as [web], pytest.raises(ConnectionError):
        asked(web, shop, path, fault=step)
    assert step in web.log.read_text()
    the_retry_gets_it_once(other, shop, path, is_done=step != DIES_BEFORE_COMMIT)


@pytest.fixture(scope="module")
def wire(django_db_setup: None) -> Iterator[CutWire]:
    url = url_of_the_tests_database()
    with tempfile.TemporaryDirectory(prefix="wire-") as folder, cut_wire(url, Path(folder)) as wire:
        yield wire


@pytest.fixture(scope="module")
def web_on_the_wire(wire: CutWire) -> Iterator[Web]:
    with running_webs(1, database=wire.url) as [web]:
        yield web


@pytest.mark.parametrize("path", PATHS)
def test_control_without_the_key_the_retry_does_it_twice(
    path: str, wire: CutWire, web_on_the_wire: Web
) -> None:
    web_on_the_wire.call("healthz", method="GET", x_fault=faulty_site.FORGETS)
    shop = Shop()
    wire.cut_at_the_commit_of(PATHS[path], is_kept=True)
    asked(web_on_the_wire, shop, path, fault=faulty_site.TAKES_EACH_KEY_FOR_A_NEW_ONE)
    assert asked(web_on_the_wire, shop, path).status == 201
    assert done() == ((2, 2, 0, 0) if path == "gifts" else (0, 0, 2, 2))


@pytest.mark.parametrize("is_kept", [False, True])
@pytest.mark.parametrize("path", PATHS)
def test_a_database_that_is_cut_off_around_the_commit_costs_a_retry_at_most(
    path: str, is_kept: bool, wire: CutWire, web_on_the_wire: Web
) -> None:
    """Either the server never gets the commit, or its answer never comes back: the process can't tell which.
    What has a row of its own to look into is found at once, with the next connection.
    """
    web_on_the_wire.call("healthz", method="GET", x_fault=faulty_site.FORGETS)
    shop, cuts = Shop(), wire.cuts
    wire.cut_at_the_commit_of(PATHS[path], is_kept=is_kept)
    answer = asked(web_on_the_wire, shop, path)
    assert wire.cuts == cuts + 1
    if (path, is_kept) == ("spend", True):
        assert (answer.status, answer.is_replay) == (201, True)
    else:
        assert (answer.status, answer.body["code"]) == (503, "unavailable")
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.headers["retry-after"] == "5"
    the_retry_gets_it_once(web_on_the_wire, shop, path, is_done=is_kept)
