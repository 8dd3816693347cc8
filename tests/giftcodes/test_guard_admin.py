"""What staff see of guessing, and who may lift a lock."""

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from giftcodes import guard_queries
from giftcodes import services as giftcodes
from giftcodes.errors import CodeNotUsable
from giftcodes.guard_models import ClaimLock, LockLift
from giftcodes.guarding.visitors import person_of
from giftcodes.models import Claim
from parties.models import Member, Role
from parties.periods import moment_text
from tests import make
from tests.factors import let_in
from tests.giftcodes.guarded import attempt, stranger, strike, strike_without_sign_in
from tests.redemption_site import visits

pytestmark = pytest.mark.django_db
OVERVIEW = "/admin/giftcodes/claimlock/"


def signed_in(role: Role, *, is_operator: bool = True, language: str = "en") -> Client:
    client = Client(headers={"accept-language": language})
    brand = None if is_operator else make.brand()
    let_in(client, make.staff(role, brand))
    return client


def locked_member() -> tuple[Member, ClaimLock]:
    batch, member = visits.batch_now(), make.member()
    for _ in range(5):
        strike(batch, member, at=timezone.now())
    return member, ClaimLock.objects.get()


@pytest.mark.parametrize(
    ("language", "title"), [("en", "Guessing and locks"), ("ja", "コードの推測とロック")]
)
def test_support_sees_state_chart_locks_and_networks(language: str, title: str) -> None:
    _member, lock = locked_member()
    answer = signed_in(Role.SUPPORT, language=language).get(OVERVIEW)
    page = answer.content.decode()
    assert answer.status_code == 200
    assert title in page
    assert lock.reference in page
    assert "203.0.113.0/24" in page
    assert "<polyline" in page
    assert f"{OVERVIEW}{lock.pk}/lift/" in page


def test_a_reference_number_leads_to_its_try_and_lock() -> None:
    batch, member = visits.batch_now(), make.member()
    reference = strike(batch, member, at=timezone.now())
    page = signed_in(Role.AUDITOR).get(OVERVIEW, {"reference": f" {reference.lower()} "}).content.decode()
    assert "no such code" in page
    missing = signed_in(Role.AUDITOR).get(OVERVIEW, {"reference": "22222222"}).content.decode()
    assert "There is no such number" in missing


def test_support_lifts_a_lock_and_the_member_claims_at_once() -> None:
    member, lock = locked_member()
    client = signed_in(Role.SUPPORT)
    address = f"{OVERVIEW}{lock.pk}/lift/"
    assert client.get(address).status_code == 200
    assert "Give a reason" in client.post(address, {"reason": " "}).content.decode()
    assert not LockLift.objects.exists()
    assert client.post(address, {"reason": "worn leaflet"}).status_code == 303
    assert LockLift.objects.get().reason == "worn leaflet"
    attempt(visits.code_now(), member, at=timezone.now())
    assert Claim.objects.count() == 1
    assert lock.reference not in client.get(OVERVIEW).content.decode()


@pytest.mark.parametrize(
    ("role", "is_operator", "may_look"),
    [
        (Role.AUDITOR, True, True),
        (Role.SUPPORT, False, False),
        (Role.MARKETER, True, False),
        (Role.FINANCE, True, False),
    ],
)
def test_others_lift_nothing(role: Role, is_operator: bool, may_look: bool) -> None:
    _member, lock = locked_member()
    client = signed_in(role, is_operator=is_operator)
    assert client.get(OVERVIEW).status_code == (200 if may_look else 403)
    assert client.post(f"{OVERVIEW}{lock.pk}/lift/", {"reason": "because"}).status_code == 403
    assert not LockLift.objects.exists()
    lists = [client.get(f"/admin/giftcodes/{name}/").status_code for name in ("attempt", "alarm")]
    assert lists == [200 if may_look else 403] * 2


def test_hours_without_refusals_are_shown_too() -> None:
    batch, now = visits.batch_now(), timezone.now()
    strike(batch, make.member(), at=now - timedelta(hours=2))
    hours = guard_queries.refusals_by_hour(now=now, hours=4)
    assert [hour.unknown for hour in hours] == [0, 1, 0, 0]


def test_a_reference_number_tells_the_whole_story_of_a_real_code() -> None:
    batch, member, now = visits.batch_now(size=3), make.member(), timezone.now()
    attempt(make.code_of(batch), make.member(), at=now - timedelta(hours=1))
    claim = Claim.objects.get()
    with pytest.raises(CodeNotUsable) as refusal:
        attempt(make.code_of(batch), member, at=now)
    client = signed_in(Role.SUPPORT)
    page = client.get(OVERVIEW, {"reference": refusal.value.reference}).content.decode()
    for fact in (
        "a real code, not usable now",
        str(claim.pk),
        f"claimed: {moment_text(claim.claimed_at)}",
        str(claim.member),
        str(batch.brand),
        f"{batch.first_claim_id}–{batch.end_claim_id - 1}",
        "poster",
        "0 of 5 in 24 hours",
        f"/admin/campaigns/dispute/?q={refusal.value.reference}",
    ):
        assert fact in page, fact
    assert client.get(f"/admin/giftcodes/claim/?q={claim.pk}").status_code == 200
    assert str(claim.member.public_id) not in page


def test_the_story_of_a_locked_person_leads_to_the_lift() -> None:
    _member, lock = locked_member()
    client = signed_in(Role.SUPPORT)
    page = client.get(OVERVIEW, {"reference": lock.reference}).content.decode()
    assert "5 of 5 in 24 hours" in page
    assert page.count(f"{OVERVIEW}{lock.pk}/lift/") == 2  # in the story and in the list of locks
    client.post(f"{OVERVIEW}{lock.pk}/lift/", {"reason": "worn leaflet"})
    page = client.get(OVERVIEW, {"reference": lock.reference}).content.decode()
    assert "0 of 5 in 24 hours" in page
    assert "worn leaflet" in page
    assert f"{OVERVIEW}{lock.pk}/lift/" not in page
    auditor = signed_in(Role.AUDITOR).get(OVERVIEW, {"reference": lock.reference}).content.decode()
    assert "/lift/" not in auditor


def test_strikes_are_shown_of_people_near_the_lock_and_of_networks() -> None:
    batch, now = visits.batch_now(size=3), timezone.now()
    once, twice, old, locked = (make.member() for _ in range(4))
    strike(batch, once, at=now, address="198.51.100.1")
    for person, number, at in ((twice, 2, now), (old, 4, now - timedelta(hours=25)), (locked, 5, now)):
        for place in range(number):
            strike(batch, person, at=at, place=place % 3)
    near = guard_queries.near_lock(now=now + timedelta(seconds=1))
    assert [(person.name, person.strikes) for person in near] == [(person_of(twice.pk), 2)]
    page = signed_in(Role.SUPPORT).get(OVERVIEW).content.decode()
    assert person_of(twice.pk)[:8] in page
    for hidden in (once, old, locked):
        assert person_of(hidden.pk)[:8] not in page
    assert "2 / 5" in page
    assert "7 / 100" in page
    assert "1 / 100" in page


def test_a_lifted_lock_forgets_strikes_on_the_page_as_well() -> None:
    member, lock = locked_member()
    now = timezone.now()
    giftcodes.lift_lock(lock_id=lock.pk, reason="worn leaflet", user=make.user(), at=now)
    assert guard_queries.near_lock(now=now) == []
    batch = visits.batch_now()
    for place in range(2):
        strike(batch, member, at=now + timedelta(minutes=1), place=place)
    near = guard_queries.near_lock(now=now + timedelta(minutes=2))
    assert [person.strikes for person in near] == [2]


@pytest.mark.parametrize(("language", "words"), [("en", "not signed in"), ("ja", "ログインなし")])
def test_a_lock_of_nobody_who_was_signed_in_is_shown_and_lifted_like_any_other(
    language: str, words: str
) -> None:
    batch = visits.batch_now(size=1)
    references = [strike_without_sign_in(batch, "a browser") for _ in range(5)]
    lock = ClaimLock.objects.get()
    assert lock.member is None
    client = signed_in(Role.SUPPORT, language=language)
    page = client.get(OVERVIEW, {"reference": references[0]}).content.decode()
    assert page.count(words) == 2  # the look-up, and the locks that stand
    assert "(None)" not in page
    assert "<td>None" not in page
    address = f"{OVERVIEW}{lock.pk}/lift/"
    assert "Member None" not in client.get(address).content.decode()
    assert client.post(address, {"reason": "worn leaflet"}).status_code == 303
    giftcodes.try_code_for_number(text=make.code_of(batch), asker=stranger(batch, "a browser"))
    assert Claim.objects.count() == 1
