"""What is done in a sandbox stays in it, and nothing of it is known elsewhere."""

import uuid

import pytest
from django.conf import settings
from django.test import Client
from redis import Redis

from campaigns.sandbox import FixedCode
from giftcodes.guard_models import Attempt, GuardTally, Outcome
from giftcodes.guarding.on_redis import PREFIX
from giftcodes.models import Claim
from ledger.models import Account, AccountKind
from ledger.statements import database_time
from parties.card_queries import token_of
from parties.card_services import make_card
from parties.sandboxes import CARD_TOKEN
from tests import make
from tests.api.gifts import issued_by
from tests.api.sandboxes import Sandbox, nothing_differs
from tests.api.shop import Shop
from tests.api.test_claims import claim
from tests.api.test_keys import refused
from tests.api.test_points import created
from tests.redemption_site import visits

pytestmark = pytest.mark.django_db


@pytest.fixture
def shop(db: None) -> Shop:
    """A live brand with a live key."""
    return Shop()


@pytest.fixture
def box(shop: Shop) -> Sandbox:
    return Sandbox(shop.brand)


def test_a_test_claim_credits_the_wallet_of_the_sandbox_alone(shop: Shop, box: Sandbox) -> None:
    before = shop.funds
    gift = created(box.post("gifts", campaign="sandbox"))
    created(box.claim(gift["code"]))
    wallet = Account.objects.get(kind=AccountKind.WALLET, member=Claim.objects.get().member)
    assert wallet.program == box.brand.program != shop.brand.program
    assert shop.funds == before
    nothing_differs()


def test_live_keys_and_pages_refuse_a_real_code_of_the_sandbox(shop: Shop, box: Sandbox) -> None:
    gift = created(box.post("gifts", campaign="sandbox"))
    code = gift["code"]
    refused(claim(shop, code), 409, "code_not_usable")
    browser = Client(headers={"accept-language": "en"})
    visits.member_in(browser)
    assert "a page of a sandbox" in browser.get(gift["url"].removeprefix(settings.SITE_URL)).content.decode()
    for typed in (code, FixedCode.FRESH):
        answer = browser.post("/claim/", {"code": typed, "campaign": f"sandbox-{box.brand.pk}"})
        assert answer.status_code == 422
    assert not Claim.objects.exists()
    created(box.claim(code))  # so it was refused for who asked


@pytest.mark.parametrize("code", FixedCode)
def test_a_fixed_code_is_an_unknown_one_to_live_keys(shop: Shop, box: Sandbox, code: FixedCode) -> None:
    assert box.brand.sandbox_of == shop.brand
    body = refused(claim(shop, code), 409, "code_not_usable")
    assert Attempt.objects.get(reference=body["reference"]).outcome == Outcome.UNKNOWN
    assert not Claim.objects.exists()


@pytest.mark.parametrize("recipient", ["sandbox:slow", "sandbox:500-but-issued"])
def test_nothing_is_staged_for_live_keys(shop: Shop, recipient: str) -> None:
    assert issued_by(shop, recipient_ref=recipient)["recipient_ref"] == recipient


def test_names_of_sandboxes_are_no_campaigns_of_live_brands(shop: Shop, box: Sandbox) -> None:
    assert box.partner.get("campaigns/sandbox").status_code == 200
    refused(shop.partner.get("campaigns/sandbox"), 404, "not_found")
    refused(shop.partner.get(f"campaigns/sandbox-{box.brand.pk}"), 404, "not_found")
    refused(shop.post("gifts", key="k1", campaign="sandbox"), 404, "not_found")


def test_test_keys_reach_nothing_live(shop: Shop, box: Sandbox) -> None:
    gift = issued_by(shop)
    refused(box.claim(gift["code"]), 409, "code_not_usable")
    refused(box.partner.get(f"gifts/{gift['id']}"), 404, "not_found")
    refused(box.partner.get(f"members/{shop.id}"), 404, "not_found")
    refused(box.post("spend", member=shop.id, points=1, store="ginza"), 400, "invalid_request")
    refused(box.post("spend", member=shop.id, points=1, store="sandbox-store"), 404, "not_found")
    created(claim(shop, gift["code"]))


def test_sandboxes_of_two_brands_are_apart_too(box: Sandbox) -> None:
    other = Sandbox(make.brand(program=box.live.program))
    gift = created(box.post("gifts", campaign="sandbox"))
    refused(other.partner.get(f"gifts/{gift['id']}"), 404, "not_found")
    first = created(box.claim(FixedCode.FRESH))
    second = created(other.claim(FixedCode.FRESH))
    assert first["member"] != second["member"]
    assert Claim.objects.filter(batch__brand=other.brand).count() == 1
    nothing_differs()


def test_a_test_key_locks_no_live_member(shop: Shop, box: Sandbox) -> None:
    holder = make.member()
    card = make_card(member=holder, at=database_time())
    token = token_of(card, at=database_time()).digits
    refused(box.partner.post("members/lookup", {"card_token": token}), 409, "card_token_not_usable")
    assert shop.partner.post("members/lookup", {"card_token": token}).status_code == 200
    member = str(holder.public_id)
    for _ in range(5):
        refused(box.claim(FixedCode.UNKNOWN, member=member), 404, "not_found")
        refused(box.post("earn", member=member, points=1), 404, "not_found")
    created(shop.post("claims", key="c", member=member, code=issued_by(shop)["code"]))


def test_the_one_card_of_a_sandbox_is_that_of_its_member(shop: Shop, box: Sandbox) -> None:
    typed = {"card_token": f" {CARD_TOKEN[:10]}-{CARD_TOKEN[10:]}"}
    found = box.partner.post("members/lookup", typed)
    assert found.status_code == 200
    spent = created(box.post("spend", member=found.json()["id"], points=1))
    assert spent["member"] == created(box.post("earn", member="ref:sandbox-member", points=1))["member"]
    refused(shop.partner.post("members/lookup", typed), 409, "card_token_not_usable")
    wrong = {"card_token": CARD_TOKEN[:-1] + str((int(CARD_TOKEN[-1]) + 1) % 10)}
    refused(box.partner.post("members/lookup", wrong), 400, "card_token_typing_error")


def has_the_site_counted() -> bool:
    """Whether any try counts for the site's breaker."""
    if settings.REDIS_URL:
        with Redis.from_url(settings.REDIS_URL) as client:
            return bool(list(client.scan_iter(f"{PREFIX}tally:*")))
    return GuardTally.objects.exists()


def test_guessing_in_a_sandbox_counts_nothing_of_the_site(shop: Shop, box: Sandbox) -> None:
    for _guess in range(3):
        refused(box.claim(FixedCode.UNKNOWN, member=f"ref:{uuid.uuid4()}"), 409, "code_not_usable")
    assert not has_the_site_counted()
    refused(claim(shop, FixedCode.UNKNOWN), 409, "code_not_usable")
    assert has_the_site_counted()  # what a live key tries does
