"""Every outcome that a partner may meet is there to be tried with a fresh test key, over HTTP."""

import uuid
from collections.abc import Callable
from datetime import timedelta
from itertools import takewhile
from typing import Any

import pytest

from campaigns import sandbox
from campaigns.sandbox import FixedCode
from giftcodes import gift_queries
from giftcodes.codec import normalise
from giftcodes.gift_models import Gift, GiftState
from giftcodes.guard_models import Attempt, Outcome
from giftcodes.models import Batch, Claim, ClaimTally
from ledger.statements import database_time
from parties import known_members
from parties import services as parties
from parties.api import staged
from parties.known_members import read_naming
from parties.models import Brand, Member
from tests import scanner
from tests.api.sandboxes import Sandbox, nothing_differs, stock
from tests.api.test_keys import refused
from tests.api.test_points import created
from tests.scanner import Source

pytestmark = pytest.mark.django_db


@pytest.fixture
def box(db: None) -> Sandbox:
    return Sandbox()


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """How long each slow answer would have waited."""
    waited: list[float] = []
    monkeypatch.setattr(staged, "pause", waited.append)
    return waited


def member_called(brand: Brand, name: str) -> Member | None:
    return parties.find_member(known_members.number_of(brand, read_naming(name)))


def test_fixed_codes_are_codes_of_the_sandboxs_series_by_their_form() -> None:
    assert [normalise(code) for code in FixedCode] == [code.value for code in FixedCode]
    assert {code[0] for code in FixedCode} == {"9"}


def test_a_fresh_test_key_works_at_once(box: Sandbox) -> None:
    nothing_differs()
    gift = created(box.post("gifts", campaign="sandbox", recipient_ref="order-1042"))
    assert (gift["points"], gift["status"], gift["code"][0]) == (100, "issued", "9")
    told = created(box.claim(gift["code"], key="k1"))
    assert (told["points"], told["serial"]) == (100, gift["serial"])
    assert created(box.claim(gift["code"], key="k1"), replayed=True) == told
    assert box.partner.get("campaigns/sandbox").json()["id"] == "sandbox"
    nothing_differs()


def test_there_is_a_store_and_a_member_with_points(box: Sandbox) -> None:
    named = {"member": "ref:sandbox-member", "store": "sandbox-store"}
    created(box.post("spend", points=300, **named))
    created(box.post("holds", points=200, **named))
    created(box.post("earn", points=50, **named))
    found = member_called(box.brand, "ref:sandbox-member")
    assert found is not None
    balance = box.partner.get(f"members/{found.public_id}/balance").json()
    assert (balance["points"], balance["held_points"]) == (10_000 - 300 - 200 + 50, 200)
    nothing_differs()


def test_the_fresh_code_is_another_one_for_each_key(box: Sandbox) -> None:
    first = created(box.claim(FixedCode.FRESH, key="k1"))
    assert created(box.claim(FixedCode.FRESH, key="k1"), replayed=True) == first
    refused(box.claim(FixedCode.FRESH, key="k1", member="ref:another"), 422, "key_reused")
    second = created(box.claim("9000 0000-0000 0017", key="k2"))
    assert second["serial"] != first["serial"]
    assert second["balance"] == 200
    assert Claim.objects.filter(member__public_id=first["member"]).count() == 2
    nothing_differs()


def is_used(gift: Gift, _member: Member | None) -> bool:
    return gift.state == GiftState.CLAIMED


def is_voided(gift: Gift, _member: Member | None) -> bool:
    return gift.state == GiftState.VOIDED


def is_expired(gift: Gift, _member: Member | None) -> bool:
    return gift_queries.status_of(gift, at=database_time()) == GiftState.EXPIRED


def is_beyond_limit(gift: Gift, member: Member | None) -> bool:
    tally = ClaimTally.objects.get(member=member)
    is_open = gift_queries.status_of(gift, at=database_time()) == GiftState.ISSUED
    return is_open and tally.claims == gift.batch.limit_per_member == 1


@pytest.mark.parametrize(
    ("code", "is_so"),
    [
        (FixedCode.USED, is_used),
        (FixedCode.VOIDED, is_voided),
        (FixedCode.EXPIRED, is_expired),
        (FixedCode.LIMIT_REACHED, is_beyond_limit),
    ],
)
def test_a_code_in_that_state_is_refused_for_that_reason(
    box: Sandbox, code: FixedCode, is_so: Callable[[Gift, Member | None], bool]
) -> None:
    said = refused(box.claim(code, key="k1"), 409, "code_not_usable")
    attempt = Attempt.objects.get(reference=said["reference"])  # what support finds
    assert attempt.outcome == Outcome.NOT_USABLE
    assert attempt.serial_number is not None
    gift = Gift.objects.select_related("batch").get(pk=attempt.serial_number)
    assert is_so(gift, member_called(box.brand, "ref:user-1"))
    assert refused(box.claim(code, key="k1"), 409, "code_not_usable") == said
    other = refused(box.claim(code, member="ref:user-2"), 409, "code_not_usable")
    again = Attempt.objects.get(reference=other["reference"])
    assert again.serial_number == attempt.serial_number
    nothing_differs()


def test_a_code_whose_time_has_not_come_is_refused_for_that(box: Sandbox) -> None:
    said = refused(box.claim(FixedCode.NOT_BEGUN), 409, "code_not_usable")
    attempt = Attempt.objects.get(reference=said["reference"])
    batch = Batch.objects.get(order__campaign__slug=sandbox.slug_of(sandbox.NOT_BEGUN, box.brand))
    assert attempt.serial_number == batch.first_claim_id
    assert batch.claim_from > database_time() + timedelta(days=10_000)
    assert box.partner.get("campaigns/sandbox-not-begun").json()["state"] == "not_begun"
    refused(box.post("gifts", campaign="sandbox-not-begun"), 409, "not_issuing")


def test_refusals_do_not_tell_the_reason(box: Sandbox) -> None:
    states = ["USED", "VOIDED", "EXPIRED", "NOT_BEGUN", "LIMIT_REACHED", "UNKNOWN"]
    told = [refused(box.claim(FixedCode[state]), 409, "code_not_usable") for state in states]
    for body in told:
        del body["reference"]
    assert told == told[:1] * len(states)


def test_fixed_refusals_are_no_strikes_and_the_unknown_code_is_one(box: Sandbox) -> None:
    for code in (FixedCode.USED, FixedCode.VOIDED, FixedCode.EXPIRED, FixedCode.USED, FixedCode.VOIDED):
        refused(box.claim(code), 409, "code_not_usable")
    created(box.claim(FixedCode.FRESH))
    for _strike in range(5):
        refused(box.claim(FixedCode.UNKNOWN, member="ref:guesser"), 409, "code_not_usable")
    refused(box.claim(FixedCode.FRESH, member="ref:guesser"), 429, "claiming_locked")
    created(box.claim(FixedCode.FRESH))
    nothing_differs()


def test_who_used_the_used_code_is_told_so(box: Sandbox) -> None:
    refused(box.claim(FixedCode.USED), 409, "code_not_usable")
    told = created(box.claim(FixedCode.USED, member=f"ref:{sandbox.OTHER_MEMBER}"))
    assert told["was_claimed_before"] is True


def test_a_member_whom_nobody_knows_is_none_for_fixed_codes_either(box: Sandbox) -> None:
    for code in (FixedCode.FRESH, FixedCode.LIMIT_REACHED):
        refused(box.claim(code, member=str(uuid.uuid4())), 404, "not_found")
        refused(box.claim(code, member="number:12345"), 400, "member_not_named")


def test_the_budget_is_out(box: Sandbox) -> None:
    refused(box.post("gifts", campaign="sandbox-empty"), 409, "budget_exhausted")
    budget = box.partner.get("campaigns/sandbox-empty").json()["budget"]
    assert budget["left"] == {"gifts": 0, "points": 0}
    assert stock(box.brand) == 0
    refused(box.post("gifts", campaign="sandbox-empty"), 409, "budget_exhausted")


def one_gift(box: Sandbox, recipient: str, key: str) -> Any:
    return box.post("gifts", campaign="sandbox", recipient_ref=recipient, key=key)


def two_gifts(box: Sandbox, recipient: str, key: str) -> Any:
    gifts = [{"recipient_ref": "order-1"}, {"recipient_ref": recipient}]
    return box.post("gifts/batch", campaign="sandbox", gifts=gifts, key=key)


def one_claim(box: Sandbox, recipient: str, key: str) -> Any:
    codes = {"sandbox:slow": FixedCode.SLOW, "sandbox:500-but-issued": FixedCode.LOST}
    return box.claim(codes[recipient], key=key)


ACTS = pytest.mark.parametrize("act", [one_gift, two_gifts, one_claim])
Acting = Callable[[Sandbox, str, str], Any]


def done() -> tuple[int, int]:
    return Gift.objects.count(), Claim.objects.count()


@ACTS
def test_an_answer_may_be_lost_after_the_work_was_done(box: Sandbox, act: Acting) -> None:
    before = done()
    answer = act(box, "sandbox:500-but-issued", "k1")
    refused(answer, 500, "internal_error")
    after = done()
    assert after != before
    told = created(act(box, "sandbox:500-but-issued", "k1"), replayed=True)
    assert created(act(box, "sandbox:500-but-issued", "k1"), replayed=True) == told
    assert done() == after
    nothing_differs()


@ACTS
def test_an_answer_may_come_late(box: Sandbox, act: Acting, pauses: list[float]) -> None:
    told = created(act(box, "sandbox:slow", "k1"))
    assert pauses == [5]
    assert created(act(box, "sandbox:slow", "k1"), replayed=True) == told
    assert pauses == [5]  # who gave up waiting gets it at once


@ACTS
def test_few_wait_at_once_and_the_others_are_told_when_to_come(
    box: Sandbox, act: Acting, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers: list[Any] = []

    def meanwhile(_seconds: float) -> None:  # it is done and committed, and another call comes
        assert done() != (0, 0)
        answers.append(act(box, "sandbox:slow", f"k{len(answers)}-meanwhile"))

    monkeypatch.setattr(staged, "pause", meanwhile)
    created(act(box, "sandbox:slow", "k"))
    innermost, *others = answers
    before = done()
    refused(innermost, 429, "too_many_calls")
    assert innermost["Retry-After"] == "5"
    assert [answer.status_code for answer in others] == [201] * (staged.MOST_WAITING - 1)
    monkeypatch.setattr(staged, "pause", lambda _seconds: None)
    key = f"k{staged.MOST_WAITING - 1}-meanwhile"
    created(act(box, "sandbox:slow", key))  # the refused one has done nothing, and there is room again
    assert done() != before


def test_what_stands_behind_fixed_codes_is_nowhere(
    box: Sandbox, caplog: pytest.LogCaptureFixture, pauses: list[float]
) -> None:
    answers = [box.claim(code, member=f"ref:{code.name}") for code in FixedCode]
    assert len(pauses) == 1
    codes = scanner.codes_to_look_for(*Batch.objects.filter(brand=box.brand))
    said = b"".join(answer.content for answer in answers)
    tables = takewhile(lambda source: source.name.startswith("table "), scanner.database_sources())
    sources = [*tables, Source("log", caplog.text.encode()), Source("answers", said)]
    assert scanner.scan(codes, sources).found == []
    told = created(box.post("gifts", campaign="sandbox"))
    assert scanner.scan(codes, [Source("gift", told["code"].encode())]).found  # it would have been found
