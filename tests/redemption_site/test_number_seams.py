"""A code for a membership number: what its browser keeps, and conditions that have to be accepted."""

import pytest

from campaigns.conditions_models import ConditionsAcceptance
from campaigns.models import KnownBy
from campaigns.queries import limit_group_of
from giftcodes.models import Claim
from parties import services as parties
from parties.models import Member
from parties.services import NumberOf
from tests import make
from tests.redemption_site import visits
from tests.redemption_site.test_numbers import Shop, browser, claim, give, open_shop

pytestmark = pytest.mark.django_db


@pytest.fixture
def shop() -> Shop:
    return open_shop()


def test_scripts_of_a_page_read_none_of_the_cookies(shop: Shop) -> None:
    client = browser()
    claim(client, shop, shop.code(), make.membership_number())
    for name in ("visitor", "receipts"):
        cookie = client.cookies[name]
        assert cookie["httponly"]
        assert cookie["samesite"] == "Lax"


@pytest.mark.parametrize("junk", ["", "x", "é", "A" * 5_000, "gAAAAA=="])
def test_junk_in_the_cookies_is_nobody(shop: Shop, junk: str) -> None:
    client = browser()
    client.cookies["visitor"] = client.cookies["receipts"] = junk
    answer = claim(client, shop, shop.code(), make.membership_number())
    assert answer.status_code == 303
    assert client.get(answer["Location"]).status_code == 200


@pytest.fixture
def strict_shop() -> Shop:
    """A shop whose campaign has conditions."""
    campaign = visits.campaign(known_by=KnownBy.MEMBERSHIP_NUMBER)
    make.number_pattern(campaign.brand)
    batch = visits.batch_of(campaign, size=3, limit_group=limit_group_of(campaign))
    visits.conditions(campaign, text_ja="規約")
    return Shop(campaign, batch)


def member_of(shop: Shop, number: str) -> Member | None:
    return parties.find_member(NumberOf(shop.campaign.brand_id, number))


def test_the_tick_that_came_with_the_code_is_that_of_the_number(strict_shop: Shop) -> None:
    shop, client, number = strict_shop, browser(), make.membership_number()
    version = shop.campaign.conditions.get()
    form = {"code": shop.code(), "campaign": shop.campaign.slug, "number": "1", "asked": "1"}
    assert client.post("/claim/", form).status_code == 400
    assert client.post("/claim/", form | {"accept": f"{version.pk}-ja"}).status_code == 303
    assert give(client, shop.code(), number).status_code == 303
    accepted = ConditionsAcceptance.objects.get()
    assert (accepted.member, accepted.version) == (member_of(shop, number), version)


def test_conditions_that_changed_meanwhile_are_asked_for_beside_the_number(strict_shop: Shop) -> None:
    shop, client, number = strict_shop, browser(), make.membership_number()
    old = shop.campaign.conditions.get()
    form = {"code": shop.code(), "campaign": shop.campaign.slug, "number": "1", "asked": "1"}
    client.post("/claim/", form | {"accept": f"{old.pk}-ja"})
    new = visits.conditions(shop.campaign, text_ja="改定")
    asked = give(client, shop.code(), number)
    page = asked.content.decode()
    assert asked.status_code == 428
    assert f'value="{new.pk}-en"' in page or f'value="{new.pk}-ja"' in page
    assert number in page  # and need not be typed again
    assert member_of(shop, number) is None
    assert not Claim.objects.exists()
    again = {"membership_number": number, "shown": visits.shown_in(asked), "accept": f"{new.pk}-ja"}
    assert client.post("/claim/number/", again).status_code == 303
    assert [row.version for row in ConditionsAcceptance.objects.all()] == [new]
    assert Claim.objects.get().member == member_of(shop, number)
