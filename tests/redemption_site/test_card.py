"""The membership card as the server sends it (what a till reads: tests/browser/test_card.py)."""

import re
from datetime import datetime

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from ledger.statements import database_time
from parties.card_queries import read_card_token
from parties.errors import CardTokenNotUsable
from parties.leaving import erase_person
from parties.models import Member, MemberCard
from tests import make

pytestmark = pytest.mark.django_db


def token_on(page: str) -> str:
    found = re.search(r'<p class="card-digits">(.*?)</p>', page)
    assert found
    return re.sub(r"<[^>]+>|\s", "", found[1])


def test_looking_makes_nothing_and_the_button_makes_a_card(hanako: Client) -> None:
    page = hanako.get("/wallet/card/").content.decode()
    assert "Make my card" in page
    assert not MemberCard.objects.exists()
    assert hanako.get("/wallet/card/code/").status_code == 404
    answer = hanako.post("/wallet/card/")
    assert (answer.status_code, answer["Location"]) == (303, "/wallet/card/")
    card = MemberCard.objects.get()
    hanako.post("/wallet/card/")
    assert MemberCard.objects.get().number == card.number


def test_page_and_part_show_the_member_and_may_not_be_kept(hanako: Client) -> None:
    hanako.post("/wallet/card/")
    member = Member.objects.get()
    for address in ("/wallet/card/", "/wallet/card/code/"):
        answer = hanako.get(address)
        assert read_card_token(token_on(answer.content.decode()), at=database_time()) == member
        assert "no-store" in answer["Cache-Control"]
    page = hanako.get("/wallet/card/").content.decode()
    assert str(member) in page
    assert member.public_id.hex not in page.replace("-", "")
    assert "data:" not in page


@pytest.mark.parametrize(("language", "said"), [("ja", "Tokuten番号"), ("en", "Tokuten no.")])
def test_its_number_is_not_called_like_a_brands_own(hanako: Client, language: str, said: str) -> None:
    hanako.post("/wallet/card/")
    page = hanako.get("/wallet/card/", headers={"accept-language": language}).content.decode()
    assert said in page
    assert "会員番号" not in page
    assert "ember no" not in page


def test_a_new_number_ends_the_old_code_and_is_told(hanako: Client) -> None:
    hanako.post("/wallet/card/")
    old = token_on(hanako.get("/wallet/card/").content.decode())
    answer = hanako.post("/wallet/card/", {"renew": "1"})
    assert (answer.status_code, answer["Location"]) == (303, "/wallet/card/?new=1")
    with pytest.raises(CardTokenNotUsable):
        read_card_token(old, at=database_time())
    assert "Your card has a new number" in hanako.get(answer["Location"]).content.decode()


@pytest.mark.parametrize("form", [{}, {"renew": "1"}])
def test_who_leaves_while_the_button_is_pressed_gets_none(
    hanako: Client, form: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def now_after_leaving() -> datetime:
        erase_person(member_id=Member.objects.get().pk, at=make.NOON)
        return make.NOON

    monkeypatch.setattr("redemption_site.views.card.database_time", now_after_leaving)
    assert hanako.post("/wallet/card/", form).status_code == 404
    assert not MemberCard.objects.exists()


@pytest.mark.parametrize("address", ["/wallet/card/", "/wallet/card/code/"])
def test_it_is_for_nobody_else(client: Client, address: str) -> None:
    assert client.get(address)["Location"] == f"/sign-in/?next={address}"
    assert client.post("/wallet/card/", {"renew": "1"}).status_code == 302
    assert not MemberCard.objects.exists()


def test_a_form_of_another_site_renews_nothing(hanako: Client) -> None:
    strict = Client(enforce_csrf_checks=True)
    strict.cookies = hanako.cookies
    assert strict.post("/wallet/card/", {"renew": "1"}).status_code == 403
    assert not MemberCard.objects.exists()


def test_a_new_code_costs_four_queries(hanako: Client) -> None:
    hanako.post("/wallet/card/")
    with CaptureQueriesContext(connection) as captured:
        hanako.get("/wallet/card/code/")
    # Session, user with member, card, clock; on PostgreSQL the second goes past what Django captures.
    assert len(captured) + (connection.vendor == "postgresql") == 4


def test_account_and_wallet_lead_to_it(hanako: Client) -> None:
    for address in ("/account/", "/wallet/"):
        assert 'href="/wallet/card/"' in hanako.get(address).content.decode()
