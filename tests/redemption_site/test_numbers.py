"""A code for a membership number, through the pages, without a sign-in."""

import re
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

import pytest
import time_machine
from cryptography.fernet import Fernet
from django.conf import LazySettings
from django.db import OperationalError, connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from redis import Redis

from campaigns.models import Campaign, KnownBy
from campaigns.queries import limit_group_of
from giftcodes import audit as giftcodes_audit
from giftcodes import codec
from giftcodes.guard_models import Attempt, ClaimLock, Outcome
from giftcodes.models import Batch, Claim
from giftcodes.services import number_tries
from ledger import audit
from ledger import queries as ledger_queries
from parties import services as parties
from parties.models import Member, MembershipNumber
from parties.services import NumberOf
from redemption_site import pace
from redemption_site.pending import mark_of
from tests import make
from tests.giftcodes.guarded import a_redis, unknown_code
from tests.redemption_site import visits
from tests.redemption_site.test_limits import under_attack

pytestmark = pytest.mark.django_db
UNKNOWN = "This code can&#x27;t be used."


class Shop(NamedTuple):
    """A campaign that asks for numbers, and its codes."""

    campaign: Campaign
    batch: Batch

    def code(self, place: int = 0) -> str:
        return make.code_of(self.batch, place)

    def balance_of(self, number: str) -> int:
        member = parties.find_member(NumberOf(self.campaign.brand_id, number))
        return 0 if member is None else ledger_queries.wallet_balance(member, self.batch.brand.program_id)


def open_shop(*, size: int = 3, slug: str = "spring", **terms: object) -> Shop:
    brand = make.brand(funds=100_000)
    make.number_pattern(brand)
    campaign = visits.campaign(brand=brand, slug=slug, known_by=KnownBy.MEMBERSHIP_NUMBER)
    group = limit_group_of(campaign)
    return Shop(campaign, visits.batch_now(size=size, brand=brand, limit_group=group, **terms))


@pytest.fixture
def shop() -> Shop:
    return open_shop()


@pytest.fixture(params=["redis", "database"])
def _counters(request: pytest.FixtureRequest, settings: LazySettings) -> None:
    with Redis.from_url(a_redis()) as client:
        client.flushdb()
    settings.REDIS_URL = a_redis() if request.param == "redis" else ""


def browser(language: str = "en") -> Client:
    return Client(headers={"accept-language": language})


def enter(client: Client, shop: Shop, code: str) -> visits.Answer:
    return client.post("/claim/", {"code": code, "campaign": shop.campaign.slug, "number": "1"})


def give(client: Client, code: str, number: str) -> visits.Answer:
    return client.post("/claim/number/", {"membership_number": number, "shown": mark_of(code)})


def claim(client: Client, shop: Shop, code: str, number: str) -> visits.Answer:
    enter(client, shop, code)
    return give(client, code, number)


def test_a_code_becomes_points_of_a_number_and_the_page_tells_no_more(shop: Shop) -> None:
    client, number = browser(), make.membership_number()
    answer = enter(client, shop, codec.group(shop.code()))
    assert (answer.status_code, answer["Location"]) == (303, "/claim/number/")
    page = client.get("/claim/number/")
    assert "no-store" in page["Cache-Control"]
    assert "2900-0000-00001" in page.content.decode()
    assert shop.code() not in page.content.decode().replace("-", "")
    assert not Claim.objects.exists()

    answer = give(client, shop.code(), f"{number[:4]} {number[4:]}")

    assert answer.status_code == 303
    assert answer["Location"] == f"/received/{shop.batch.first_claim_id}/"
    told = client.get(answer["Location"])
    text = told.content.decode()
    assert "no-store" in told["Cache-Control"]
    assert text.count("500 pt") == 1  # what the code brought, and no balance
    assert number[-4:] in text
    assert number not in text
    assert shop.balance_of(number) == 500
    assert not [*audit.differences(), *giftcodes_audit.differences()]


def test_the_points_of_two_codes_meet_in_one_wallet_that_no_page_shows(shop: Shop) -> None:
    number = make.membership_number()
    claim(browser(), shop, shop.code(0), number)
    client = browser()
    answer = claim(client, shop, shop.code(1), number)
    assert shop.balance_of(number) == 1_000
    assert "1,000" not in client.get(answer["Location"]).content.decode()
    assert MembershipNumber.objects.count() == Member.objects.count() == 1


def test_the_result_is_shown_in_the_browser_that_claimed_and_for_half_an_hour(shop: Shop) -> None:
    client = browser()
    address = claim(client, shop, shop.code(), make.membership_number())["Location"]
    assert client.get(address).status_code == 200
    assert browser().get(address).status_code == 404
    with time_machine.travel(datetime.now(UTC) + timedelta(minutes=31)):
        assert client.get(address).status_code == 404
    forged = browser()
    forged.cookies["receipts"] = Fernet(Fernet.generate_key()).encrypt(b"[[1,1,1,1,1,1,1]]").decode()
    assert forged.get(address).status_code == 404


def test_a_repeat_is_told_in_the_same_browser_and_refused_to_everybody_else(shop: Shop) -> None:
    client, number = browser(), make.membership_number()
    claim(client, shop, shop.code(), number)
    again = claim(client, shop, shop.code(), number)
    assert again["Location"].endswith("/?again=1")
    assert "You already received these points" in client.get(again["Location"]).content.decode()

    with time_machine.travel(datetime.now(UTC) + timedelta(seconds=5)):  # seals know whole seconds
        stranger = claim(browser(), shop, shop.code(), number)
        unknown = claim(browser(), shop, unknown_code(shop.batch), number)
    assert stranger.status_code == unknown.status_code == 422
    assert UNKNOWN in stranger.content.decode()
    assert visits.text_of(stranger).replace(codec.group(shop.code()), "") == visits.text_of(unknown).replace(
        codec.group(unknown_code(shop.batch)), ""
    )
    assert shop.balance_of(number) == 500


def test_an_answer_that_was_lost_is_told_again_to_the_browser_that_had_the_code(shop: Shop) -> None:
    client, number = browser(), make.membership_number()
    enter(client, shop, shop.code())
    before = {name: cookie.value for name, cookie in client.cookies.items()}
    give(client, shop.code(), number)
    client.cookies.clear()  # as if the answer, and its cookies, had never come
    for name, value in before.items():
        client.cookies[name] = value
    answer = give(client, shop.code(), number)
    assert answer["Location"] == f"/received/{shop.batch.first_claim_id}/?again=1"
    assert shop.balance_of(number) == 500


def test_the_same_code_for_another_number_is_refused(shop: Shop) -> None:
    client, first, second = browser(), make.membership_number(), make.membership_number()
    claim(client, shop, shop.code(), first)
    assert claim(client, shop, shop.code(), second).status_code == 422
    assert (shop.balance_of(first), shop.balance_of(second)) == (500, 0)
    assert MembershipNumber.objects.count() == 1  # a refused first use leaves nothing behind


@pytest.mark.both
@pytest.mark.parametrize(
    "typed", ["", "123", "2900123456786", "x" * 10**6, "29\x000123", "2900-0000-00001", "<b>"]
)
def test_a_number_with_a_fault_is_told_at_once_and_counts_nothing(shop: Shop, typed: str) -> None:
    client = browser()
    enter(client, shop, shop.code())
    answer = give(client, shop.code(), typed)
    assert answer.status_code == 400
    page = answer.content.decode()
    assert "<title>Error:" in page
    assert 'aria-invalid="true"' in page
    assert len(page) < 20_000
    assert "<b>" not in page
    assert not Attempt.objects.exists()
    assert not Member.objects.exists()
    assert give(client, shop.code(), make.membership_number()).status_code == 303  # the code went on waiting


def test_the_limit_counts_by_number(shop: Shop) -> None:
    limited = open_shop(slug="limited", size=4, limit_per_member=2)
    number, other = make.membership_number(), make.membership_number()
    answers = [claim(browser(), limited, limited.code(place), number) for place in range(3)]
    assert [answer.status_code for answer in answers] == [303, 303, 422]
    assert claim(browser(), limited, limited.code(2), other).status_code == 303


def test_only_codes_of_the_campaign_can_be_claimed_so(shop: Shop) -> None:
    # Else a number would be enough where another campaign wants a sign-in.
    foreign = visits.code_now(brand=shop.campaign.brand)
    number = make.membership_number()
    assert claim(browser(), shop, foreign, number).status_code == 422
    assert Attempt.objects.get().outcome == Outcome.NOT_USABLE  # no strike
    assert not Claim.objects.exists()
    assert not Member.objects.exists()


def test_a_campaign_with_sign_in_never_takes_a_number(shop: Shop) -> None:
    Campaign.objects.update(known_by=KnownBy.SIGN_IN)
    client = browser()
    assert enter(client, shop, shop.code())["Location"] == "/sign-in/"
    assert client.get("/claim/number/")["Location"] == "/claim/"
    assert give(client, shop.code(), make.membership_number())["Location"] == "/claim/"
    assert not Claim.objects.exists()


def test_a_brand_that_goes_back_to_the_sign_in_does_so_for_codes_that_wait(shop: Shop) -> None:
    client = browser()
    enter(client, shop, shop.code())
    Campaign.objects.update(known_by=KnownBy.SIGN_IN)
    assert give(client, shop.code(), make.membership_number())["Location"] == "/claim/"
    assert client.get("/claim/")["Location"] == "/sign-in/"
    assert visits.sign_in(client)["Location"] == f"/claimed/{shop.batch.first_claim_id}/"


def test_a_page_that_is_not_public_asks_for_no_number(shop: Shop) -> None:
    Campaign.objects.update(published_at=None)
    browser = Client(headers={"accept-language": "en"})
    answer = browser.post("/claim/", {"code": shop.code(), "campaign": "spring", "number": "1"})
    assert answer["Location"] == "/sign-in/"
    assert "Spring points" not in browser.get("/claim/number/", follow=True).content.decode()


def test_looking_claims_nothing_and_a_form_claims_what_its_page_named(shop: Shop) -> None:
    client, number = browser(), make.membership_number()
    enter(client, shop, shop.code(0))
    client.get("/claim/number/", {"membership_number": number})
    enter(client, shop, shop.code(1))  # in another tab
    assert give(client, shop.code(0), number)["Location"] == "/claim/number/"
    assert client.post("/claim/number/", {"membership_number": number})["Location"] == "/claim/number/"
    assert not Claim.objects.exists()
    assert client.put("/claim/number/").status_code == 405


def test_without_a_code_there_is_nothing_to_give_a_number_for() -> None:
    assert browser().get("/claim/number/")["Location"] == "/"
    answer = browser().post("/claim/number/", {"membership_number": make.membership_number()})
    assert answer.status_code == 400
    assert "no longer here" in answer.content.decode()


def test_a_form_of_another_site_claims_nothing(shop: Shop) -> None:
    client = Client(enforce_csrf_checks=True)
    token = {"csrfmiddlewaretoken": "x" * 64}
    answer = client.post("/claim/number/", {"membership_number": make.membership_number()} | token)
    assert answer.status_code == 403


def test_somebody_who_is_signed_in_may_choose_their_own_wallet(hanako: Client, shop: Shop) -> None:
    assert enter(hanako, shop, shop.code())["Location"] == "/claim/number/"
    page = hanako.get("/claim/number/")
    assert "Put them into my wallet" in page.content.decode()
    answer = hanako.post("/claim/", {"shown": visits.shown_in(page)})
    assert answer["Location"] == f"/claimed/{shop.batch.first_claim_id}/"
    number = make.membership_number()
    assert claim(hanako, shop, shop.code(1), number)["Location"].startswith("/received/")
    assert shop.balance_of(number) == 500


def test_a_code_of_such_a_campaign_goes_to_a_wallet_from_the_start_page(hanako: Client, shop: Shop) -> None:
    answer = hanako.post("/claim/", {"code": shop.code()})
    assert answer["Location"] == f"/claimed/{shop.batch.first_claim_id}/"


@pytest.mark.usefixtures("_counters")
def test_wrong_codes_lock_the_browser_and_not_the_number(shop: Shop) -> None:
    bad, number = browser(), make.membership_number()
    for _ in range(5):
        assert claim(bad, shop, unknown_code(shop.batch), number).status_code == 422
    locked = claim(bad, shop, shop.code(), make.membership_number())  # another number doesn't help
    assert locked.status_code == 429
    lock = ClaimLock.objects.get()
    assert lock.member is None
    assert lock.reference in locked.content.decode()
    assert claim(browser(), shop, shop.code(), number).status_code == 303


@pytest.mark.usefixtures("_counters")
def test_dropping_the_cookies_leaves_the_network(shop: Shop) -> None:
    number = make.membership_number()
    statuses = [claim(browser(), shop, unknown_code(shop.batch), number).status_code for _ in range(31)]
    assert statuses == [422] * 30 + [429]
    elsewhere = Client(REMOTE_ADDR="198.51.100.7")
    assert claim(elsewhere, shop, shop.code(), number).status_code == 303


def test_tries_in_a_minute_count_by_browser(shop: Shop) -> None:
    busy, client, number = open_shop(slug="busy", size=11), browser(), make.membership_number()
    statuses = [claim(client, busy, busy.code(place), number).status_code for place in range(11)]
    assert statuses == [303] * 10 + [429]
    assert claim(browser(), busy, busy.code(10), number).status_code == 303


@pytest.mark.usefixtures("_counters")
@pytest.mark.parametrize(
    ("language", "words"), [("en", "Please sign in this time"), ("ja", "今回はログインしてください")]
)
def test_under_attack_the_way_is_closed_and_the_code_waits_for_a_sign_in(
    shop: Shop, language: str, words: str
) -> None:
    under_attack()
    client = browser(language)
    answer = claim(client, shop, shop.code(), make.membership_number())
    assert answer.status_code == 428
    assert answer["Retry-After"] == "1800"
    assert "no-store" in answer["Cache-Control"]
    page = answer.content.decode()
    assert words in page
    assert 'href="/sign-in/"' in page
    assert not Claim.objects.exists()
    visits.sign_in(client)  # then a proof of work is asked for, as of everybody
    assert client.post("/claim/", {"shown": mark_of(shop.code())}).status_code == 428


@pytest.mark.parametrize("kind", ["unknown", "used", "withdrawn", "of another campaign"])
def test_every_refusal_leaves_at_a_whole_step(shop: Shop, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    claim(browser(), shop, shop.code(1), make.membership_number())
    visits.withdraw(shop.batch, 2, 2)
    codes = {
        "unknown": unknown_code(shop.batch),
        "used": shop.code(1),
        "withdrawn": shop.code(2),
        "of another campaign": visits.code_now(),
    }
    waited: list[float] = []
    monkeypatch.setattr("redemption_site.pace.time.sleep", waited.append)
    with time_machine.travel(datetime.now(UTC) + timedelta(seconds=5)):
        answer = claim(browser(), shop, codes[kind], make.membership_number())
    assert answer.status_code == 422
    assert len(waited) == 1
    assert 0 < waited[0] <= pace.STEP_SECONDS


def test_records_away_leave_the_code_and_lead_back_to_the_number(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*args: object, **kwargs: object) -> None:
        raise OperationalError("the database is away")

    client, number = browser(), make.membership_number()
    enter(client, shop, shop.code())
    with monkeypatch.context() as patch:
        patch.setattr(number_tries, "claim_found", fails)
        answer = give(client, shop.code(), number)
    assert answer.status_code == 503
    assert answer["Retry-After"]
    assert 'href="/claim/number/"' in answer.content.decode()
    assert not Member.objects.exists()
    assert give(client, shop.code(), number).status_code == 303


def test_a_members_claim_asks_the_database_nothing_more(hanako: Client, shop: Shop) -> None:
    ordinary = visits.campaign(slug="ordinary", brand=shop.campaign.brand)
    batch = visits.batch_now(size=3)
    hanako.post("/claim/", {"code": make.code_of(batch)})

    def asked(place: int, **more: str) -> list[str]:
        with CaptureQueriesContext(connection) as captured:
            hanako.post("/claim/", {"code": make.code_of(batch, place)} | more)
        return [re.sub(r"\s+", " ", query["sql"])[:60] for query in captured]

    assert len(asked(1)) == len(asked(2, campaign=ordinary.slug))


@pytest.mark.parametrize(
    ("language", "words"), [("en", "No sign-in is needed"), ("ja", "ログインは必要ありません")]
)
def test_the_campaign_page_says_what_will_be_asked(shop: Shop, language: str, words: str) -> None:
    assert words in browser(language).get("/c/spring/").content.decode()
    Campaign.objects.update(known_by=KnownBy.SIGN_IN)
    assert words not in browser(language).get("/c/spring/").content.decode()
