"""A member in front of a browser who is signed in already."""

from django.conf import settings
from django.test import Client
from playwright.sync_api import Page
from pytest_django.live_server_helper import LiveServer

from parties.models import Member, User


def let_in(page: Page, live_server: LiveServer, user: User) -> Page:
    """The same page, with a session of the user."""
    client = Client()
    client.force_login(user)
    session = client.cookies[settings.SESSION_COOKIE_NAME].value
    page.context.add_cookies(
        [{"name": settings.SESSION_COOKIE_NAME, "value": session, "url": live_server.url}]
    )
    return page


def user_of(member: Member) -> User:
    """The person behind a member of the tests."""
    assert member.user is not None
    return member.user
