"""The pages of a partner system's keys: made and shown once, replaced with an overlap, revoked."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache

from parties import api_services, second_factor
from parties.api_forms import KeyForm, ReasonForm, ReplaceForm
from parties.api_models import ApiClient, ApiKey, Scope
from parties.errors import KeyMadeWrong
from parties.forms import last_moment
from parties.models import User
from parties.periods import moment_text
from parties.scoped_admin import ScopedAdmin

FORMS_REMEMBERED = 20
ENDS_SOON = timedelta(days=14)
Badge = tuple[str, str]


class KeyRow(NamedTuple):
    """A key as the client's page shows it."""

    key: ApiKey
    badge: Badge

    @property
    def is_open(self) -> bool:
        return self.badge[0] in ("good", "waiting")

    @property
    def until(self) -> str:
        return until_text(self.key)

    @property
    def made(self) -> str:
        return moment_text(self.key.created_at)

    @property
    def last_used(self) -> str:
        return moment_text(self.key.last_used_at) if self.key.last_used_at else ""

    @property
    def revoked(self) -> str:
        return moment_text(self.key.revoked_at) if self.key.revoked_at else ""


def key_badge(key: ApiKey, client: ApiClient, now: datetime) -> Badge:
    """Whether the key opens anything: the kind of a badge, and its words."""
    if key.revoked_at is not None:
        return "bad", _("revoked")
    if key.expires_at is not None and key.expires_at <= now:
        return "quiet", _("ended")
    if client.disabled_at is not None:
        return "bad", _("client disabled")
    if key.expires_at is not None and key.expires_at <= now + ENDS_SOON:
        return "waiting", _("works, ends soon")
    return "good", _("works")


def until_text(key: ApiKey) -> str:
    """The last minute in which the key works."""
    return moment_text(last_moment(key.expires_at)) if key.expires_at else _("no end")


class KeyPages(ScopedAdmin):
    """Adds the pages to the admin of partner systems."""

    def get_urls(self) -> list[URLPattern]:
        pages: dict[str, tuple[str, Callable[..., HttpResponse]]] = {
            "key_add": ("keys/add/", self.add_key),
            "key_replace": ("keys/<int:key_id>/replace/", self.replace_key),
            "key_revoke": ("keys/<int:key_id>/revoke/", self.revoke_key),
            "disable": ("disable/", self.disable),
            "enable": ("enable/", self.enable),
        }
        own = [
            path(
                f"<int:client_id>/{address}",
                never_cache(self.admin_site.admin_view(page)),
                name=f"parties_apiclient_{name}",
            )
            for name, (address, page) in pages.items()
        ]
        return own + super().get_urls()

    def add_key(self, request: HttpRequest, client_id: int) -> HttpResponse:
        """Make a key, and show it once."""
        client = self._kept_client(request, client_id)
        form = KeyForm(request.POST or None, at=timezone.now())
        return self._make(request, client, form, title=_("Make a key"))

    def replace_key(self, request: HttpRequest, client_id: int, key_id: int) -> HttpResponse:
        """Make a key that takes another one's place; for a while both work."""
        client = self._kept_client(request, client_id)
        old = self._key(client, key_id)
        form = ReplaceForm(request.POST or None, at=timezone.now(), like=old)
        return self._make(request, client, form, title=_("Replace a key"), old=old)

    def revoke_key(self, request: HttpRequest, client_id: int, key_id: int) -> HttpResponse:
        """Put a key out at once."""
        client = self._kept_client(request, client_id)
        key = self._key(client, key_id)

        def act(user: User) -> str:
            api_services.revoke_key(key_id=key.pk, by=user, at=timezone.now())
            return _("Key %(key)s was revoked.") % {"key": key}

        return self._confirm(
            request,
            client,
            act,
            title=_("Revoke a key"),
            text=_("The key opens nothing from this moment on, for ever. Calls with it are refused."),
            button=_("Revoke it now"),
            key=key,
        )

    def disable(self, request: HttpRequest, client_id: int) -> HttpResponse:
        """Shut a partner system out, with all its keys."""
        client = self._kept_client(request, client_id)

        def act(_user: User) -> str:
            api_services.disable_client(client_id=client.pk, at=timezone.now())
            return _("The client was disabled.")

        return self._confirm(
            request,
            client,
            act,
            title=_("Disable the client"),
            text=_("None of its keys opens anything from this moment on, until the client is enabled again."),
            button=_("Disable it now"),
        )

    def enable(self, request: HttpRequest, client_id: int) -> HttpResponse:
        """Let it in again."""
        client = self._kept_client(request, client_id)

        def act(_user: User) -> str:
            api_services.enable_client(client_id=client.pk)
            return _("The client was enabled.")

        return self._confirm(
            request,
            client,
            act,
            title=_("Enable the client"),
            text=_("Its keys work again at once, but for those that were revoked or have ended."),
            button=_("Enable it now"),
        )

    def _kept_client(self, request: HttpRequest, client_id: int) -> ApiClient:
        client: ApiClient = self.get_object(request, str(client_id))
        if not self.has_change_permission(request, client):
            raise Http404
        return client

    def _key(self, client: ApiClient, key_id: int) -> ApiKey:
        key = client.keys.filter(pk=key_id, revoked_at=None).first()
        if key is None:
            raise Http404
        return key

    def _make(
        self, request: HttpRequest, client: ApiClient, form: KeyForm, *, title: str, old: ApiKey | None = None
    ) -> HttpResponse:
        context = {"title": title, "form": form, "old": old}
        if not form.is_valid() or not isinstance(request.user, User):
            return self._page(request, client, "api_key_form.html", **context)
        form_number, sent = str(form.cleaned_data["form_number"]), request.session.get("key_forms", [])
        if form_number in sent:  # reloading the page that shows a key must not make another one
            text = _("This page was sent already: its key is in the list, and can't be shown again.")
            self.message_user(request, text, messages.WARNING)
            return HttpResponseRedirect(_page_of(client))
        asked = {
            "scopes": [Scope(scope) for scope in form.cleaned_data["scopes"]],
            "addresses": form.cleaned_data["addresses"],
            "expires_at": form.cleaned_data["expires_at"],
            "by": request.user,
            "at": form.at,
        }
        second_factor.refuse_stale_person(request)
        try:
            if old is None:
                key, text = api_services.make_key(client=client, **asked)
                done = _("Key %(key)s was made.") % {"key": key}
            else:
                ends_at = form.cleaned_data["old_ends_at"]
                key, text = api_services.replace_key(key_id=old.pk, old_ends_at=ends_at, **asked)
                words = {"key": key, "old": old, "until": moment_text(last_moment(ends_at))}
                done = _("Key %(key)s was made; %(old)s works until %(until)s.") % words
        except KeyMadeWrong as refusal:
            form.add_error(refusal.field if refusal.field in form.fields else None, _wrong(refusal))
            return self._page(request, client, "api_key_form.html", **context)
        request.session["key_forms"] = [*sent, form_number][-FORMS_REMEMBERED:]
        self.log_change(request, client, done)
        return self._page(
            request, client, "api_key_shown.html", title=title, key=key, text=text, old=old, done=done
        )

    def _confirm(
        self, request: HttpRequest, client: ApiClient, act: Callable[[User], str], **context: Any
    ) -> HttpResponse:
        """Ask for a reason, then do it; the log keeps both."""
        form = ReasonForm(request.POST or None)
        if form.is_valid() and isinstance(request.user, User):
            done = act(request.user)
            self.log_change(request, client, f"{done} {form.cleaned_data['reason']}")
            self.message_user(request, done, messages.SUCCESS)
            return HttpResponseRedirect(_page_of(client))
        return self._page(request, client, "api_confirm.html", form=form, **context)

    def _page(self, request: HttpRequest, client: ApiClient, template: str, **context: Any) -> HttpResponse:
        frame = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "client": client,
            "is_test": client.brand.sandbox_of_id is not None,
            "site_url_of_api": f"{settings.SITE_URL}/api/v1",
        }
        return TemplateResponse(request, f"parties/{template}", frame | context)


def _wrong(refusal: KeyMadeWrong) -> str:
    if refusal.field == "client":
        return _("The client is disabled: enable it first.")
    return _("The key can't be made so.")


def _page_of(client: ApiClient) -> str:
    return reverse("admin:parties_apiclient_change", args=(client.pk,))
