"""Disputes: a list of what waits, and a page per ticket with its evidence, its messages and the answer."""

import uuid
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

from django.contrib import admin, messages
from django.contrib.admin.utils import unquote
from django.db.models import F, Model, Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, override

from campaigns import access, dispute_queries
from campaigns import services as campaigns
from campaigns.admin.waiting import WaitingFilter
from campaigns.dispute_models import (
    MAX_TEXT_LENGTH,
    Dispute,
    DisputeEvidence,
    DisputeMessage,
    DisputeState,
    Resolution,
)
from campaigns.errors import CampaignsError
from campaigns.models import Order
from campaigns.wording import words_of
from giftcodes import queries as giftcodes_queries
from ledger.admin.pages import by_post, moment_column
from ledger.statements import database_time
from parties.access import is_operator
from parties.errors import NotReachable
from parties.models import Role
from parties.scoped_admin import ScopedAdmin

BADGES = {DisputeState.OPEN: "waiting", DisputeState.ANSWERED: "quiet", DisputeState.RESOLVED: "good"}
LOOKERS = (Role.SUPPORT, Role.AUDITOR)
_MAX_TYPED = 2 * MAX_TEXT_LENGTH  # that is typed in vain is shown again


@admin.register(Dispute)
class DisputeAdmin(ScopedAdmin):
    """A ticket is opened by its member and never edited: support answers and resolves it."""

    reach = access.reachable_disputes
    look_roles = LOOKERS
    list_display = ("number", "kind", "brand", "state_badge", "waiting", "opened")
    list_filter = ("state", WaitingFilter, "kind", ("brand", admin.RelatedOnlyFieldListFilter), "resolution")
    list_select_related = ("brand",)
    search_fields = ("number",)
    search_help_text = gettext_lazy("A ticket number, a serial number or the number of a refused try.")
    ordering = (F("waiting_since").asc(nulls_last=True), "-opened_at", "-pk")  # longest waiting first
    opened = moment_column("opened_at", gettext_lazy("asked at"))
    waiting = moment_column("waiting_since", gettext_lazy("waiting since"))

    class Media:
        css = {"all": ("parties/admin.css",)}

    def get_urls(self) -> list[URLPattern]:
        def door(act: Any) -> Any:
            return self.admin_site.admin_view(by_post(act))

        own = [
            path("<int:dispute_id>/answer/", door(self.answer), name="campaigns_dispute_answer"),
            path("<int:dispute_id>/resolve/", door(self.resolve), name="campaigns_dispute_resolve"),
        ]
        return own + super().get_urls()

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """By whole numbers alone: index look-ups, and nothing to guess along."""
        typed = search_term.strip().upper()
        if not typed:
            return queryset, False
        if typed.isascii() and typed.isdigit() and len(typed) == 10:
            serial = int(typed)
            return queryset.filter(Q(evidence__serial_number=serial) | Q(stated_serial=serial)), False
        if not (typed.isascii() and typed.isalnum()):
            return queryset.none(), False
        return queryset.filter(Q(number=typed) | Q(evidence__reference=typed)), False

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        dispute: Dispute = self.get_object(request, unquote(object_id))
        return self._page(request, dispute)

    def answer(self, request: HttpRequest, dispute_id: int) -> HttpResponse:
        """Write to the member."""
        return self._act(request, dispute_id, campaigns.answer_dispute, _("Your answer is sent."))

    def resolve(self, request: HttpRequest, dispute_id: int) -> HttpResponse:
        """End the ticket, with a reason that the member reads."""
        resolution = request.POST.get("resolution", "")
        if resolution not in (Resolution.FOR_MEMBER, Resolution.NOT_FOR_MEMBER):
            self.message_user(request, _("Choose how the ticket is resolved."), messages.ERROR)
            return self._page(request, self.get_object(request, str(dispute_id)), typed=_typed(request))

        def act(**what: Any) -> DisputeMessage:
            return campaigns.resolve_dispute(resolution=Resolution(resolution), **what)

        return self._act(request, dispute_id, act, _("The ticket is resolved. The member is told."))

    def _act(
        self, request: HttpRequest, dispute_id: int, act: Callable[..., DisputeMessage], done: str
    ) -> HttpResponse:
        try:
            message = act(
                dispute_id=dispute_id,
                form_number=_form_number(request),
                user=request.user,
                text=request.POST.get("text", ""),
                seen=_seen(request),
                at=database_time(),
            )
        except NotReachable as refusal:
            raise Http404 from refusal
        except CampaignsError as refusal:
            self.message_user(request, words_of(refusal), messages.ERROR)
            return self._page(request, self.get_object(request, str(dispute_id)), typed=_typed(request))
        self.log_change(request, message.dispute, message.act)
        self.message_user(request, done, messages.SUCCESS)
        if message.masked_codes:
            text = _("Something in your text looked like a code: only its last 4 digits were kept.")
            self.message_user(request, text, messages.WARNING)
        address = reverse("admin:campaigns_dispute_change", args=(dispute_id,))
        return HttpResponseRedirect(address, status=303)

    def _page(self, request: HttpRequest, dispute: Dispute, *, typed: str = "") -> TemplateResponse:
        lines = list(dispute_queries.messages_of(dispute))
        holds_role = access.reachable_disputes(request.user, Role.SUPPORT).filter(pk=dispute.pk).exists()
        evidence = DisputeEvidence.objects.select_related("batch").get(dispute=dispute)
        context = {
            **self.admin_site.each_context(request),
            "title": _("Dispute %(number)s") % {"number": dispute.number},
            "opts": self.opts,
            "dispute": dispute,
            "badge": BADGES[DisputeState(dispute.state)],
            "lines": lines,
            "seen": lines[-1].pk,
            "evidence": evidence,
            "worth": _points_of(evidence),
            "order": Order.objects.filter(batch=evidence.batch).select_related("campaign").first()
            if evidence.batch
            else None,
            "sees_guard": is_operator(request.user, *LOOKERS) or request.user.is_superuser,
            "language": _name_of(dispute.language),
            "may_act": holds_role and dispute.state != DisputeState.RESOLVED,
            "grant_address": _grant_address(request, dispute) if holds_role else "",
            "resolutions": [Resolution.FOR_MEMBER, Resolution.NOT_FOR_MEMBER],
            "form_numbers": [uuid.uuid4(), uuid.uuid4()],
            "typed": typed,
            "chosen": request.POST.get("resolution", ""),
            "most": MAX_TEXT_LENGTH,
        }
        return TemplateResponse(request, "campaigns/dispute_page.html", context)

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    @admin.display(description=gettext_lazy("state"), ordering="state")
    def state_badge(self, dispute: Dispute) -> str:
        is_against = dispute.resolution in (Resolution.NOT_FOR_MEMBER, Resolution.WITHDRAWN)
        kind = "quiet" if is_against else BADGES[DisputeState(dispute.state)]
        text = dispute.get_resolution_display() or dispute.get_state_display()
        return format_html('<span class="tk-badge tk-{}">{}</span>', kind, text)


def _typed(request: HttpRequest) -> str:
    return request.POST.get("text", "")[:_MAX_TYPED]


def _form_number(request: HttpRequest) -> uuid.UUID:
    try:
        return uuid.UUID(request.POST.get("form_number", ""))
    except ValueError as made_up:
        raise Http404 from made_up


def _seen(request: HttpRequest) -> int:
    typed = request.POST.get("seen", "")
    return int(typed) if typed.isascii() and typed.isdigit() and len(typed) < 19 else 0


def _name_of(language: str) -> str:
    with override(language):
        return {"ja": _("Japanese"), "en": _("English")}[language]


def _points_of(evidence: DisputeEvidence) -> int | None:
    if evidence.batch is None or evidence.serial_number is None:
        return None
    return giftcodes_queries.points_of_serial(evidence.batch, evidence.serial_number)


def _grant_address(request: HttpRequest, dispute: Dispute) -> str:
    """The form that asks for points by hand, filled in as far as can be; for the operator's people, as it
    names the member.
    """
    if not is_operator(request.user, Role.SUPPORT):
        return ""
    known = {"kind": "grant", "member": str(dispute.member.public_id)}
    known["reason"] = f"{_('Dispute %(number)s') % {'number': dispute.number}}: "
    if dispute.brand_id:
        known["brand"] = str(dispute.brand_id)
    if points := _points_of(DisputeEvidence.objects.select_related("batch").get(dispute=dispute)):
        known["points"] = str(points)
    return f"{reverse('admin:ledger_adjustment_add')}?{urlencode(known)}"
