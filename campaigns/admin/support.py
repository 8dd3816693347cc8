"""The support desk: one field that finds a code, a gift, a ticket or a member, and a page for each; and the
list of who looked up what.

What is typed may be a code or an address: it comes by POST, is never in an address, and never shown again.
"""

import uuid
from collections.abc import Callable
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_variables

from campaigns import access, stories, support_queries
from campaigns import services as campaigns
from campaigns.errors import SupportRefused
from campaigns.services.mailing_repairs import REPAIRERS
from campaigns.support_models import SupportAct
from campaigns.support_search import Kind, Wanted, wanted_by
from campaigns.wording import words_of
from giftcodes import guard_queries
from giftcodes import services as giftcodes
from giftcodes.codec import NotACode
from giftcodes.errors import KeysMissing, VoidRefused
from giftcodes.gift_models import Gift
from ledger.admin.pages import moment_column
from ledger.statements import database_time
from parties.access import holds_role, is_operator
from parties.errors import NotReachable
from parties.models import Member, Role
from parties.scoped_admin import ScopedAdmin
from parties.second_factor import verified_at

GIFTS_SHOWN = 50
MAX_TYPED = 200


@admin.register(SupportAct)
class SupportActAdmin(ScopedAdmin):
    """Who looked up what, in a list; and beside it the desk itself."""

    reach = access.reachable_support_acts
    look_roles = access.SUPPORT
    list_display = ("when", "kind", "user", "is_found", "brand", "serial_number", "member", "reason")
    list_display_links = ("when",)
    list_filter = ("kind", "is_found")
    list_select_related = ("user", "brand", "member")
    ordering = ("-at", "-pk")
    fields = ("at", "kind", "user", "is_found", "brand", "serial_number", "member", "reason")
    readonly_fields = fields
    when = moment_column("at", gettext_lazy("when"))

    class Media:
        css = {"all": ("parties/admin.css",)}

    def get_urls(self) -> list[URLPattern]:
        def door(view: Any) -> Any:
            return self.admin_site.admin_view(never_cache(view))

        name = "campaigns_supportact"
        own = [
            path("desk/", door(self.desk), name=f"{name}_desk"),
            path("code/<int:serial_number>/", door(self.code_page), name=f"{name}_code"),
            path("code/<int:serial_number>/withdraw/", door(self.withdraw), name=f"{name}_withdraw"),
            path("member/<int:member_id>/", door(self.member_page), name=f"{name}_member"),
            path("member/<int:member_id>/unmask/", door(self.unmask), name=f"{name}_unmask"),
        ]
        return own + super().get_urls()

    @sensitive_variables()
    def desk(self, request: HttpRequest) -> HttpResponse:
        """GET shows the field, POST looks."""
        if not access.is_support(request.user):
            raise PermissionDenied
        request.sensitive_post_parameters = "__ALL__"  # type: ignore[attr-defined]  # it may be a code
        wanted = wanted_by(request.POST.get("wanted", "")[:MAX_TYPED])
        if wanted is None:
            return self._desk_page(request)
        found = self._found(request, wanted)
        return HttpResponseRedirect(found, status=303) if isinstance(found, str) else found

    @sensitive_variables()
    def _found(self, request: HttpRequest, wanted: Wanted) -> str | HttpResponse:
        """The address of what was found, or the desk that says that nothing was."""
        try:
            address = _FINDERS[wanted.kind](request, wanted.text)
        except NotACode:
            return self._desk_page(request, says=_("This is no code: there is a typing error in it."))
        except (SupportRefused, KeysMissing) as refusal:
            return self._desk_page(request, says=words_of(refusal))
        if not isinstance(address, str):
            return self._desk_page(request, member=address.member, gifts=address.gifts)
        if address:
            return address
        if wanted.kind != Kind.NAME:
            sees_members = is_operator(request.user, *access.SUPPORT)
            is_others = wanted.kind == Kind.ADDRESS and not sees_members
            return self._desk_page(request, says=(_no_gift if is_others else _NOT_FOUND[wanted.kind])())
        gifts = list(_gifts(request).filter(recipient_ref=wanted.text).order_by("-pk")[:GIFTS_SHOWN])
        return self._desk_page(request, gifts=gifts, says="" if gifts else _NOT_FOUND[Kind.NAME]())

    def _desk_page(self, request: HttpRequest, **context: Any) -> TemplateResponse:
        sees_members = is_operator(request.user, *access.SUPPORT)
        return self._show(request, "support_desk.html", sees_members=sees_members, **context)

    def code_page(self, request: HttpRequest, serial_number: int) -> HttpResponse:
        """Everything about one code."""
        story = self._story(request, serial_number)
        if story is None:
            raise Http404
        batch = story.status.batch
        may_withdraw = holds_role(request.user, batch.brand_id, Role.SUPPORT, Role.APPROVER)
        sees_guard = is_operator(request.user, *access.SUPPORT) or request.user.is_superuser
        return self._show(
            request,
            "support_code.html",
            story=story,
            status=story.status,
            batch=batch,
            order=story.order,
            may_withdraw=may_withdraw and story.is_withdrawable,
            sees_guard=sees_guard,
            sees_members=is_operator(request.user, *access.SUPPORT),
            locks=_locks(story) if sees_guard else [],
            may_lift=is_operator(request.user, Role.SUPPORT),
            may_replace=holds_role(request.user, batch.brand_id, *REPAIRERS),
        )

    def withdraw(self, request: HttpRequest, serial_number: int) -> HttpResponse:
        """One code, by one person, with a reason."""
        page = reverse("admin:campaigns_supportact_code", args=(serial_number,))
        if request.method != "POST":
            return HttpResponseRedirect(page)
        try:
            giftcodes.void_one(
                serial_number=serial_number,
                reason=request.POST.get("reason", ""),
                user=request.user,  # type: ignore[arg-type]  # admin_view lets nobody in who isn't signed in
                verified_at=verified_at(request),
                at=database_time(),
            )
        except NotReachable as refusal:
            raise Http404 from refusal
        except VoidRefused as refusal:
            self.message_user(request, words_of(refusal), messages.ERROR)
        else:
            self.message_user(request, _("The code is withdrawn, and its points are back in the funds."))
        return HttpResponseRedirect(page, status=303)

    def member_page(self, request: HttpRequest, member_id: int) -> HttpResponse:
        """What the operator's support is told of a member: nothing that says who it is."""
        return self._member_page(request, _member(request, member_id))

    def unmask(self, request: HttpRequest, member_id: int) -> HttpResponse:
        """The member's address, on this one answer, for a reason that is kept."""
        member = _member(request, member_id)
        if request.method != "POST":
            return HttpResponseRedirect("../")
        try:
            address = campaigns.unmask_member(
                member_id=member.pk,
                reason=request.POST.get("reason", ""),
                user=request.user,  # type: ignore[arg-type]  # as above
                at=database_time(),
            )
        except NotReachable as refusal:
            raise Http404 from refusal
        except SupportRefused as refusal:
            self.message_user(request, words_of(refusal), messages.ERROR)
            return self._member_page(request, member)
        return self._member_page(request, member, address=address, is_unmasked=True)

    def _member_page(self, request: HttpRequest, member: Member, **context: Any) -> TemplateResponse:
        now = database_time()
        return self._show(
            request,
            "support_member.html",
            member=member,
            facts=support_queries.facts_of(member, now=now),
            disputes=access.reachable_disputes(request.user, *access.SUPPORT).filter(member=member),
            may_unmask=is_operator(request.user, Role.SUPPORT),
            **context,
        )

    def _story(self, request: HttpRequest, serial_number: int) -> stories.Story | None:
        roles = () if request.user.is_superuser else access.SUPPORT
        if not support_queries.is_of(access.batches_of_support(request.user), serial_number):
            return None
        disputes = access.reachable_disputes(request.user, *roles)
        return stories.story_of(serial_number, disputes=disputes, at=database_time())

    def _show(self, request: HttpRequest, template: str, **context: Any) -> TemplateResponse:
        frame = {**self.admin_site.each_context(request), "opts": self.opts, "title": _("Support desk")}
        return TemplateResponse(request, f"campaigns/{template}", frame | context)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


def _gifts(request: HttpRequest) -> QuerySet[Gift]:
    return Gift.objects.filter(batch__in=access.batches_of_support(request.user)).select_related("batch")


def _member(request: HttpRequest, member_id: int) -> Member:
    is_seen = is_operator(request.user, *access.SUPPORT)
    member = Member.objects.filter(pk=member_id).first() if is_seen else None
    if member is None:
        raise Http404
    return member


def _locks(story: stories.Story) -> list[Any]:
    """Locks that keep those from claiming who tried the code."""
    now = database_time()
    persons = dict.fromkeys(attempt.person for attempt in story.tries)
    locks = (guard_queries.standing_lock_of(person, now=now) for person in persons)
    return [lock for lock in locks if lock is not None]


def _code_page(serial_number: int | None) -> str:
    return "" if serial_number is None else reverse("admin:campaigns_supportact_code", args=(serial_number,))


@sensitive_variables()
def _by_code(request: HttpRequest, text: str) -> str:
    return _code_page(
        campaigns.find_by_code(text=text, user=request.user, at=database_time())  # type: ignore[arg-type]
    )


def _by_serial(request: HttpRequest, text: str) -> str:
    is_seen = support_queries.is_of(access.batches_of_support(request.user), int(text))
    return _code_page(int(text)) if is_seen else ""


def _by_address(request: HttpRequest, text: str) -> str | campaigns.Addressed:
    """The member's page, if the address is known as a member's alone."""
    found = campaigns.find_by_address(address=text, user=request.user, at=database_time())  # type: ignore[arg-type]
    if found.gifts:
        return found
    return (
        "" if found.member is None else reverse("admin:campaigns_supportact_member", args=(found.member.pk,))
    )


def _by_number(request: HttpRequest, text: str) -> str:
    number = uuid.UUID(text)
    gift = _gifts(request).filter(public_id=number).first()
    if gift is not None:
        return _code_page(gift.pk)
    seen = Member.objects.filter(public_id=number) if is_operator(request.user, *access.SUPPORT) else None
    member = seen.first() if seen is not None else None
    return "" if member is None else reverse("admin:campaigns_supportact_member", args=(member.pk,))


def _by_name(request: HttpRequest, text: str) -> str:
    """A ticket, or a refused try by its number."""
    roles = () if request.user.is_superuser else access.SUPPORT
    named = Q(number=text.upper()) | Q(evidence__reference=text.upper())
    dispute = access.reachable_disputes(request.user, *roles).filter(named).first()
    if dispute is not None:
        return reverse("admin:campaigns_dispute_change", args=(dispute.pk,))
    is_try = is_operator(request.user, *access.SUPPORT) and guard_queries.by_reference(text.upper())
    lookup = reverse("admin:giftcodes_claimlock_changelist")
    return f"{lookup}?reference={text.upper()}" if is_try else ""


_FINDERS: dict[Kind, Callable[[HttpRequest, str], str | campaigns.Addressed]] = {
    Kind.CODE: _by_code,
    Kind.SERIAL: _by_serial,
    Kind.ADDRESS: _by_address,
    Kind.NUMBER: _by_number,
    Kind.NAME: _by_name,
}


def _no_code() -> str:
    return _("There is no such code.")


def _no_name() -> str:
    return _("There is no such ticket, refused try or recipient.")


def _no_member() -> str:
    return _("There is no such member or gift.")


def _no_gift() -> str:
    return _(
        "Your brand has mailed no gift to this address. Members are looked up by the operator's support."
    )


_NOT_FOUND = {
    Kind.CODE: _no_code,
    Kind.SERIAL: _no_code,
    Kind.ADDRESS: _no_member,
    Kind.NUMBER: _no_member,
    Kind.NAME: _no_name,
}
