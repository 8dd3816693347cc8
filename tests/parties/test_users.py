"""Users with and without an address: members may have none, staff always have one."""

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.test import Client

from parties.models import User
from tests import make
from tests.factors import let_in

pytestmark = pytest.mark.django_db


def test_several_members_may_have_no_address() -> None:
    users = [User.objects.create(name="花子"), User.objects.create()]
    assert [str(user) for user in users] == ["花子", f"#{users[1].pk}"]


@pytest.mark.parametrize("fields", [{"is_staff": True}, {"email": ""}])
def test_the_database_refuses_staff_without_an_address_and_an_empty_one(fields: dict[str, object]) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        User.objects.create(**fields)
    user = User.objects.create(**{"email": "hanako@example.com"} | fields | {"email": "hanako@example.com"})
    with pytest.raises(IntegrityError), transaction.atomic():
        User.objects.filter(pk=user.pk).update(email=fields.get("email"), is_staff=True)


def test_the_form_says_what_staff_need() -> None:
    member = make.user()
    member.email, member.is_staff = None, True
    with pytest.raises(ValidationError) as refusal:
        member.full_clean(exclude=["password"])
    assert "スタッフにはメールアドレスが必要です。" in str(refusal.value)


def test_superusers_can_change_a_member_without_an_address(client: Client) -> None:
    root = make.user(is_staff=True, is_superuser=True)
    let_in(client, root)
    member = User.objects.create(name="花子")
    page = f"/admin/parties/user/{member.pk}/change/"
    assert client.post(page, {"email": "", "name": "花子"}).status_code == 302
    member.refresh_from_db()
    assert (member.email, member.is_active) == (None, False)
    client.post(page, {"email": "me@x.example", "name": "花子", "is_staff": "on"})
    member.refresh_from_db()
    assert (member.email, member.is_staff) == (None, False)
