"""A clean slate per test: allauth counts in the cache, which outlives a test's database."""

import pytest
from django.core.cache import cache
from django.test import Client

from tests import make


@pytest.fixture(autouse=True)
def _no_counts_from_other_tests() -> None:
    cache.clear()


@pytest.fixture
def hanako(db: None) -> Client:
    """A browser in which a member is signed in, in English."""
    client = Client(headers={"accept-language": "en"})
    client.force_login(make.member().user)  # type: ignore[arg-type]  # a new member has a user
    return client
