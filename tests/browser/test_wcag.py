"""What WCAG 2.2 AA asks beyond what axe looks at by default; the list is in redemption_site/README.md.

Each page and state is looked at in a window of 320 pixels, which is also one of 1,280 at 400 %.
"""

from collections.abc import Iterator
from itertools import chain

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

from tests.browser.conftest import Visit
from tests.browser.steps import Person
from tests.browser.test_accessibility import states

pytestmark = pytest.mark.django_db(transaction=True)

NARROW = 320
# 1.4.12, in its own figures.
SPACING = (
    "* { line-height: 1.5 !important; letter-spacing: .12em !important; word-spacing: .16em !important; }"
    " p { margin-bottom: 2em !important; }"
)
# What is cut off: more content than room, where the rest can't be scrolled to.
CUT_OFF = """() => [...document.querySelectorAll('main *, header *, footer *')].filter(e => {
  const style = getComputedStyle(e), box = e.getBoundingClientRect();
  return box.width > 1 && box.height > 1 && style.overflow !== 'visible' && style.overflow !== 'auto'
    && !e.closest('svg, video, .hero')
    && (e.scrollWidth > e.clientWidth + 1 || e.scrollHeight > e.clientHeight + 1)
    && !['INPUT', 'SELECT', 'TEXTAREA', 'PROGRESS'].includes(e.tagName);
}).map(e => e.outerHTML.slice(0, 120))"""
TOO_WIDE = "() => document.documentElement.scrollWidth > document.documentElement.clientWidth"
# Tab through the page: what has the focus shows it, and nothing lies over it.
FOCUSED = """() => {
  const e = document.activeElement, style = getComputedStyle(e), box = e.getBoundingClientRect();
  if (e === document.body) return null;
  const x = Math.min(Math.max(box.left + Math.min(box.width, innerWidth) / 2, 0), innerWidth - 1);
  const y = Math.min(Math.max(box.top + box.height / 2, 0), innerHeight - 1);
  const top = document.elementFromPoint(x, y);
  return {
    what: e.outerHTML.slice(0, 120),
    is_shown: style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 2,
    is_seen: !!top && (e.contains(top) || top.contains(e)),
  };
}"""
MOST_STOPS = 60


def problems(page: Page, *, goes_around: bool = True) -> Iterator[str]:
    """What is wrong with the page as it stands; with the focus all the way around, if wanted."""
    if page.evaluate(TOO_WIDE):
        yield "1.4.10: wider than the window"
    options = {"runOnly": ["target-size"], "rules": {"target-size": {"enabled": True}}}
    for rule in Axe().run(page, options=options).response["violations"]:
        yield from (f"2.5.8: {node['html']}" for node in rule["nodes"])
    if goes_around:
        yield from (f"2.4.7, 2.4.11: {stop}" for stop in _lost_focus(page))
    page.add_style_tag(content=SPACING)
    if page.evaluate(TOO_WIDE):
        yield "1.4.12: wider than the window"
    yield from (f"1.4.12, cut off: {place}" for place in page.evaluate(CUT_OFF))


def _lost_focus(page: Page) -> Iterator[str]:
    """Once around, from wherever the page has put the focus."""
    seen: set[str] = set()
    for _ in range(MOST_STOPS):
        page.keyboard.press("Tab")
        stop = page.evaluate(FOCUSED)
        if stop is None:  # between the page's end and its beginning
            continue
        if stop["what"] in seen:
            return
        seen.add(stop["what"])
        if not (stop["is_shown"] and stop["is_seen"]):
            yield f"{stop['what']} (shown: {stop['is_shown']}, seen: {stop['is_seen']})"
    raise AssertionError(f"the focus does not come around: {seen}")


BAD = """<main><p style="width: 900px">wide</p>
<p style="height: 20px; width: 200px; overflow: hidden">Text that has just enough room as it is here</p>
<a href="/1" style="display: inline-block; width: 9px; height: 9px">a</a><a href="/2"
  style="display: inline-block; width: 9px; height: 9px">b</a>
<button style="outline: none">no outline</button>
<p style="position: absolute; bottom: 10px"><a href="/3">beneath the bar</a></p>
<div style="position: fixed; left: 0; right: 0; bottom: 0; height: 90px; background: #fff"></div></main>"""


def test_the_look_finds_what_is_wrong(visit: Visit) -> None:
    page = visit(width=NARROW, bypass_csp=True)
    page.goto("/healthz")
    page.set_content(BAD)
    found = " | ".join(problems(page))
    wanted = (
        "1.4.10",
        "2.5.8: <a",
        "no outline",
        "shown: False",
        "beneath the bar",
        "seen: False",
        "cut off",
    )
    assert [word for word in wanted if word not in found] == []


OWN_PAGES = (
    "/account/",
    "/wallet/card/",
    "/account/passkeys/",
    "/account/passkeys/add/",
    "/account/connected-sites/",
    "/account/data/",
    "/account/profile/",
    "/account/consents/",
    "/account/language/",
    "/account/close/",
    "/account/close/confirm/",
    "/help/",
    "/help/dispute/",
    "/help/disputes/",
)


def own_pages(person: Person) -> Iterator[str]:
    """What a member finds behind their account, once signed in."""
    page = person.page
    page.goto("/wallet/card/")
    page.get_by_role("main").get_by_role("button").first.click()
    page.wait_for_load_state()
    for address in OWN_PAGES:
        answer = page.goto(address)
        assert answer is not None
        assert answer.status == 200, address
        yield address


@pytest.mark.parametrize("lang", ["ja", "en"])
def test_every_page_is_usable_narrow_enlarged_spaced_out_and_by_keyboard(visit: Visit, lang: str) -> None:
    # The style of 1.4.12 is the reader's own, which the content policy would keep out here.
    person = Person(visit(lang=lang, width=NARROW, bypass_csp=True), lang)
    titles: dict[str, str] = {}
    found = {}
    for state in chain(states(person), own_pages(person)):
        titles[state] = person.page.title()
        # The order of the focus is that of the source, whatever the language.
        found[state] = list(problems(person.page, goes_around=lang == "ja"))
    assert {state: listed for state, listed in found.items() if listed} == {}
    assert all(titles.values())  # 2.4.2
