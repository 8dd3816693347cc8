"""Every address of the site, opened by nobody in particular, by a member and by a superuser, on both
databases: an answer, and never an error of ours. (The same for the admin: tests/campaigns/test_scopes.py; for
the API: tests/api/test_every_door.py.)
"""

import re
from collections.abc import Callable

import pytest
from django.test import Client

from campaigns.dispute_models import Dispute
from giftcodes.models import Claim
from ledger.models import Posting
from tests import make
from tests.campaigns import tickets
from tests.config.test_headers import views
from tests.factors import let_in
from tests.redemption_site import visits

pytestmark = pytest.mark.django_db

ARGUMENT = re.compile(r"<(\w+):(\w+)>")
# How the addresses begin that are opened elsewhere.
ELSEWHERE = ("admin/", "api/v1/")
WRITTEN_AS_PATTERNS = {
    r"^theme/(?P<colour>[0-9a-f]{6})\.css$": "theme/0a1b2c.css",
    r"^media/logos/(?P<name>[0-9a-f]{32})\.png$": f"media/logos/{'0' * 32}.png",
    r"^media/heroes/(?P<name>[0-9a-f]{32})\.webp$": f"media/heroes/{'0' * 32}.webp",
    r"^c/(?P<slug>[-\w]+)/card-(?P<lang>ja|en)-(?P<key>[0-9a-f]{32})\.png$": (
        f"c/spring/card-ja-{'0' * 32}.png"
    ),
}
# What a page may answer to a GET: itself, another one, or that there is nothing, nothing for you, nothing
# now, or no GET.
ANSWERS = {200, 204, 302, 303, 304, 400, 401, 403, 404, 405, 409, 410}


def addresses(known: dict[str, object]) -> list[str]:
    """All of the site's, with what stands in them."""

    def written_out(address: str) -> str:
        return ARGUMENT.sub(lambda found: str(known[f"{found[1]}:{found[2]}"]), address)

    found = [address for address, _ in views() if not address.startswith(ELSEWHERE)]
    return [f"/{WRITTEN_AS_PATTERNS.get(address) or written_out(address)}" for address in found]


def member_with_points() -> tuple[Client, dict[str, object]]:
    """Somebody who has claimed a code and asked support about it; and what their addresses name."""
    client = Client(headers={"accept-language": "en"})
    visits.member_in(client)
    campaign = visits.campaign(brand=make.brand(funds=500))
    client.post("/claim/", {"code": make.code_of(visits.batch_of(campaign, size=1, brand=campaign.brand))})
    visits.conditions(campaign)
    dispute: Dispute = tickets.opened(member=visits.member_of(client))
    known: dict[str, object] = {
        "slug:slug": campaign.slug,
        "int:number": 1,
        "int:serial_number": Claim.objects.get().pk,
        "slug:program": campaign.brand.program.slug,
        "int:posting_id": Posting.objects.latest("pk").pk,
        "slug:number": dispute.number,
        "int:site_id": 1,
        "str:token": "x",
        "str:number": "1-x",
        "slug:provider_id": "line",
        "int:passkey_id": 1,
        "int:account_id": 1,
        "int:campaign_id": campaign.pk,
    }
    return client, known


def nobody() -> Client:
    return Client()


def superuser() -> Client:
    client = Client()
    let_in(client, make.user(is_staff=True, is_superuser=True))
    return client


@pytest.mark.parametrize("other", [nobody, superuser])
def test_every_address_has_an_answer(other: Callable[[], Client]) -> None:
    every, visitor = addresses(member_with_points()[1]), other()
    assert len(every) > 50
    for address in every:
        assert visitor.get(address).status_code in ANSWERS, address


def test_every_address_has_an_answer_for_a_member_and_those_of_their_own_a_page() -> None:
    member, known = member_with_points()
    statuses = {address: member.get(address).status_code for address in addresses(known)}
    assert set(statuses.values()) <= ANSWERS, statuses
    history = f"/wallet/{known['slug:program']}/history/"
    own = [
        "/wallet/",
        f"/claimed/{known['int:serial_number']}/",
        history,
        f"{history}{known['int:posting_id']}/",
        f"/help/disputes/{known['slug:number']}/",
        f"/c/{known['slug:slug']}/conditions/1/",
    ]
    assert [address for address in own if statuses[address] != 200] == []
