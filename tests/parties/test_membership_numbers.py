"""Members who are known by a number: found again, kept apart from it, and a brand's pattern in the admin."""

import pytest
from django.conf import LazySettings
from django.db import IntegrityError
from django.test import Client

from giftcodes import services as giftcodes
from ledger import audit
from parties import services as parties
from parties.models import Member, MembershipNumber, NumberPattern, Role
from parties.services import NumberOf
from tests import make
from tests.campaigns.pages import signed_in
from tests.make import NOON

pytestmark = pytest.mark.django_db
ADD = "/admin/parties/numberpattern/add/"


def pattern_data(brand_pk: int, **changes: str) -> dict[str, str]:
    fields = {"prefix": "29", "least_length": "13", "most_length": "13", "check_digit": "ean"}
    return fields | {"brand": str(brand_pk), "example": "2900-0000-00001"} | changes


def test_a_number_leads_to_the_same_member_each_time_and_in_another_brand_to_another() -> None:
    one, two = make.brand(), make.brand()
    of = NumberOf(one.pk, make.membership_number())
    assert parties.find_member(of) is None
    member = parties.member_of_number(of)
    assert parties.member_of_number(of) == member == parties.find_member(of)
    assert member.user is None
    assert parties.member_of_number(of._replace(brand_id=two.pk)) != member


def test_the_table_holds_no_number_and_neither_do_its_names() -> None:
    number = make.membership_number()
    of = NumberOf(make.brand().pk, number)
    parties.member_of_number(of)
    row = MembershipNumber.objects.values().get()
    assert row["tail"] == number[-4:]
    assert number not in str(row)
    assert number[:-4] not in f"{of} {MembershipNumber.objects.get()}"


def test_a_new_key_finds_what_was_kept_under_the_old_one(settings: LazySettings) -> None:
    of = NumberOf(make.brand().pk, make.membership_number())
    member = parties.member_of_number(of)
    old = settings.MEMBERSHIP_NUMBER_KEYS
    settings.MEMBERSHIP_NUMBER_KEYS = {"new": bytes(range(32))} | old
    assert parties.member_of_number(of) == member
    settings.MEMBERSHIP_NUMBER_KEYS = {"new": bytes(range(32))}
    assert parties.find_member(of) is None


def test_erasing_a_number_leaves_every_balance_and_the_next_use_begins_anew() -> None:
    batch = make.live_batch(size=1)
    of = NumberOf(batch.brand_id, make.membership_number())
    member = parties.member_of_number(of)
    giftcodes.claim_code(text=make.code_of(batch), member=member, at=NOON)
    row = MembershipNumber.objects.get()
    client = signed_in(make.user(is_staff=True, is_superuser=True))
    address = f"/admin/parties/membershipnumber/{row.pk}/delete/"
    assert client.post(address, {"post": "yes"}).status_code == 302
    assert not MembershipNumber.objects.exists()
    assert Member.objects.filter(pk=member.pk).exists()
    assert not list(audit.differences())
    assert parties.member_of_number(of) != member


def test_support_sees_a_masked_number_and_changes_nothing() -> None:
    number = make.membership_number()
    parties.member_of_number(NumberOf(make.brand().pk, number))
    client = signed_in(make.staff(Role.SUPPORT, None))
    page = client.get("/admin/parties/membershipnumber/").content.decode()
    assert f"••••{number[-4:]}" in page
    assert number not in page
    row = MembershipNumber.objects.get()
    assert row.digest not in client.get(f"/admin/parties/membershipnumber/{row.pk}/change/").content.decode()
    assert client.post(f"/admin/parties/membershipnumber/{row.pk}/delete/").status_code == 403


def test_a_marketer_sets_the_pattern_and_it_is_tried_on_the_example() -> None:
    brand = make.brand()
    client = signed_in(make.staff(Role.MARKETER, brand))
    assert client.post(ADD, pattern_data(brand.pk)).status_code == 302
    pattern = NumberPattern.objects.get(brand=brand)
    address = f"/admin/parties/numberpattern/{pattern.pk}/"
    assert client.post(f"{address}delete/", {"post": "yes"}).status_code == 403  # campaigns rest on it
    changed = pattern_data(brand.pk, example="2900-0000-00018", least_length="12")
    assert client.post(f"{address}change/", changed).status_code == 302
    pattern.refresh_from_db()
    assert (pattern.least_length, pattern.brand) == (12, brand)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"example": "2900-0000-00002"}, "example"),
        ({"example": "1900-0000-00001"}, "example"),
        ({"example": "2900-0000"}, "example"),
        ({"example": "29OO-0000-00001"}, "example"),
        ({"example": ""}, "example"),
        ({"least_length": "5"}, "__all__"),
        ({"least_length": "14"}, "example"),
        ({"most_length": "33"}, "__all__"),
        ({"has_letters": "on"}, "check_digit"),
        ({"check_digit": "sha1"}, "check_digit"),
        ({"prefix": "2" * 9}, "prefix"),
    ],
)
def test_a_pattern_that_its_example_does_not_fit_is_refused(changes: dict[str, str], field: str) -> None:
    brand = make.brand()
    client = signed_in(make.staff(Role.MARKETER, brand))
    answer = client.post(ADD, pattern_data(brand.pk, **changes))
    assert field in answer.context["adminform"].form.errors
    assert not NumberPattern.objects.exists()


def test_marketers_of_others_set_nothing() -> None:
    brand = make.brand()
    other = signed_in(make.staff(Role.MARKETER, make.brand()))
    assert "brand" in other.post(ADD, pattern_data(brand.pk)).context["adminform"].form.errors
    support = signed_in(make.staff(Role.SUPPORT, brand))
    assert support.post(ADD, pattern_data(brand.pk)).status_code == 403
    assert Client().post(ADD, pattern_data(brand.pk)).status_code == 302  # to the sign-in
    assert not NumberPattern.objects.exists()


@pytest.mark.parametrize(
    "fields",
    [
        {"least_length": 5},
        {"least_length": 14},
        {"most_length": 33},
        {"check_digit": "sha1"},
        {"check_digit": "luhn", "has_letters": True},
        {"example": ""},
    ],
)
def test_the_database_holds_what_a_pattern_may_be(fields: dict[str, object]) -> None:
    brand = make.brand()
    with pytest.raises(IntegrityError):
        make.number_pattern(brand, **fields)


def test_the_database_holds_a_number_once_per_brand() -> None:
    brand = make.brand()
    row = {"digest": "0" * 64, "tail": "0000", "brand": brand}
    MembershipNumber.objects.create(member=Member.objects.create(), **row)
    with pytest.raises(IntegrityError):
        MembershipNumber.objects.create(member=Member.objects.create(), **row)
