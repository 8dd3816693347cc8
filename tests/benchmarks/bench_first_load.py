"""The first visit on a slow telephone: `python -m tests.benchmarks.bench_first_load`.

Production settings, PostgreSQL, Redis, granian, static files collected and compressed; the system's Chromium
at 360 x 740, held by its own developer protocol to 1.6 Mbit/s down, 0.75 up, 150 ms a request and a quarter
of this machine's speed; an empty cache each time. LCP and CLS are what the browser reports. The name look-up
and the handshakes of TCP and TLS are not in it: the protocol slows requests, not connections.
"""

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple
from urllib.request import Request, urlopen

from django.core.files.uploadedfile import SimpleUploadedFile
from PIL import Image, ImageFilter
from playwright.sync_api import Browser, sync_playwright

from tests.benchmarks.stage import production
from tests.benchmarks.table import Row, print_table
from tests.browser.conftest import ARGUMENTS, chromium

if TYPE_CHECKING:
    from campaigns.heroes import Hero

PORT = 8761
LOADS = 7
SLOW_NETWORK = {
    "offline": False,
    "latency": 150,
    "downloadThroughput": 1_600_000 / 8,
    "uploadThroughput": 750_000 / 8,
}
SLOWER_CPU = 4
# What the browser saw, kept from the first moment on.
WATCH = """
window.seen = {lcp: 0, cls: 0, bytes: 0};
new PerformanceObserver(list => { for (const entry of list.getEntries()) seen.lcp = entry.startTime; })
  .observe({type: "largest-contentful-paint", buffered: true});
new PerformanceObserver(list => { for (const entry of list.getEntries()) if (!entry.hadRecentInput) seen.cls += entry.value; })
  .observe({type: "layout-shift", buffered: true});
"""  # noqa: E501
SUM = """() => {
  const all = [...performance.getEntriesByType("navigation"), ...performance.getEntriesByType("resource")];
  const paint = performance.getEntriesByName("first-contentful-paint")[0];
  return {...seen, bytes: all.reduce((sum, entry) => sum + entry.transferSize, 0), requests: all.length,
          fcp: paint ? paint.startTime : 0};
}"""


class Load(NamedTuple):
    """One first visit: milliseconds to the first and the largest paint, layout shift, bytes, requests."""

    fcp: float
    lcp: float
    cls: float
    bytes: int
    requests: int


def rows() -> list[Row]:
    """Median and slowest of the loads of each page."""
    with production() as folder, _web_server(folder), sync_playwright() as playwright:
        found = []
        camera = "--use-fake-device-for-media-stream"  # so that the button of the camera appears
        with playwright.chromium.launch(executable_path=chromium(), args=[*ARGUMENTS, camera]) as browser:
            for name, path in (("campaign page", "/c/spring/"), ("landing page", "/")):
                for lang in ("ja-JP", "en-GB"):
                    loads = [_load(browser, path, lang) for _ in range(LOADS)]
                    found += _rows_of(f"{name}, {lang[:2]}", loads)
        return found


def _rows_of(name: str, loads: list[Load]) -> list[Row]:
    largest = [load.lcp / 1000 for load in loads]
    first = statistics.median(load.fcp for load in loads) / 1000
    weight, requests = max(load.bytes for load in loads) / 1000, max(load.requests for load in loads)
    return [
        Row(
            f"{name}: largest paint",
            statistics.median(largest),
            "s",
            None,
            f"slowest of {len(loads)} {max(largest):.2f} s, first paint {first:.2f} s",
        ),
        Row(
            f"{name}: layout shift",
            max(load.cls for load in loads),
            "",
            None,
            f"{weight:.1f} kB in {requests} requests",
        ),
    ]


def _load(browser: Browser, path: str, lang: str) -> Load:
    context = browser.new_context(
        base_url=f"http://localhost:{PORT}",
        locale=lang,
        viewport={"width": 360, "height": 740},
        device_scale_factor=2,
        is_mobile=True,
        has_touch=True,
        extra_http_headers={"X-Forwarded-Proto": "https"},
    )
    page = context.new_page()
    session = context.new_cdp_session(page)
    session.send("Network.enable")
    session.send("Network.emulateNetworkConditions", SLOW_NETWORK)
    session.send("Emulation.setCPUThrottlingRate", {"rate": SLOWER_CPU})
    page.add_init_script(WATCH)
    page.goto(path)
    page.wait_for_load_state("networkidle")
    page.wait_for_timeout(500)
    seen = page.evaluate(SUM)
    context.close()
    return Load(**seen)


@contextmanager
def _web_server(folder: Path) -> Iterator[None]:
    """granian on localhost, with a campaign to show; the balancer's part is played by a header."""
    from django.core.management import call_command  # the settings are those of production() only now
    from django.utils.translation import override

    from tests.redemption_site import dressed

    call_command("collectstatic", verbosity=0, interactive=False)
    with override("ja"):
        heavy = _photograph()
        dressed.campaign(hero_wide=heavy.wide, hero_narrow=heavy.narrow)
    environment = os.environ | {"ALLOWED_HOSTS": "localhost"}
    options = f"--interface wsgi --port {PORT} --workers 1 --blocking-threads 4 --log-level warning"
    command = [sys.executable, "-m", "granian", *options.split(), "config.wsgi:application"]
    with (folder / "web.log").open("wb") as log:
        server = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
        try:
            _wait_until_ready(folder)
            yield
        finally:
            server.terminate()
            server.wait(20)


def _photograph() -> "Hero":
    """As heavy as a picture may be: fine grain."""
    from campaigns.heroes import clean_hero

    grain = Image.effect_noise((1600, 800), 90).convert("RGB").filter(ImageFilter.GaussianBlur(2))
    file = BytesIO()
    grain.save(file, "JPEG")
    return clean_hero(SimpleUploadedFile("photograph.jpg", file.getvalue()))


def _wait_until_ready(folder: Path) -> None:
    for _ in range(100):
        try:
            with urlopen(Request(f"http://localhost:{PORT}/readyz"), timeout=5) as answer:
                if answer.status == 200:
                    return
        except OSError:
            time.sleep(0.2)
    raise RuntimeError((folder / "web.log").read_text())


if __name__ == "__main__":
    print_table(rows())
