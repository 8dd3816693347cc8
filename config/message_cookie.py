"""Messages between two pages, in a cookie that no other host of the domain can set."""

from django.conf import settings
from django.contrib.messages.storage.cookie import CookieStorage


class MessageCookie(CookieStorage):
    """Signed by Django. Not in the session: a stranger's message would make a row."""

    cookie_name = "__Host-messages" if settings.SESSION_COOKIE_SECURE else "messages"
