"""The way to a provider and back, step by step, as a browser goes it."""

import html
import re
from urllib.parse import parse_qs, urlsplit

from django.conf import LazySettings
from django.test import Client

from parties.models import User
from tests.oidc_provider import OidcProvider
from tests.redemption_site import visits
from tests.redemption_site.visits import Answer


def know(settings: LazySettings, *providers: OidcProvider, **changes: object) -> None:
    """Let the site sign people in through these."""
    known = [provider.as_provider._replace(**changes) for provider in providers]  # type: ignore[arg-type]
    settings.SIGN_IN_PROVIDERS = {provider.id: provider for provider in known}


def leave(client: Client, provider_id: str = "example", **form: str) -> str:
    """Press the button on the sign-in page; where the page then leads: the provider's address."""
    page = client.post(f"/sign-in/with/{provider_id}/", form)
    assert page.status_code == 200, page
    return address_in(page)


def address_in(page: Answer) -> str:
    found = re.search(r'content="0; url=([^"]+)"', page.content.decode())
    assert found
    return html.unescape(found[1])


def query_of(address: str) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}


def come_back(client: Client, link: str) -> Answer:
    """Follow the provider's link to us in this browser."""
    parts = urlsplit(link)
    return client.get(f"{parts.path}?{parts.query}")


def sign_in(client: Client, provider: OidcProvider, **form: str) -> Answer:
    """There and back in one browser, allowed by the person."""
    allow, _deny = provider.ways_back(leave(client, provider.as_provider.id, **form))
    return come_back(client, allow)


def sign_in_elsewhere(client: Client, second: Client, provider: OidcProvider) -> Answer:
    """The same, but the provider comes back in a second browser; gives back what that one first shows."""
    allow, _deny = provider.ways_back(leave(client, provider.as_provider.id))
    answer = come_back(second, allow)
    assert (answer.status_code, answer["Location"]) == (303, "/sign-in/go-on/"), answer
    return second.get("/sign-in/go-on/")


def go_on(client: Client) -> Answer:
    """The button on the page that asks whether this is one's account."""
    return client.post("/sign-in/go-on/", {"shown": visits.shown_in(client.get("/sign-in/go-on/"))})


def is_signed_in(client: Client) -> bool:
    return "_auth_user_id" in client.session


def newcomers() -> list[User]:
    """People without an address: those who came through the provider."""
    return list(User.objects.filter(email=None))
