"""A real Chromium, the system's own, without scripts where a test says so; nothing leaves the machine."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

import pytest
from django.core.cache import cache
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Request, sync_playwright
from pytest_django.live_server_helper import LiveServer

from tests.browser.chromium import find_chromium

ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
Visit = Callable[..., Page]


def chromium() -> str:
    """Where the browser is; without one, and only where CI demands it, the tests come here and fail."""
    found = find_chromium()
    if not found:
        advice = "install it (on Debian: apt install chromium) or set CHROMIUM to where it is."
        pytest.fail(f"The browser tests need Chromium: {advice}", pytrace=False)
    return found


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    with pytest.MonkeyPatch.context() as patch, sync_playwright() as playwright:
        # Playwright's own loop runs in the thread of the tests, which Django takes for asynchronous code.
        patch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")
        with playwright.chromium.launch(executable_path=chromium(), args=ARGUMENTS) as launched:
            yield launched


@pytest.fixture
def visit(browser: Browser, live_server: LiveServer) -> Iterator[Visit]:
    """`visit(lang="ja", width=360, **context)`: a fresh browser window on the site.

    At the end nothing may have been asked of another host, and the content policy may not have stepped in.
    """
    with windows_of(browser, live_server) as open_window:
        yield open_window


@contextmanager
def windows_of(browser: Browser, live_server: LiveServer, *others: str) -> Iterator[Visit]:
    """The same for a browser that was started in another way, or for pages that lead to `others` as well."""
    cache.clear()
    asked: list[str] = []
    said: list[str] = []

    def listen(page: Page) -> None:
        page.on("request", lambda request: asked.append(_foreign(request, live_server.url, *others)))
        page.on("console", lambda message: said.append(_objection(message)))
        page.on("pageerror", lambda error: said.append(str(error)))

    with ExitStack() as windows:

        def open_window(*, lang: str = "en", width: int = 360, **context: object) -> Page:
            window: BrowserContext = browser.new_context(
                base_url=live_server.url,
                locale={"ja": "ja-JP", "en": "en-GB"}[lang],
                viewport={"width": width, "height": 800},
                **context,  # type: ignore[arg-type]
            )
            windows.callback(window.close)
            window.on("page", listen)
            return window.new_page()

        yield open_window
        assert [address for address in asked if address] == []
        assert [line for line in said if line] == []


def _foreign(request: Request, *known: str) -> str:
    return "" if request.url.startswith((*known, "data:")) else request.url


def _objection(message: ConsoleMessage) -> str:
    # A refused code is a page with a status of its own, which the console notes as well.
    is_status = message.text.startswith("Failed to load resource: the server responded with a status of ")
    return "" if is_status or message.type not in ("error", "warning") else message.text
