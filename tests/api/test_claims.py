"""A brand's own app claims codes for its members: the page's rules, counted by member, told once."""

import json
import logging
import uuid
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from pytest_django.fixtures import Settings

from campaigns.conditions_models import ConditionsAcceptance, ConditionsLanguage
from campaigns.services import Tick, unless_accepted
from giftcodes import services as giftcodes
from giftcodes.errors import ClaimingLocked
from giftcodes.guard_models import Attempt, ClaimLock, GuardMark
from giftcodes.guarding.rules import STRIKES_PER_CLIENT
from giftcodes.models import Batch, Claim
from giftcodes.services import Asker
from ledger.statements import database_time
from parties.act_models import ApiAct
from parties.models import Member, MembershipNumber
from tests import make
from tests.api.shop import Shop, no_differences
from tests.api.test_keys import refused
from tests.api.test_points import created
from tests.giftcodes.guarded import unknown_code
from tests.redemption_site import visits

pytestmark = pytest.mark.django_db


@pytest.fixture
def shop(db: None) -> Shop:
    return Shop()


def batch_of(shop: Shop, size: int = 3, **fields: Any) -> Batch:
    """A batch of the program that can be claimed now, of another brand than the shop's."""
    return visits.batch_now(
        size=size, brand=make.brand(program=shop.brand.program, funds=500 * size), **fields
    )


def claim(shop: Shop, code: str, *, key: str | None = None, member: str = "ref:user-1", **more: Any) -> Any:
    return shop.post("claims", key=key or str(uuid.uuid4()), code=code, member=member, **more)


def test_a_code_becomes_points_of_the_member_whom_the_app_names(shop: Shop) -> None:
    code = make.code_of(batch_of(shop))
    body = created(claim(shop, code))
    row = Claim.objects.get()
    assert body == {
        "serial": str(row.pk),
        "member": str(row.member.public_id),
        "points": 500,
        "balance": 500,
        "claimed_at": body["claimed_at"],
        "expires_at": body["expires_at"],
        "was_claimed_before": False,
    }
    assert MembershipNumber.objects.get().member == row.member
    assert not Attempt.objects.exists()
    no_differences()


def test_a_repeat_gets_the_same_answer_and_is_no_try(shop: Shop) -> None:
    code = make.code_of(batch_of(shop))
    first = created(claim(shop, code, key="k1", member=shop.id))
    marks = GuardMark.objects.count()
    for _repeat in range(15):  # more than the ten tries that a member has in a minute
        assert created(claim(shop, code, key="k1", member=shop.id), replayed=True) == first
    assert GuardMark.objects.count() == marks
    refused(claim(shop, code, key="k1", member="ref:another"), 422, "key_reused")
    refused(claim(shop, code[::-1], key="k1", member=shop.id), 422, "key_reused")
    told = created(claim(shop, code, key="k2", member=shop.id))  # a new key, and the code is this member's
    assert told == first | {"was_claimed_before": True}
    no_differences()


def test_a_code_that_does_not_work_gets_one_answer_whatever_the_reason(shop: Shop) -> None:
    batch = batch_of(shop)
    used, void = make.code_of(batch, 0), make.code_of(batch, 1)
    created(claim(shop, used, member="ref:first"))
    serial = batch.first_serial + 1
    decided = {**make.decided(batch), "at": database_time()}
    giftcodes.void_codes(batch_id=batch.pk, first_serial=serial, last_serial=serial, **decided)
    now = database_time()
    ended = visits.batch_now(
        size=1,
        brand=make.brand(program=shop.brand.program, funds=500),
        approved_at=now - timedelta(hours=3),
        claim_until=now - timedelta(hours=1),
    )
    elsewhere = make.code_of(visits.batch_now(size=1))  # another program's, where it works
    codes = [used, void, make.code_of(ended), elsewhere, unknown_code(batch)]
    told = []
    for number, code in enumerate(codes):
        body = refused(claim(shop, code, member=f"ref:u{number}"), 409, "code_not_usable")
        assert Attempt.objects.filter(reference=body.pop("reference")).exists()
        told.append(body)
    assert told == told[:1] * len(codes)
    outcomes = list(Attempt.objects.order_by("pk").values_list("outcome", flat=True))
    assert outcomes == ["not_usable"] * 4 + ["unknown"]
    assert not MembershipNumber.objects.exclude(member__in=Claim.objects.values("member")).exists()


def test_a_refusal_repeats_too_and_is_one_strike(shop: Shop) -> None:
    wrong = unknown_code(batch_of(shop))
    first = refused(claim(shop, wrong, key="k1"), 409, "code_not_usable")
    for _repeat in range(6):
        assert refused(claim(shop, wrong, key="k1"), 409, "code_not_usable") == first
    assert Attempt.objects.count() == 1


def test_five_unknown_codes_lock_the_member_and_nobody_else(shop: Shop) -> None:
    batch = batch_of(shop, size=8)
    for place in range(5):
        refused(claim(shop, unknown_code(batch, place), member=shop.id), 409, "code_not_usable")
    good = make.code_of(batch, 6)
    answer = claim(shop, good, member=shop.id)
    body = refused(answer, 429, "claiming_locked")
    lock = ClaimLock.objects.get(reference=body["reference"])
    assert lock.member == shop.member
    assert 86_000 < int(answer["Retry-After"]) <= 86_400
    with pytest.raises(ClaimingLocked):  # the page knows it too
        giftcodes.try_code(text=good, asker=Asker(shop.member, "203.0.113.9"))
    created(claim(shop, good, member="ref:honest"))


def test_strikes_count_for_whoever_is_named_before_a_claim_has_made_them(shop: Shop) -> None:
    batch = batch_of(shop, size=8)
    for place in range(5):
        refused(claim(shop, unknown_code(batch, place), member="ref:guesser"), 409, "code_not_usable")
    refused(claim(shop, make.code_of(batch, 6), member="ref:guesser"), 429, "claiming_locked")
    assert ClaimLock.objects.get().member is None
    assert not MembershipNumber.objects.exists()


def test_no_address_counts_but_all_members_of_a_client_together(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("giftcodes.guarding.visitors.STRIKES_PER_CLIENT", 3)
    assert STRIKES_PER_CLIENT == 100
    batch = batch_of(shop, size=8)
    for place in range(3):
        refused(claim(shop, unknown_code(batch, place), member=f"ref:u{place}"), 409, "code_not_usable")
    networks = set(Attempt.objects.values_list("network", flat=True))
    assert networks == {f"client:{shop.partner.client.pk}"}
    answer = claim(shop, make.code_of(batch, 5), member="ref:honest")
    refused(answer, 429, "too_many_tries")
    assert int(answer["Retry-After"]) <= 3_600
    other = Shop(program=shop.brand.program)  # from the same address
    created(claim(other, make.code_of(batch, 5), member="ref:honest"))


def test_a_member_has_ten_tries_a_minute(shop: Shop) -> None:
    batch = batch_of(shop, size=12)
    for place in range(10):
        created(claim(shop, make.code_of(batch, place), member=shop.id))
    answer = claim(shop, make.code_of(batch, 10), member=shop.id)
    refused(answer, 429, "too_many_tries")
    created(claim(shop, make.code_of(batch, 10), member="ref:another"))


@pytest.mark.both
def test_a_typing_error_is_told_apart_and_is_no_strike(shop: Shop) -> None:
    code = make.code_of(batch_of(shop))
    wrong = code[:-1] + str((int(code[-1]) + 1) % 10)
    for text in (wrong, code[:-1], "", "０" + code, "abc", "1e15", "\u0000", "9" * 150):
        answer = claim(shop, text)
        refused(answer, 400, "not_a_code" if text.strip("\x00") else "invalid_request")
        assert text not in answer.content.decode() or not text.isdigit()
    assert not Attempt.objects.exists()
    assert GuardMark.objects.filter(key__startswith="strike:").count() == 0


def test_a_code_may_come_as_people_write_it(shop: Shop) -> None:
    code = make.code_of(batch_of(shop))
    wide = "".join(chr(ord(digit) + 0xFEE0) for digit in code)
    created(claim(shop, f" {wide[:4]}\u3000{wide[4:8]}-{wide[8:]}\u200b"))


@pytest.mark.both
def test_a_code_is_a_text(shop: Shop) -> None:
    for code in (1234567890123456, 1e15, None, True, ["1"], {"a": 1}, "9" * 201, "\x00" * 3):
        answer = shop.post("claims", key="k1", code=code, member="ref:user-1")
        body = refused(answer, 400, "invalid_request")
        assert {error["field"].partition(".")[0] for error in body["errors"]} == {"code"}, code
    assert not ApiAct.objects.exists()


def test_a_member_who_has_nothing_to_do_with_the_brand_is_nobody(shop: Shop) -> None:
    code = make.code_of(batch_of(shop))
    refused(claim(shop, code, member=str(make.member().public_id)), 404, "not_found")
    assert not GuardMark.objects.exists()


def test_conditions_are_accepted_on_the_page_first(shop: Shop) -> None:
    campaign = visits.campaign(brand=make.brand(program=shop.brand.program, funds=1_500))
    version = visits.conditions(campaign)
    batch = visits.batch_of(campaign, size=2, brand=campaign.brand)
    refused(claim(shop, make.code_of(batch), key="k1", member=shop.id), 409, "claim_held_back")
    assert not Claim.objects.exists()
    assert not Attempt.objects.exists()
    tick = Tick(version.pk, ConditionsLanguage.JA)
    giftcodes.try_code(
        text=make.code_of(batch, 1),
        asker=Asker(shop.member, "203.0.113.9"),
        unless=unless_accepted(member=shop.member, tick=tick),
    )
    assert ConditionsAcceptance.objects.get().member == shop.member
    created(claim(shop, make.code_of(batch), key="k1", member=shop.id))  # the same key: nothing was kept


@pytest.fixture
def logged(caplog: pytest.LogCaptureFixture) -> Iterator[pytest.LogCaptureFixture]:
    with caplog.at_level(logging.DEBUG):
        yield caplog


def test_the_code_is_nowhere_afterwards(
    shop: Shop, logged: pytest.LogCaptureFixture, settings: Settings
) -> None:
    batch = batch_of(shop)
    codes = [make.code_of(batch), unknown_code(batch), make.code_of(batch)]
    answers = [claim(shop, code, member=f"ref:u{number}") for number, code in enumerate(codes)]
    kept = [*ApiAct.objects.values(), *Attempt.objects.values(), *Member.objects.values()]
    seen = json.dumps(kept, default=str) + logged.text + "".join(each.content.decode() for each in answers)
    assert [code for code in codes if code in seen or code[4:] in seen] == []
    prints = set(ApiAct.objects.values_list("fingerprint", flat=True))
    settings.SECRET_KEY = "another"  # so the fingerprints are keyed: they can't be found by trying all codes
    refused(claim(shop, codes[1], key="again", member="ref:u1"), 409, "code_not_usable")
    assert not prints & set(
        ApiAct.objects.exclude(fingerprint__in=prints).values_list("fingerprint", flat=True)
    )
    assert len(set(ApiAct.objects.values_list("fingerprint", flat=True))) == 4
