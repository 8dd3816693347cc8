"""A member asks, support answers, the member closes it: in both languages, narrow and wide, without a script;
and nothing of it that axe objects to.
"""

import re
from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest
from django.conf import settings
from django.core import mail
from django.test import Client
from django.utils import timezone
from playwright.sync_api import Page
from pytest_django.live_server_helper import LiveServer

from campaigns import tasks
from campaigns.dispute_models import Dispute, DisputeNotice
from parties.models import Brand, Member, Role, User
from tests import make
from tests.browser.conftest import Visit
from tests.browser.test_accessibility import objections
from tests.campaigns import tickets
from tests.campaigns.pages import signed_in
from tests.giftcodes.guarded import attempt, strike
from tests.giftcodes.test_masking import CODE
from tests.redemption_site import visits

pytestmark = pytest.mark.django_db(transaction=True)

WORDS = {
    "ask": {
        "en": "I did not use this code: ask support",
        "ja": "使った覚えがない場合は、サポートに問い合わせる",
    },
    "kind": {
        "en": "It says that my code can’t be used, but I did not use it",
        "ja": "使っていないのに「コードが使えない」と表示される",
    },
    "text": {"en": "Tell us what happened", "ja": "お困りの内容"},
    "send": {"en": "Send the question", "ja": "送信する"},
    "masked": {"en": "looked like a code", "ja": "コードと思われる数字"},
    "message": {"en": "Your message", "ja": "メッセージ"},
    "add": {"en": "Send the message", "ja": "送信する"},
    "withdraw": {
        "en": "I don’t need an answer any more: withdraw the question",
        "ja": "回答が不要になったので、取り下げる",
    },
    "withdrawn": {"en": "Withdrawn by you", "ja": "取り下げ済み"},
    "answer": {"en": "Your answer", "ja": "回答"},
    "send answer": {"en": "Send the answer", "ja": "回答を送信する"},
    "code": {"en": "16-digit code", "ja": "16桁のコード"},
    "receive": {"en": "Receive the points", "ja": "ポイントを受け取る"},
}


def sign_in(page: Page, user: User, home: str, *, at_admin: bool = False) -> None:
    """A session of the site, as its sign-in makes it, or one of the admin."""
    client = signed_in(user) if at_admin else Client()
    if not at_admin:
        client.force_login(user)
    session = client.cookies[settings.SESSION_COOKIE_NAME].value
    page.context.add_cookies([{"name": settings.SESSION_COOKIE_NAME, "value": session, "url": home}])


def used_code(brand: Brand | None = None) -> str:
    """A code that somebody else has used."""
    batch = visits.batch_of(visits.campaign(brand=brand), size=3)
    attempt(make.code_of(batch), make.member(), at=timezone.now())
    return make.code_of(batch)


def words_in(lang: str) -> Callable[[str], str]:
    return lambda name: WORDS[name][lang]


@pytest.mark.parametrize(("lang", "width"), [("ja", 360), ("en", 1280)])
def test_a_member_asks_and_support_answers(
    visit: Visit, live_server: LiveServer, lang: str, width: int
) -> None:
    word, code, user = words_in(lang), used_code(), make.user(email="hanako@example.com")
    Member.objects.create(user=user)
    page = visit(lang=lang, width=width, java_script_enabled=False)
    sign_in(page, user, live_server.url)
    page.goto("/")
    page.get_by_label(word("code"), exact=True).fill(code)
    page.get_by_role("button", name=word("receive"), exact=True).click()
    page.get_by_role("link", name=word("ask")).click()
    page.get_by_label(word("kind")).check()
    page.get_by_label(word("text"), exact=True).fill(f"駅前 {CODE}")
    page.get_by_role("button", name=word("send"), exact=True).click()
    page.wait_for_url("**/help/disputes/**")
    dispute = Dispute.objects.get()
    assert word("masked") in page.inner_text("main")
    assert dispute.evidence.serial_number
    assert CODE not in page.content()

    desk = visit(lang=lang, width=1280)
    sign_in(desk, make.staff(Role.SUPPORT, dispute.brand), live_server.url, at_admin=True)
    desk.goto("/admin/")
    desk.get_by_role("link", name=dispute.number).click()
    desk.get_by_label(word("answer"), exact=True).fill("調べています。")
    desk.get_by_role("button", name=word("send answer"), exact=True).click()
    desk.get_by_text("調べています。").wait_for()
    tasks.tell_answers()
    found = re.search(r"/help/disputes/\w+/", str(mail.outbox[-1].body))
    assert found
    page.goto(found[0])
    assert "調べています。" in page.inner_text("main")
    page.get_by_label(word("message"), exact=True).fill("ありがとう。")
    page.get_by_role("button", name=word("add"), exact=True).click()
    page.get_by_text("ありがとう。").wait_for()
    page.get_by_role("button", name=word("withdraw"), exact=True).click()
    page.get_by_role("heading", name=word("withdrawn")).wait_for()
    dispute.refresh_from_db()
    assert (dispute.state, dispute.resolution, dispute.messages.count()) == ("resolved", "withdrawn", 4)


def member_states(page: Page, member: Member, word: Callable[[str], str]) -> Iterator[str]:
    """Every page and state that a member can come to, by its name."""
    for address in ("/help/", "/help/disputes/", "/help/dispute/", "/account/"):
        page.goto(address)
        yield address
    page.goto("/help/dispute/")
    page.get_by_role("button", name=word("send"), exact=True).click()
    page.locator(".summary").wait_for()
    yield "nothing filled in"
    batch, now = visits.batch_now(size=4), timezone.now()
    attempt(make.code_of(batch, 1), make.member(), at=now)
    reference = tickets.refused(make.code_of(batch, 1), member, at=now)
    dispute = tickets.opened(member, text=f"駅前 {CODE}", reference=reference, at=now)
    for _ in range(2):
        tickets.opened(member, serial_number=batch.first_claim_id, at=now)
    page.goto(f"/help/dispute/?reference={reference}")
    page.get_by_label(word("kind")).check()
    page.get_by_label(word("text"), exact=True).fill("四件目")
    page.get_by_role("button", name=word("send"), exact=True).click()
    page.locator(".summary").wait_for()
    yield "too many"
    address = f"/help/disputes/{dispute.number}/"
    page.goto(address)
    yield "open"
    page.get_by_role("button", name=word("add"), exact=True).click()
    page.locator(".summary").wait_for()
    yield "no message"
    tickets.answered(dispute, at=now)
    page.goto(address)
    yield "answered"
    tickets.resolved(dispute, at=now)
    page.goto(address)
    yield "resolved"
    page.goto("/help/disputes/")
    yield "list"
    tickets.withdrawn(Dispute.objects.exclude(pk=dispute.pk)[0], at=now)
    page.goto(f"/help/disputes/{Dispute.objects.get(resolution='withdrawn').number}/")
    yield "withdrawn"


@pytest.mark.parametrize(("lang", "width"), [("ja", 360), ("en", 1280)])
def test_axe_objects_to_nothing_of_the_members_pages(
    visit: Visit, live_server: LiveServer, lang: str, width: int
) -> None:
    page, user = visit(lang=lang, width=width, bypass_csp=True), make.user(email="hanako@example.com")
    sign_in(page, user, live_server.url)
    found = {}
    for state in member_states(page, Member.objects.create(user=user), words_in(lang)):
        found[state] = objections(page)
        if page.evaluate("document.documentElement.scrollWidth") > width:
            found[state].append("wider than the window")
    assert {state: problems for state, problems in found.items() if problems} == {}


def staff_pages() -> dict[str, str]:
    """Support's pages with something on all of them, by their name."""
    batch, member, now = visits.batch_of(visits.campaign(), size=5), make.member(), timezone.now()
    attempt(make.code_of(batch), make.member(), at=now)
    reference = tickets.refused(make.code_of(batch), member, at=now)
    locked, near = make.member(), make.member()
    for place in range(5):
        strike(batch, locked, at=now, place=place)
    for place in range(3):
        strike(batch, near, at=now, place=place)
    dispute = tickets.opened(member, reference=reference, text=f"駅前 {CODE}", at=now)
    tickets.answered(dispute, at=now)
    DisputeNotice.objects.update(state="given_up", failure="server", ended_at=now)
    tickets.added(dispute, at=now)
    over = tickets.opened(
        locked, reference="ZZZZZZZZ", serial_number=1_999_999_999, at=now - timedelta(days=2)
    )
    tickets.resolved(over, at=now)
    waiting = tickets.opened(at=now)
    tickets.answered(waiting, at=now)
    DisputeNotice.objects.filter(message__dispute=waiting).update(
        state="given_up", failure="unknown", ended_at=now
    )
    change = "/admin/campaigns/dispute/{}/change/"
    return {
        "home": "/admin/",
        "open ticket": change.format(dispute.pk),
        "resolved ticket": change.format(over.pk),
        "guessing": f"/admin/giftcodes/claimlock/?reference={reference}",
        "guessing, unknown number": "/admin/giftcodes/claimlock/?reference=ZZZZZZZZ",
    }


@pytest.mark.parametrize(("lang", "width", "colours"), [("ja", 1280, "light"), ("en", 360, "dark")])
def test_axe_objects_to_nothing_of_supports_pages(
    visit: Visit, live_server: LiveServer, lang: str, width: int, colours: str
) -> None:
    page = visit(lang=lang, width=width, bypass_csp=True, color_scheme=colours)
    sign_in(page, tickets.supporter(), live_server.url, at_admin=True)
    found = {}
    for name, address in staff_pages().items():
        answer = page.goto(address)
        assert answer is not None
        assert answer.status == 200, name
        # What frames our pages is django-unfold's.
        found[name] = objections(page, "#content-main")
        if page.evaluate("document.documentElement.scrollWidth") > width:
            found[name].append("wider than the window")
    assert {name: problems for name, problems in found.items() if problems} == {}
