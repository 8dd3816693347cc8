"""A partner's system that asks fifty times at once, or whose answer was lost, has asked once."""

import threading
import uuid
from collections import Counter
from functools import partial
from typing import Any

import pytest
from django.db import OperationalError, connection
from pytest_django.fixtures import Settings

from giftcodes.models import Claim
from ledger.models import Reason, Transfer
from parties import api_acts
from parties.act_models import ApiAct
from parties.api_models import ApiClient
from parties.models import MembershipNumber
from tests import make
from tests.api.shop import Shop, no_differences
from tests.concurrency.racing import race
from tests.redemption_site import visits

pytestmark = pytest.mark.django_db(transaction=True)
TWINS = 50


def asked(shop: Shop, path: str, body: dict[str, Any], *, key: str = "k1") -> tuple[int, str, str | None]:
    """Status, body, and whether it says that it is a repeat."""
    answer = shop.partner.post(path, body, key=key)
    return answer.status_code, answer.content.decode(), answer.headers.get("Idempotent-Replayed")


def twins(shop: Shop, path: str, body: dict[str, Any], number: int = TWINS) -> str:
    """The one answer that all of them get."""
    outcomes = race(*[partial(asked, shop, path, body)] * number)
    answers = [outcome for outcome in outcomes if isinstance(outcome, tuple)]
    assert len(answers) == number, outcomes
    assert len({(status, text) for status, text, _replayed in answers}) == 1, Counter(answers)
    assert answers[0][0] in (200, 201), answers[0]
    assert Counter(replayed for *_, replayed in answers) == {None: 1, "true": number - 1}
    return answers[0][1]


@pytest.mark.postgresql
@pytest.mark.parametrize("path", ["earn", "spend", "holds"])
def test_fifty_twins_have_one_effect_and_one_answer(path: str) -> None:
    shop = Shop()
    reason = {"earn": Reason.GRANT, "spend": Reason.SPEND, "holds": Reason.HOLD}[path]
    before = Transfer.objects.filter(reason=reason).count()
    twins(shop, path, {"member": shop.id, "points": 30})
    assert shop.balance == {"earn": 530, "spend": 470, "holds": 470}[path]
    assert Transfer.objects.filter(reason=reason).count() == before + 1
    assert ApiAct.objects.count() == 1
    no_differences()


@pytest.mark.postgresql
def test_fifty_twins_make_a_member_once() -> None:
    shop = Shop()
    twins(shop, "earn", {"member": "ref:user-1", "points": 30})
    assert MembershipNumber.objects.count() == 1
    assert shop.funds == 970
    no_differences()


@pytest.mark.postgresql
def test_twins_take_the_points_of_the_day_once() -> None:
    """One that comes while the first is under way may find the day used up, and is answered when it asks
    again.
    """
    shop = Shop()
    ApiClient.objects.filter(pk=shop.partner.client.pk).update(points_per_day=40)
    body = {"member": shop.id, "points": 30}
    outcomes = race(*[partial(asked, shop, "earn", body)] * 12)
    answers = [outcome for outcome in outcomes if isinstance(outcome, tuple)]
    assert {status for status, *_ in answers} <= {201, 429}, outcomes
    assert len({text for status, text, _replayed in answers if status == 201}) == 1
    assert asked(shop, "earn", body)[::2] == (201, "true")
    assert shop.balance == 530
    assert asked(shop, "earn", {"member": shop.id, "points": 11}, key="k2")[0] == 429
    assert asked(shop, "earn", {"member": shop.id, "points": 10}, key="k3")[0] == 201


@pytest.mark.postgresql
@pytest.mark.parametrize("path", ["capture", "release", "reverse"])
def test_twins_end_a_hold_and_take_back_once(path: str) -> None:
    shop = Shop()
    hold = shop.post("holds", key="h1", member=shop.id, points=40).json()["id"]
    place = f"holds/{hold}/{path}"
    if path == "reverse":
        captured = shop.post(f"holds/{hold}/capture", key="c1").json()
        place = f"transfers/{captured['capture_transfer']}/reverse"
    twins(shop, place, {"points": 25} if path != "release" else {}, 16)
    assert shop.balance == {"capture": 475, "release": 500, "reverse": 485}[path]
    no_differences()


@pytest.mark.postgresql
def test_twins_of_a_claim_are_paid_once(settings: Settings) -> None:
    settings.CLAIM_TRIES_PER_MINUTE = settings.CLAIM_TRIES_PER_HOUR = 1_000  # they all pass the guard
    shop = Shop()
    batch = visits.batch_now(size=1, brand=make.brand(program=shop.brand.program, funds=500))
    twins(shop, "claims", {"member": "ref:user-1", "code": make.code_of(batch)})
    assert Claim.objects.count() == MembershipNumber.objects.count() == 1
    no_differences()


@pytest.mark.postgresql
def test_of_two_bodies_under_one_key_one_wins() -> None:
    shop = Shop()
    bodies = [{"member": shop.id, "points": points} for points in range(1, 9)]
    outcomes = race(*(partial(asked, shop, "spend", body) for body in bodies))
    statuses = Counter(outcome[0] for outcome in outcomes if isinstance(outcome, tuple))
    assert statuses == {201: 1, 422: 7}, outcomes
    assert Transfer.objects.filter(reason=Reason.SPEND).count() == ApiAct.objects.count() == 1
    no_differences()


@pytest.mark.postgresql
def test_of_two_acts_under_one_key_one_wins() -> None:
    shop = Shop()
    body = {"member": shop.id, "points": 10}
    for number in range(6):
        paths = ["earn", "spend", "holds"]
        outcomes = race(*(partial(asked, shop, path, body, key=f"k{number}") for path in paths))
        statuses = Counter(outcome[0] for outcome in outcomes if isinstance(outcome, tuple))
        assert statuses == {201: 1, 422: 2}, outcomes
    assert ApiAct.objects.count() == 6
    no_differences()


@pytest.mark.postgresql
def test_control_without_the_row_of_the_act_each_of_two_acts_happens(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(api_acts, "_keep", lambda act, done, at: None)
    shop = Shop()
    body = {"member": shop.id, "points": 10}
    outcomes = race(*(partial(asked, shop, path, body) for path in ("earn", "spend")))
    assert [outcome[0] for outcome in outcomes if isinstance(outcome, tuple)] == [201, 201]


@pytest.mark.postgresql
def test_control_looking_first_lets_twins_through(monkeypatch: pytest.MonkeyPatch) -> None:
    """Acts that look whether they were done, under keys of their own, all happen."""
    gate = threading.Barrier(4, timeout=30)
    look = api_acts.earlier_answer

    def look_together(act: api_acts.Act) -> Any:
        found = look(act)
        gate.wait()
        return found

    monkeypatch.setattr(api_acts, "earlier_answer", look_together)
    monkeypatch.setattr(api_acts, "_keep", lambda act, done, at: None)
    monkeypatch.setattr(api_acts.Act, "name", property(lambda act: f"api:{uuid.uuid4()}"))
    shop = Shop()
    race(*[partial(asked, shop, "spend", {"member": shop.id, "points": 10})] * 4)
    assert shop.balance == 460


@pytest.mark.parametrize("when", ["before", "behind"])
@pytest.mark.parametrize("path", ["earn", "spend", "holds", "claims"])
def test_a_connection_cut_around_the_commit_leaves_no_doubt(
    path: str, when: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop = Shop()
    body: dict[str, Any] = {"member": shop.id, "points": 30}
    if path == "claims":
        brand = make.brand(program=shop.brand.program, funds=500)
        body = {"member": shop.id, "code": make.code_of(visits.batch_now(size=1, brand=brand))}
    keep, cuts = api_acts._keep, list[str]()

    def keep_and_cut(*act: Any) -> None:
        keep(*act)
        if not cuts:
            cuts.append(when)
            monkeypatch.setattr(connection, "_commit", cut_commit)

    def cut_commit() -> None:
        monkeypatch.undo()
        if when == "behind":
            connection.connection.commit()
        connection.connection.close()
        raise OperationalError("server closed the connection unexpectedly")

    monkeypatch.setattr(api_acts, "_keep", keep_and_cut)
    first = asked(shop, path, body)
    assert cuts == [when]
    second = asked(shop, path, body)
    if when == "before":
        assert first[0] == 503
        assert (second[0], second[2]) == (201, None)
    else:
        assert first[0] == 201  # the word of it was lost, and is found again
        assert second == (201, first[1], "true")
    assert asked(shop, path, body) == (201, second[1], "true")
    assert ApiAct.objects.count() == 1
    assert shop.balance == {"earn": 530, "spend": 470, "holds": 470, "claims": 1_000}[path]
    no_differences()
