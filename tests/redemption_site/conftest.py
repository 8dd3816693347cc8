"""A clean slate per test: allauth counts in the cache, which outlives a test's database."""

import pytest
from django.core.cache import cache
from django.test import Client

from tests.redemption_site import visits


@pytest.fixture(autouse=True)
def _no_counts_from_other_tests() -> None:
    cache.clear()


@pytest.fixture
def hanako(db: None) -> Client:
    """A browser in which a member is signed in, in English."""
    client = Client(headers={"accept-language": "en"})
    visits.member_in(client)
    return client
