"""Sign-in by a code sent by e-mail: one field for new and returning people, alike from outside; and what
every way of signing in shares.

django-allauth keeps the stages, the attempts and the rate limits. It would send a newcomer another mail and
ask them to sign up; here everybody gets the same mail, and a newcomer becomes a user when the code is given.
"""

import secrets
import time
from typing import Any
from urllib.parse import urlsplit

from allauth.account.adapter import DefaultAccountAdapter, get_adapter
from allauth.account.authentication import AUTHENTICATION_METHODS_SESSION_KEY
from allauth.account.internal.flows.login import (
    get_authentication_records,
    perform_login,
    record_authentication,
)
from allauth.account.internal.flows.login_by_code import LoginCodeVerificationProcess
from allauth.account.internal.stagekit import clear_login
from allauth.account.models import Login
from allauth.account.stages import LoginByCodeStage, LoginStageController
from allauth.account.utils import get_next_redirect_url
from allauth.core import ratelimit
from allauth.core.exceptions import RateLimited
from django.conf import settings
from django.contrib import messages
from django.contrib.auth.hashers import make_password
from django.core.cache import cache
from django.http import HttpRequest, HttpResponseBase
from django.urls import reverse
from django.utils.crypto import constant_time_compare, salted_hmac
from django.utils.http import urlencode
from django.utils.translation import gettext_lazy as _

from parties.models import User

_CLOCKS_APART = 60  # seconds between web servers
SECONDS_FRESH = 10 * 60  # how long a sign-in is proof enough to change how one signs in


def sign_in(request: HttpRequest, user: User, *, method: str, next_page: str = "") -> HttpResponseBase:
    """Sign in somebody who has proved who they are in this way. Staff and people who were shut out are sent
    to the page that says so; `request.user` tells which it was.
    """
    record_authentication(request, user, method)
    response: HttpResponseBase = perform_login(request, Login(user=user, redirect_url=next_page or None))
    response.status_code = 303
    return response


def wanted_page(request: HttpRequest) -> str:
    """The page of this site that was asked for before the sign-in; "" for none, or one elsewhere."""
    return get_next_redirect_url(request) or ""


def sign_in_page(next_page: str) -> str:
    """The address of the sign-in that leads on to such a page."""
    return reverse("account_login") + (f"?{urlencode({'next': next_page})}" if next_page else "")


def leads_to_shop(page: str) -> bool:
    """Whether somebody came from a brand's site to sign in, and goes back there."""
    return urlsplit(page).path == reverse("sso_continue")


def is_signed_in(request: HttpRequest) -> bool:
    """Whether somebody is, at this moment: signing in changes it in the middle of a request."""
    return request.user.is_authenticated


def is_fresh(request: HttpRequest) -> bool:
    """Whether the session's person signed in within the last ten minutes, in any way of this site."""
    records = get_authentication_records(request, request.user)
    return bool(records) and -_CLOCKS_APART < time.time() - float(records[-1]["at"]) < SECONDS_FRESH


def is_mailbox_proved(request: HttpRequest) -> bool:
    """Whether the session's person signed in by a code that went to the address they have now."""
    wanted = _mark_of_mailbox(getattr(request.user, "email", None) or "")
    records = get_authentication_records(request, request.user)
    return any(constant_time_compare(record.get("mailbox", ""), wanted) for record in records)


def _mark_of_mailbox(address: str) -> str:
    return salted_hmac("redemption_site/v1/mailbox", address.lower(), algorithm="sha256").hexdigest()[:32]


class SignInProcess(LoginCodeVerificationProcess):  # type: ignore[misc]  # allauth ships no types
    """One attempt to sign in: the same code, mail and answers whether or not the address is known."""

    @classmethod
    def begin(cls, request: HttpRequest, *, email: str, user: User | None) -> None:
        """Send a code to the address and remember the attempt in the session, where allauth looks for it."""
        login = Login(user=user, email=email)
        login.state["stages"] = {"current": LoginByCodeStage.key}
        stage = LoginByCodeStage(LoginStageController(request, login), request, login)
        stage.state.update(cls.initial_state(user=user, email=email), initiated_by_user=True)
        process = cls(stage=stage)
        process.send()
        process.persist()

    def generate_code(self) -> str:
        """A fresh code with a count of its own, in the cache: allauth's stands in the session, which requests
        sent at once each read and write as they found it.
        """
        code: str = super().generate_code()
        self.state["tries_id"] = secrets.token_urlsafe(16)
        cache.set(self._tries_key, 0, settings.ACCOUNT_LOGIN_TIMEOUT)
        return code

    def take_try(self) -> bool:
        """Count one comparison with the code, before it is made. False if there were enough, or if the count
        is lost: then nothing may be compared.
        """
        try:
            tries: int = cache.incr(self._tries_key)
        except ValueError:
            return False
        return tries <= settings.ACCOUNT_LOGIN_BY_CODE_MAX_ATTEMPTS

    @property
    def _tries_key(self) -> str:
        return f"sign-in-tries:{self.state.get('tries_id', '')}"

    def resend(self) -> None:
        """Another code, which counts like one that was asked for. RateLimited if there were enough."""
        email = self.state["email"]
        if not ratelimit.consume(self.request, action="request_login_code", key=email):
            raise RateLimited
        self.send()
        self.record_resend()
        self.persist()

    def send_by_email(self, email: str, skip_enumeration_mails: bool = False) -> None:  # noqa: ARG002
        """A fresh code, to whoever owns the address."""
        context = {"request": self.request, "code": self.generate_code()}
        get_adapter().send_mail("redemption_site/mail/sign_in_code", email, context)

    def finish(self, redirect_url: str | None) -> HttpResponseBase:
        """Sign in: the right code proves the mailbox, and a newcomer becomes a user here."""
        if self.user is None:
            newcomer = {"password": make_password(None)}
            self._user = User.objects.get_or_create(email=self.state["email"], defaults=newcomer)[0]
        response: HttpResponseBase = super().finish(redirect_url)
        # allauth notes by which address. Sessions outlive a person who leaves: a keyed mark stays instead.
        for record in self.request.session.get(AUTHENTICATION_METHODS_SESSION_KEY, []):
            if address := record.pop("email", None):
                record["mailbox"] = _mark_of_mailbox(address)
        return response


class SignInAdapter(DefaultAccountAdapter):  # type: ignore[misc]  # allauth ships no types
    """The house's words and ways, and its one more rule: staff sign in by password, at the admin."""

    error_messages = DefaultAccountAdapter.error_messages | {
        "incorrect_code": _("That is not the sign-in code. Check the newest e-mail and enter it once more."),
        "too_many_login_attempts": _("Too many attempts. Wait a minute, then ask for a new sign-in code."),
        "rate_limited": _("Too many attempts. Wait a minute, then ask for a new sign-in code."),
    }

    def pre_login(self, request: HttpRequest, user: User, **details: Any) -> HttpResponseBase | None:
        """A mailbox alone must not open the admin; the session that it would make could."""
        if user.is_staff:
            clear_login(request)
            refusal: HttpResponseBase = self.respond_user_inactive(request, user)
            return refusal
        response: HttpResponseBase | None = super().pre_login(request, user, **details)
        return response

    def get_login_stages(self) -> list[str]:
        """One step: a passkey is another way in, not a second factor behind the mailbox."""
        return [f"{LoginByCodeStage.__module__}.{LoginByCodeStage.__name__}"]

    def get_login_redirect_url(self, request: HttpRequest) -> str:  # noqa: ARG002
        """Members go to their wallet; LOGIN_REDIRECT_URL is where the admin's own sign-in leads."""
        return reverse("wallet")

    def add_message(self, request: HttpRequest, level: int, *args: Any, **kwargs: Any) -> None:
        """Only what went wrong: that somebody is signed in, the page itself shows."""
        if level >= messages.ERROR:
            super().add_message(request, level, *args, **kwargs)
