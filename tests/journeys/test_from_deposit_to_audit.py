"""The main job from its beginning to its end, as its people do it, on the real pages with a real worker: two
of finance deposit, a marketer orders, an approver approves, a file is fetched and opened, a member claims a
code from it, and the books are recomputed. At the end no code of the batch is found anywhere that it must not
be.
"""

import csv
import io
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import pyzipper
from django.conf import settings
from django.core.management import call_command
from playwright.sync_api import Page

from giftcodes import services as giftcodes
from giftcodes.models import Batch, BatchState, Claim
from ledger import queries as ledger_queries
from ledger.expiry import JAPAN
from parties.models import Brand, Member, Role, User
from tests import factors, make, scanner
from tests.browser.conftest import Visit
from tests.browser.steps import Person
from tests.faults.workers import forget_messages, running_worker

pytestmark = pytest.mark.django_db(transaction=True)

PASSWORD = "a password of the tests"
FORM_TIME = "%Y-%m-%dT%H:%M"


def _staff(brand: Brand, role: Role) -> User:
    user = make.staff(role, brand)
    user.set_password(PASSWORD)
    user.save()
    return user


def _signed_in(visit: Visit, user: User) -> Page:
    factors.app_of(user)
    page = visit(width=1280)
    page.goto("/admin/")
    page.fill("input[name=username]", str(user.email))
    page.fill("input[name=password]", PASSWORD)
    page.get_by_role("button", name="Log in").click()
    page.fill("input[name=code]", factors.code_at())
    page.get_by_role("button", name="Go on").click()
    page.wait_for_url("**/admin/")
    return page


def _press(page: Page, button: str) -> None:
    page.get_by_role("button", name=button, exact=True).click()


def _deposit(visit: Visit, brand: Brand, points: int) -> None:
    first, second = (_signed_in(visit, _staff(brand, Role.FINANCE)) for _ in range(2))
    first.goto("/admin/campaigns/deposit/add/")
    first.select_option("select[name=brand]", str(brand.pk))
    first.fill("input[name=points]", str(points))
    first.fill("input[name=reference]", "transfer of 2 November")
    _press(first, "Record the deposit")
    first.wait_for_url("**/change/")
    assert ledger_queries.funds_of(brand) == 0  # one person alone moves nothing
    second.goto(first.url)
    _press(second, "Confirm the deposit")
    second.wait_for_load_state()
    assert ledger_queries.funds_of(brand) == points


def _campaign(page: Page, brand: Brand) -> None:
    today = datetime.now(JAPAN)
    page.goto("/admin/campaigns/campaign/add/")
    page.select_option("select[name=brand]", str(brand.pk))
    page.fill("input[name=name]", "Autumn")
    page.fill("input[name=slug]", "autumn")
    page.fill("input[name=starts_at]", (today - timedelta(days=1)).strftime(FORM_TIME))
    page.fill("input[name=ends_at]", (today + timedelta(days=60)).strftime(FORM_TIME))
    page.select_option("select[name=legal_form]", "to_all")
    page.select_option("select[name=tie]", "purchase")
    page.fill("input[name=tied_price_yen]", "1500")  # of which 20 % are the 300 points of a code
    page.fill("input[name=least_age]", "16")
    page.fill("input[name=title_ja]", "秋のポイント")
    page.fill("input[name=title_en]", "Points in autumn")
    page.locator("[name=_publish]").click()
    page.get_by_text("The page is public now.").wait_for()


def _order(page: Page) -> str:
    """Order 1,500 codes in two channels; the address of the order's page."""
    now = datetime.now(JAPAN)
    page.goto("/admin/campaigns/order/add/")
    page.select_option("select[name=campaign]", label="Autumn")
    page.fill("input[name=face_points]", "300")
    page.fill("input[name=claim_from]", (now - timedelta(minutes=30)).strftime(FORM_TIME))
    page.fill("input[name=claim_until]", (now + timedelta(days=30)).strftime(FORM_TIME))
    page.fill("input[name=channels-0-name]", "ポスター")
    page.fill("input[name=channels-0-quantity]", "1000")
    page.fill("input[name=channels-1-name]", "receipt")
    page.fill("input[name=channels-1-quantity]", "500")
    page.get_by_text("450,000").first.wait_for()  # the cost, before anything is submitted
    page.locator("button[name=_submit]").click()
    page.get_by_text("waiting for approval").first.wait_for()
    return page.url


def _fetch(page: Page, folder: Path) -> list[dict[str, str]]:
    """Download the file and read the passphrase, both once; the rows of the file."""
    with page.expect_download() as download:
        _press(page, "Download the file (works once)")
    path = folder / "codes.zip"
    download.value.save_as(path)
    assert page.locator("#downloaded").inner_text() == "The download has begun"
    page.reload()
    assert page.get_by_role("button", name="Download the file (works once)").count() == 0
    _press(page, "Show the passphrase (once)")
    passphrase = page.locator(".tk-passphrase").inner_text().strip()
    with pyzipper.AESZipFile(path) as archive:
        archive.setpassword(passphrase.encode())
        (name,) = archive.namelist()
        text = archive.read(name).decode("utf-8-sig")
    path.unlink()
    return list(csv.DictReader(io.StringIO(text)))


def _claim(visit: Visit, row: dict[str, str]) -> None:
    page = visit(lang="ja", width=360)
    page.goto("/c/autumn/#" + row["url"].partition("#")[2])
    person = Person(page, "ja")
    person.press("receive")
    person.sign_in()
    page.get_by_role("heading", name=person.word("received")).wait_for()
    page.get_by_role("link", name=person.word("wallet")).click()
    page.get_by_text("300 pt").first.wait_for()
    assert row["serial"] in page.content()


def test_points_from_a_deposit_to_a_wallet_and_to_the_audit(visit: Visit, tmp_path: Path) -> None:
    forget_messages()
    brand = make.brand(program=make.program(name="Program"))
    giftcodes.open_series(digit=1, at=datetime.now(UTC))
    _deposit(visit, brand, 500_000)
    marketer = _signed_in(visit, _staff(brand, Role.MARKETER))
    _campaign(marketer, brand)
    order = _order(marketer)
    approver = _signed_in(visit, _staff(brand, Role.APPROVER))
    approver.goto(order)
    _press(approver, "Approve and make the codes")
    approver.wait_for_load_state()
    assert ledger_queries.funds_of(brand) == 50_000
    marketer.goto(order)

    with running_worker():  # the page shows its progress, and by itself that it is done
        marketer.get_by_role("button", name="Download the file (works once)").wait_for(timeout=60_000)

    batch = Batch.objects.get()
    assert batch.state == BatchState.ACTIVE
    rows = _fetch(marketer, tmp_path)
    assert len(rows) == 1_500
    _claim(visit, rows[700])

    assert Claim.objects.get().pk == int(rows[700]["serial"])
    assert ledger_queries.wallet_balance(Member.objects.get(), brand.program_id) == 300
    call_command("audit")
    _found_nowhere(batch)


def _found_nowhere(batch: Batch) -> None:
    sources = [
        *scanner.database_sources(),
        *scanner.session_sources(),
        *scanner.folder_sources(Path(settings.VAR_DIR)),
    ]
    if settings.CELERY_BROKER_URL.startswith("redis"):
        sources += [
            *scanner.redis_sources(settings.CELERY_BROKER_URL),
            *scanner.redis_sources(settings.REDIS_URL),
        ]
    result = scanner.scan(scanner.codes_to_look_for(batch), sources)
    assert result.found == []
    assert result.bytes_scanned > 100_000
