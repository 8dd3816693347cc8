"""Mails of these tests go to a postbox of their own."""

from collections.abc import Iterator
from typing import Any

import pytest

from campaigns.services import giving
from tests.campaigns.mailings import postbox


@pytest.fixture(autouse=True)
def _postbox(settings: Any) -> Iterator[None]:
    giving._groups.clear()
    settings.EMAIL_BACKEND = postbox.BACKEND
    settings.SITE_URL = "https://points.example.com"
    settings.MAIL_BOUNCE_ADDRESS = "bounces@points.example.com"
    postbox.empty()
    yield
    postbox.empty()
