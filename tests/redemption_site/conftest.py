"""A clean slate per test: allauth counts in the cache, which outlives a test's database."""

from collections.abc import Iterator

import pytest
from django.conf import LazySettings
from django.core.cache import cache
from django.test import Client

from parties.models import User
from tests.oidc_provider import OidcProvider, oidc_provider
from tests.redemption_site import visits
from tests.redemption_site.round import know
from tests.redemption_site.shops import Shop


@pytest.fixture(autouse=True)
def _no_counts_from_other_tests() -> Iterator[None]:
    cache.clear()
    yield
    cache.clear()  # whoever signs in next, in another folder, begins anew as well


@pytest.fixture
def client(request: pytest.FixtureRequest) -> Client:
    """A browser of nobody yet, in the LANGUAGE of the test's module if it names one."""
    language = getattr(request.module, "LANGUAGE", None)
    return Client(headers={"accept-language": language} if language else None)


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


@pytest.fixture
def shop(db: None) -> Shop:
    """A brand's shop that members can sign in to."""
    return Shop()


@pytest.fixture
def known(client: Client, db: None) -> User:
    """Hanako, signed in through the pages, in `client`."""
    visits.sign_in(client)
    return User.objects.get(email="hanako@example.com")
