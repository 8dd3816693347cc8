"""Webhook endpoints and what was told to them, in the admin. A brand's marketers keep its endpoints."""

from collections.abc import Callable
from typing import Any, cast

from django.contrib import admin, messages
from django.db.models import ForeignKey, Model, Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.cache import never_cache

from parties import access, webhook_services
from parties.event_models import EventType
from parties.models import Brand, Role, User
from parties.scoped_admin import ScopedAdmin
from parties.tasks import nudge_events
from parties.webhook_forms import ReplayForm, WebhookEndpointForm
from parties.webhook_models import DeliveryState, WebhookDelivery, WebhookEndpoint
from parties.webhooks.sending import Failure

MOST_REPLAYED = 1_000
FAILURES = {
    Failure.ADDRESS: gettext_lazy("the address leads where nothing is sent"),
    Failure.NAME: gettext_lazy("no such host"),
    Failure.CONNECTION: gettext_lazy("no connection, or a certificate of another name"),
    Failure.TIME: gettext_lazy("took too long"),
    Failure.ANSWER: gettext_lazy("no answer that could be read"),
    Failure.STATUS: gettext_lazy("answered that it did not work"),
    Failure.KEYS: gettext_lazy("the key that opens its secret is missing here"),
    Failure.CLOSED: gettext_lazy("the endpoint was closed"),
}


@admin.register(WebhookEndpoint)
class WebhookEndpointAdmin(ScopedAdmin):
    """Where a brand's partner systems are told of events. An endpoint is made and closed, never edited."""

    form = WebhookEndpointForm
    reach = access.reachable_webhook_endpoints
    keeps_people = True
    add_roles = change_roles = (Role.MARKETER,)
    list_display = ("url", "brand", "is_told_of", "is_open", "failures")
    list_select_related = ("brand",)
    search_fields = ("url",)
    change_form_template = "parties/webhook_form.html"
    _shown = ("brand", "url", "is_told_of", "public_id", "is_open", "closed_at", "is_gone")
    _state = ("failures", "rests_until", "old_secret_until", "created_at", "created_by")

    class Media:
        css = {"all": ("parties/admin.css",)}

    def get_fields(self, request: HttpRequest, obj: WebhookEndpoint | None = None) -> tuple[str, ...]:
        return ("brand", "url", "types") if obj is None else self._shown + self._state

    def get_readonly_fields(
        self, request: HttpRequest, obj: WebhookEndpoint | None = None
    ) -> tuple[str, ...]:
        return () if obj is None else self._shown + self._state

    def formfield_for_foreignkey(
        self, db_field: "ForeignKey[Any, Any]", request: HttpRequest, **kwargs: Any
    ) -> Any:
        roles = () if self._may_keep(request) else self.add_roles
        brands = access.reachable_brands(request.user, *roles)
        with_sandboxes = Q(pk__in=brands.values("pk")) | Q(sandbox_of__in=brands.values("pk"))
        kwargs["queryset"] = Brand.objects.filter(with_sandboxes)
        return super().formfield_for_foreignkey(db_field, request, **kwargs)

    def get_urls(self) -> list[URLPattern]:
        doors = {"secret": self.secret, "test": self.test, "close": self.close}
        return [
            *(
                path(
                    f"<int:endpoint_id>/{name}/",
                    never_cache(self.admin_site.admin_view(door)),
                    name=f"parties_webhookendpoint_{name}",
                )
                for name, door in doors.items()
            ),
            *super().get_urls(),
        ]

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        buttons = ("show_save", "show_save_and_continue", "show_save_and_add_another")
        nothing_to_save = dict.fromkeys(buttons, False)
        return super().change_view(request, object_id, form_url, nothing_to_save | (extra_context or {}))

    def save_model(self, request: HttpRequest, obj: WebhookEndpoint, form: Any, change: bool) -> None:
        if change:  # there is nothing to change
            return
        made, secret = webhook_services.make_endpoint(
            brand=obj.brand,
            url=obj.url,
            types=[EventType(kind) for kind in form.cleaned_data["types"]],
            by=cast(User, request.user),
            at=timezone.now(),
        )
        obj.pk = made.pk
        vars(request)["_secret"] = secret  # for the answer, and nothing after it

    def response_add(
        self, request: HttpRequest, obj: WebhookEndpoint, post_url_continue: str | None = None
    ) -> HttpResponse:
        answer = self._page(request, obj, _("The endpoint is open"), secret=vars(request)["_secret"])
        answer.headers["Cache-Control"] = "no-store"
        return answer

    def secret(self, request: HttpRequest, endpoint_id: int) -> HttpResponse:
        """A new secret, shown once, after the question whether it is meant."""
        endpoint = self._endpoint(request, endpoint_id)
        title = _("New secret of %(endpoint)s") % {"endpoint": endpoint.url}
        if request.method != "POST":
            question = _("The new secret signs at once, and the one before it for 24 hours more.")
            return self._page(request, endpoint, title, question=question, button=_("Make it and show it"))
        secret = webhook_services.renew_secret(endpoint_id=endpoint.pk, at=timezone.now())
        self.log_change(request, endpoint, _("A new secret was made."))
        return self._page(request, endpoint, title, secret=secret, is_renewed=True)

    def test(self, request: HttpRequest, endpoint_id: int) -> HttpResponse:
        """An event of the type webhook.test, to this endpoint alone."""
        return self._act(
            request,
            endpoint_id,
            lambda endpoint: webhook_services.send_test_event(endpoint_id=endpoint.pk, at=timezone.now()),
            title=_("Send a test event"),
            question=_("The endpoint is sent an event of the type webhook.test, signed like any other."),
            done=_("A test event is under way: its delivery shows what became of it."),
        )

    def close(self, request: HttpRequest, endpoint_id: int) -> HttpResponse:
        """Nothing is sent to it any more."""
        return self._act(
            request,
            endpoint_id,
            lambda endpoint: webhook_services.close_endpoint(endpoint_id=endpoint.pk, at=timezone.now()),
            title=_("Close the endpoint"),
            question=_(
                "Nothing is sent to it any more, what waits is given up, and it can't be opened again."
            ),
            done=_("The endpoint is closed."),
        )

    def _act(
        self,
        request: HttpRequest,
        endpoint_id: int,
        act: Callable[[WebhookEndpoint], None],
        *,
        title: str,
        question: str,
        done: str,
    ) -> HttpResponse:
        endpoint = self._endpoint(request, endpoint_id)
        if request.method != "POST":
            return self._page(request, endpoint, title, question=question, button=title)
        act(endpoint)
        self.log_change(request, endpoint, done)
        nudge_events()
        messages.success(request, done)
        return HttpResponseRedirect(reverse("admin:parties_webhookendpoint_change", args=(endpoint.pk,)))

    def _endpoint(self, request: HttpRequest, endpoint_id: int) -> WebhookEndpoint:
        """The endpoint, if it is open and the person may keep it; else 404."""
        endpoint: WebhookEndpoint = self.get_object(request, str(endpoint_id))
        if endpoint.closed_at is not None or not self.has_change_permission(request, endpoint):
            raise Http404
        return endpoint

    def _page(
        self, request: HttpRequest, endpoint: WebhookEndpoint, title: str, **context: Any
    ) -> TemplateResponse:
        own = {"title": title, "opts": self.opts, "endpoint": endpoint}
        shown = {**self.admin_site.each_context(request), **own, **context}
        return TemplateResponse(request, "parties/webhook_act.html", shown)

    @admin.display(description=gettext_lazy("is told of"))
    def is_told_of(self, endpoint: WebhookEndpoint) -> str:
        return "、".join(str(EventType(kind).label) for kind in endpoint.types) or _("everything")

    @admin.display(description=gettext_lazy("in use"), boolean=True)
    def is_open(self, endpoint: WebhookEndpoint) -> bool:
        return endpoint.closed_at is None


@admin.register(WebhookDelivery)
class WebhookDeliveryAdmin(ScopedAdmin):
    """What became of each telling. What was given up can be tried again, by a person with a reason."""

    reach = access.reachable_webhook_deliveries
    replay_roles = (Role.MARKETER,)
    list_display = ("what", "endpoint", "state", "attempts", "answer", "next_attempt_at", "ended_at")
    list_filter = ("state", "event__type")
    list_select_related = ("endpoint__brand", "event")
    search_fields = ("public_id", "event__public_id", "event__object_id")
    actions = ("replay",)
    fields = (
        *("public_id", "endpoint", "what", "event_name", "object_of", "sequence_of", "state", "attempts"),
        *("answer", "queued_at", "next_attempt_at", "gives_up_at", "ended_at"),
        *("replayed_at", "replayed_by", "replay_reason"),
    )
    readonly_fields = fields

    class Media:
        css = {"all": ("parties/admin.css",)}

    def has_replay_permission(self, request: HttpRequest) -> bool:
        is_keeper = request.user.is_active and request.user.is_superuser
        return is_keeper or self._holds(request, self.replay_roles)

    @admin.action(description=gettext_lazy("Try again what was given up"), permissions=["replay"])
    def replay(self, request: HttpRequest, queryset: QuerySet[WebhookDelivery]) -> HttpResponse | None:
        """Ask for the reason, then replay the dead ones among those that were chosen."""
        rows = queryset.filter(state=DeliveryState.DEAD, endpoint__closed_at=None)
        if not request.user.is_superuser:
            rows = rows.filter(pk__in=self.rows_for(request.user, self.replay_roles).values("pk"))
        chosen = list(rows.order_by("pk")[:MOST_REPLAYED])
        if not chosen:
            messages.warning(request, _("None of them was given up, or their endpoint is closed."))
            return None
        form = ReplayForm(request.POST if "reason" in request.POST else None)
        if not form.is_valid():
            return self._ask_reason(request, form, chosen)
        reason = form.cleaned_data["reason"]
        count = webhook_services.replay_deliveries(
            delivery_ids=[row.pk for row in chosen],
            reason=reason,
            by=cast(User, request.user),
            at=timezone.now(),
        )
        for row in chosen:
            self.log_change(request, row, _("Replayed: %(reason)s") % {"reason": reason})
        nudge_events()
        told = ngettext("%(count)d delivery is tried again.", "%(count)d deliveries are tried again.", count)
        messages.success(request, told % {"count": count})
        return None

    def _ask_reason(
        self, request: HttpRequest, form: ReplayForm, chosen: list[WebhookDelivery]
    ) -> HttpResponse:
        context = {
            **self.admin_site.each_context(request),
            "title": _("Try again what was given up"),
            "opts": self.opts,
            "form": form,
            "chosen": chosen,
        }
        return TemplateResponse(request, "parties/webhook_replay.html", context)

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    @admin.display(description=gettext_lazy("what happened"), ordering="event__type")
    def what(self, delivery: WebhookDelivery) -> str:
        return str(EventType(delivery.event.type).label)

    @admin.display(description=gettext_lazy("event number"))
    def event_name(self, delivery: WebhookDelivery) -> str:
        return delivery.event.name

    @admin.display(description=gettext_lazy("to what"))
    def object_of(self, delivery: WebhookDelivery) -> str:
        return delivery.event.object_id

    @admin.display(description=gettext_lazy("place among the events of that object"))
    def sequence_of(self, delivery: WebhookDelivery) -> int:
        return delivery.event.sequence

    @admin.display(description=gettext_lazy("last answer"))
    def answer(self, delivery: WebhookDelivery) -> str:
        why = str(FAILURES[Failure(delivery.last_error)]) if delivery.last_error else ""
        return " ".join(str(part) for part in (delivery.last_status, why) if part)
