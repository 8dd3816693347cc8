"""Sign-in by a code sent by e-mail: one field for new and returning people, alike from outside.

django-allauth keeps the stages, the attempts and the rate limits. It would send a newcomer another mail and
ask them to sign up; here everybody gets the same mail, and a newcomer becomes a user when the code is given.
"""

import secrets
from typing import Any

from allauth.account.adapter import DefaultAccountAdapter, get_adapter
from allauth.account.authentication import AUTHENTICATION_METHODS_SESSION_KEY
from allauth.account.internal.flows.login_by_code import LoginCodeVerificationProcess
from allauth.account.internal.stagekit import clear_login
from allauth.account.models import Login
from allauth.account.stages import LoginByCodeStage, LoginStageController
from allauth.core import ratelimit
from allauth.core.exceptions import RateLimited
from django.conf import settings
from django.contrib import messages
from django.contrib.auth.hashers import make_password
from django.core.cache import cache
from django.http import HttpRequest, HttpResponseBase
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from parties.models import User


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
        # allauth notes by which address; nobody needs it, and sessions outlive a person who leaves.
        for record in self.request.session.get(AUTHENTICATION_METHODS_SESSION_KEY, []):
            record.pop("email", None)
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

    def get_login_redirect_url(self, request: HttpRequest) -> str:  # noqa: ARG002
        """Members go to their wallet; LOGIN_REDIRECT_URL is where the admin's own sign-in leads."""
        return reverse("wallet")

    def add_message(self, request: HttpRequest, level: int, *args: Any, **kwargs: Any) -> None:
        """Only what went wrong: that somebody is signed in, the page itself shows."""
        if level >= messages.ERROR:
            super().add_message(request, level, *args, **kwargs)
