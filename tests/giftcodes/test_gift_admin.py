"""Gifts in the admin, for support."""

import pytest
from django.urls import reverse

from parties.models import Role
from tests import make
from tests.campaigns import promos
from tests.campaigns.pages import signed_in

pytestmark = pytest.mark.django_db


def test_a_gift_is_found_by_a_whole_number_or_name_of_its_own_brand_alone() -> None:
    own, other = promos.team(), promos.team()
    mine, foreign = promos.withdrawn_gift(own), promos.withdrawn_gift(other)
    client = signed_in(make.staff(Role.SUPPORT, own.brand))
    for typed in (str(mine.pk), str(mine.public_id), "user-1077", " user-1077 "):
        answer = client.get(reverse("admin:giftcodes_gift_changelist"), {"q": typed})
        assert list(answer.context["cl"].queryset) == [mine], typed
    for typed in (str(foreign.pk), str(foreign.public_id), "user-107", "%", "9" * 40, "１２３", "\u202e"):
        answer = client.get(reverse("admin:giftcodes_gift_changelist"), {"q": typed})
        assert list(answer.context["cl"].queryset) == [], typed
    page = client.get(reverse("admin:giftcodes_gift_change", args=(mine.pk,))).content.decode()
    assert "sent by mistake" in page
    assert "user-1077" in page
