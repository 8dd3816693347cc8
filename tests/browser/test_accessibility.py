"""No page and no state of one has anything that axe objects to, narrow or wide, in either language."""

from collections.abc import Iterator

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.conf import settings
from django.test import override_settings
from django.urls import reverse
from playwright.sync_api import Page
from pytest_django.live_server_helper import LiveServer

from giftcodes import codec, directory
from ledger.models import AdjustmentKind, Lot, Reason, Transfer
from parties.models import Role, User
from tests import make
from tests.browser.conftest import Visit
from tests.browser.steps import Person, sign_in_code
from tests.campaigns.conftest import SetClock, set_database_clock
from tests.campaigns.pages import signed_in
from tests.ledger.finance import MONTH_END, asked_for, closed, page_of
from tests.ledger.town import DAY, Town, busy
from tests.redemption_site import visits

pytestmark = pytest.mark.django_db(transaction=True)
__all__ = ["set_database_clock"]

CODE = "1906827340667143"


def objections(page: Page, within: str | None = None) -> list[str]:
    found = Axe().run(page, context=within, options={"resultTypes": ["violations"]}).response["violations"]
    return [f"{rule['id']}: {node['html']}" for rule in found for node in rule["nodes"]]


def states(person: Person) -> Iterator[str]:
    """Walk through every page and state, stopping at each by its name."""
    page = person.page
    now = visits.batch_now(size=3)
    code = make.code_of(now)
    for slug, days, colour in [
        ("now", (-1, 1), "#1a5f7a"),
        ("soon", (1, 2), "#f5c518"),
        ("over", (-2, -1), "#767676"),
    ]:
        visits.campaign(slug=slug, days=days, colour=colour, brand=now.brand, text_ja="本文", text_en="Text")
        page.goto(f"/c/{slug}/")
        yield f"campaign {slug}"
    stopped = visits.campaign(slug="stopped", brand=now.brand)
    visits.withdraw(visits.batch_of(stopped, size=1), 0, 0)
    page.goto("/c/stopped/")
    yield "campaign stopped"
    for address in ("/", "/sign-in/", "/sign-in/refused/", "/nothing/"):
        page.goto(address)
        yield address
    page.goto("/c/now/")
    person.enter_code(codec.group(CODE[:15]), stays=True)
    yield "typing error told by the script"
    person.enter_code(code)
    yield "sign-in with a code waiting"
    person.fill("email", "x")
    person.press("send")
    yield "no address"
    person.fill("email", "hanako@example.com")
    person.press("send")
    yield "sign-in code"
    person.fill("sign-in code", "0000-0000")
    person.press("sign in and receive")
    yield "wrong sign-in code"
    person.fill("sign-in code", sign_in_code())
    person.press("sign in and receive")
    page.wait_for_url("**/claimed/**")
    yield "claimed"
    page.goto("/c/now/")
    person.enter_code(code)
    page.wait_for_url("**/claimed/**")
    yield "claimed before"
    page.goto("/")
    person.enter_code(CODE)
    page.wait_for_url("**/claim/")
    yield "refused"
    directory.forget()
    with override_settings(CODE_MASTER_KEYS={}):
        page.goto("/")
        person.enter_code(CODE)
        page.get_by_role("button", name={"en": "Try again", "ja": "もう一度試す"}[person.lang]).wait_for()
        yield "keys away"
    page.goto("/wallet/")
    yield "wallet"
    page.goto(f"/wallet/{now.brand.program.slug}/history/")
    yield "history"


def pages_of_finance(town: Town, operator: User) -> dict[str, str]:
    """Every page of our own in the ledger's admin, by its name."""
    settlement = closed(town, operator)
    waiting = asked_for(town, make.staff(Role.FINANCE, town.books))
    reversal = Transfer.objects.get(reason=Reason.REVERSE, original__reason=Reason.SPEND)
    add = reverse("admin:ledger_adjustment_add")
    pages = {f"asking to {kind}": f"{add}?kind={kind}" for kind in AdjustmentKind.values}
    for name in ("liability", "breakage", "trial-balance"):
        pages[name] = reverse(f"admin:ledger_report_{name}")
    rows = {"settlement": settlement, "adjustment": waiting, "transfer": reversal, "wallet": town.wallet}
    rows["lot"] = Lot.objects.order_by("pk")[0]
    pages |= {name: page_of(row) for name, row in rows.items()}
    pages["wallet statement"] = (
        page_of(town.wallet, "statement") + "?start=2026-11-09T00:00&end=2026-11-01T00:00"
    )
    pages["preparing"] = reverse("admin:ledger_settlement_add")
    return pages | {"home": reverse("admin:index")}


@pytest.mark.parametrize(("lang", "width", "colours"), [("ja", 360, "light"), ("en", 1280, "dark")])
def test_axe_objects_to_nothing_of_finance(
    visit: Visit, request: pytest.FixtureRequest, live_server: LiveServer, lang: str, width: int, colours: str
) -> None:
    stand_at: SetClock = request.getfixturevalue("set_database_clock")
    town = Town()
    busy(town)
    operator = make.staff(Role.FINANCE, None)
    pages = pages_of_finance(town, operator)
    stand_at(MONTH_END + 2 * DAY)
    page = visit(lang=lang, width=width, bypass_csp=True, color_scheme=colours)
    session = signed_in(operator).cookies[settings.SESSION_COOKIE_NAME].value
    page.context.add_cookies(
        [{"name": settings.SESSION_COOKIE_NAME, "value": session, "url": live_server.url}]
    )
    found = {}
    for name, address in pages.items():
        answer = page.goto(address)
        assert answer is not None
        assert answer.status == 200, name
        # What frames our pages is django-unfold's.
        found[name] = objections(page, "#content-main")
        if page.evaluate("document.documentElement.scrollWidth") > width:
            found[name].append("wider than the window")
    assert {name: problems for name, problems in found.items() if problems} == {}


@pytest.mark.parametrize(("lang", "width"), [("ja", 360), ("en", 1280)])
def test_axe_objects_to_nothing(visit: Visit, lang: str, width: int) -> None:
    # axe has to be put into the page, which the content policy rightly refuses; only here it is passed over.
    person = Person(visit(lang=lang, width=width, bypass_csp=True), lang)
    found = {state: problems for state in states(person) if (problems := objections(person.page))}
    assert found == {}
