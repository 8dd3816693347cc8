"""What staff see of guessing, and who may lift a lock."""

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from giftcodes import guard_queries
from giftcodes import services as giftcodes
from giftcodes.guard_models import ClaimLock, LockLift
from giftcodes.models import Claim
from parties.models import Member, Role
from tests import make
from tests.giftcodes.guarded import attempt, stranger, strike, strike_without_sign_in
from tests.redemption_site import visits

pytestmark = pytest.mark.django_db
OVERVIEW = "/admin/giftcodes/claimlock/"


def signed_in(role: Role, *, is_operator: bool = True, language: str = "en") -> Client:
    client = Client(headers={"accept-language": language})
    brand = None if is_operator else make.brand()
    client.force_login(make.staff(role, brand), backend="django.contrib.auth.backends.ModelBackend")
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
