"""A clean slate per test: allauth counts in the cache, which outlives a test's database."""

from collections.abc import Iterator

import pytest
from django.conf import LazySettings
from django.core.cache import cache
from django.test import Client

from tests.oidc_provider import OidcProvider, oidc_provider
from tests.redemption_site import visits
from tests.redemption_site.round import know


@pytest.fixture(autouse=True)
def _no_counts_from_other_tests() -> None:
    cache.clear()


@pytest.fixture
def hanako(db: None) -> Client:
    """A browser in which a member is signed in, in English."""
    client = Client(headers={"accept-language": "en"})
    visits.member_in(client)
    return client


@pytest.fixture
def provider(settings: LazySettings) -> Iterator[OidcProvider]:
    """A provider that the site knows."""
    with oidc_provider() as running:
        know(settings, running)
        yield running


@pytest.fixture
def second() -> Client:
    """Another browser of the same person, in English."""
    return Client(headers={"accept-language": "en"})
