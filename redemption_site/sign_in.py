"""Sign-in by a code sent by e-mail: one field for new and returning people, alike from outside.

django-allauth keeps the stages, the attempts and the rate limits. It would send a newcomer another mail and
ask them to sign up; here everybody gets the same mail, and a newcomer becomes a user when the code is given.
"""

from typing import Any

from allauth.account.adapter import DefaultAccountAdapter, get_adapter
from allauth.account.internal.flows.login_by_code import LoginCodeVerificationProcess
from allauth.account.internal.stagekit import clear_login
from allauth.account.models import Login
from allauth.account.stages import LoginByCodeStage, LoginStageController
from django.contrib import messages
from django.contrib.auth.hashers import make_password
from django.http import HttpRequest, HttpResponseBase
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
        return response


class SignInAdapter(DefaultAccountAdapter):  # type: ignore[misc]  # allauth ships no types
    """The house's words and its one more rule: staff sign in by password, at the admin."""

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

    def add_message(self, request: HttpRequest, level: int, *args: Any, **kwargs: Any) -> None:
        """Only what went wrong: that somebody is signed in, the page itself shows."""
        if level >= messages.ERROR:
            super().add_message(request, level, *args, **kwargs)
