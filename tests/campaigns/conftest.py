"""The two clocks of a page: the database's, which decides, and the web server's, which is wrong here."""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta

import pytest
import time_machine
from django.db import connection
from django.http import HttpRequest, HttpResponse
from django.template.response import SimpleTemplateResponse

from config import navigation
from parties import moments
from redemption_site.views import errors
from tests.make import NOON

SetClock = Callable[[datetime], None]


@pytest.fixture
def set_database_clock(monkeypatch: pytest.MonkeyPatch) -> SetClock:
    """Make the clock of the database stand at a moment, for everything that asks for it by name."""

    def stand_at(moment: datetime) -> None:
        text = moment.strftime("%Y-%m-%d %H:%M:%S.%f")
        sql = f"TIMESTAMPTZ '{text}+00'" if connection.vendor == "postgresql" else f"'{text}'"
        monkeypatch.setitem(moments.NOW, connection.vendor, sql)

    return stand_at


@pytest.fixture
def noon(set_database_clock: SetClock) -> Iterator[None]:
    """It is NOON for the database, and years later for the web server."""
    set_database_clock(NOON)
    with time_machine.travel(NOON + timedelta(days=1_000), tick=False):
        yield


@pytest.fixture
def frameless(monkeypatch: pytest.MonkeyPatch) -> None:
    """The admin's pages without their sidebar, and refusals without a page, for tests of hundreds of
    addresses: both are the same everywhere, and half of the time that a page takes.
    """

    def refused(_request: HttpRequest, _template: str, *, status: int) -> HttpResponse:
        return HttpResponse(status=status)

    monkeypatch.setattr(navigation, "sidebar", lambda _request: [])
    monkeypatch.setattr(errors, "_of_admin", refused)


@pytest.fixture
def unrendered(frameless: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor is anything else of a page written out, where the status alone is asked for. That each page can be
    written, in both languages, is tried by test_words_of_admin.
    """
    monkeypatch.setattr(SimpleTemplateResponse, "rendered_content", "")
