"""Invitations to roles, kept by those who keep the roles of a brand or of the operator: one asks, another one
confirms.
"""

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, cast

from django import forms
from django.conf import settings
from django.contrib import admin, messages
from django.contrib.admin.utils import unquote
from django.core.exceptions import ValidationError
from django.db.models import ForeignKey, Model
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import get_language, gettext_lazy
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from parties import access
from parties import invitation_services as invitations
from parties.errors import InvitationRefused, NotReachable
from parties.forms import PlainLineField
from parties.invitation_mails import send_invitation
from parties.invitation_models import InvitationState, StaffInvitation
from parties.invitation_queries import is_of_a_new_domain, link_of
from parties.invitation_wording import words_of
from parties.models import Brand, Role, User
from parties.moments import database_time
from parties.scoped_admin import ScopedAdmin
from parties.second_factor import verified_at

if TYPE_CHECKING:
    ModelForm = forms.ModelForm[StaffInvitation]
else:
    ModelForm = forms.ModelForm

_KINDS = {
    InvitationState.REQUESTED: "waiting",
    InvitationState.CONFIRMED: "waiting",
    InvitationState.ACCEPTED: "good",
}
_DONE = gettext_lazy("It is confirmed, and the link is on its way to %(email)s.")


class InvitationForm(ModelForm):
    asker: User

    class Meta:
        model = StaffInvitation
        fields = ("brand", "role", "email", "name", "language", "reason")
        field_classes = {"name": PlainLineField, "reason": PlainLineField}
        help_texts = {
            "email": gettext_lazy("The link goes there. Best an address that your company has given them."),
            "reason": gettext_lazy("Another person reads this before anything is mailed."),
        }

    def clean(self) -> dict[str, Any]:
        asked = super().clean() or self.cleaned_data
        brand, role, email = asked.get("brand"), asked.get("role"), asked.get("email")
        if not self.errors and role and email:
            try:
                brand_id = brand.pk if brand else None
                invitations.refuse_unfit(brand_id=brand_id, role=Role(role), email=email, by=self.asker)
            except InvitationRefused as refusal:
                raise ValidationError({"email": words_of(refusal)}) from refusal
        return asked


@admin.register(StaffInvitation)
class StaffInvitationAdmin(ScopedAdmin):
    """What was asked for is never edited: it is decided, sent again, or withdrawn."""

    form = InvitationForm
    reach = access.reachable_invitations
    is_recorded_in_services = True
    keeps_people = True
    look_roles = (*access.ROLE_KEEPERS, Role.AUDITOR)
    add_roles = access.ROLE_KEEPERS
    list_display = (
        "invited",
        "email",
        "role_text",
        "brand_text",
        "state_badge",
        "requested_by",
        "requested_at",
    )
    list_select_related = ("brand", "requested_by")
    list_filter = ("state", "role")
    search_fields = ("name", "email")
    add_form_template = "parties/invitation_form.html"

    class Media:
        css = {"all": ("parties/admin.css",)}

    def get_urls(self) -> list[URLPattern]:
        doors = {
            "confirm": self.confirm,
            "reject": self.reject,
            "withdraw": self.withdraw,
            "send-again": self.send_again,
        }
        own = [
            path(
                f"<int:invitation_id>/{name}/",
                self.admin_site.admin_view(require_POST(act)),
                name=f"parties_staffinvitation_{name.replace('-', '_')}",
            )
            for name, act in doors.items()
        ]
        return own + super().get_urls()

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        form = super().get_form(request, obj, change, **kwargs)
        form.asker = request.user  # type: ignore[attr-defined]  # it is an InvitationForm
        form.base_fields["language"].initial = (get_language() or "ja")[:2]
        return form

    def formfield_for_foreignkey(
        self, db_field: "ForeignKey[Any, Any]", request: HttpRequest, **kwargs: Any
    ) -> Any:
        roles = () if request.user.is_superuser else self.add_roles
        kwargs["queryset"] = access.reachable_brands(request.user, *roles)
        of_operator = access.keeps_roles(request.user, None)
        kwargs |= {"empty_label": _("the operator, for all brands")} if of_operator else {"required": True}
        field = super().formfield_for_foreignkey(db_field, request, **kwargs)
        brands = list(kwargs["queryset"][:2])
        if field is not None and len(brands) == 1 and not of_operator:
            field.initial = brands[0].pk
        return field

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        try:
            return super().add_view(request, form_url, extra_context)
        except InvitationRefused as refusal:
            self.message_user(request, words_of(refusal), messages.ERROR)
            return HttpResponseRedirect(reverse("admin:parties_staffinvitation_changelist"))

    def save_model(self, request: HttpRequest, obj: StaffInvitation, form: Any, change: bool) -> None:
        asked = invitations.request_invitation(
            brand_id=obj.brand_id,
            role=Role(obj.role),
            email=obj.email,
            name=obj.name,
            language=obj.language,
            reason=obj.reason,
            user=cast(User, request.user),
            at=database_time(),
        )
        obj.pk = asked.pk
        obj.refresh_from_db()

    def response_add(
        self, request: HttpRequest, obj: StaffInvitation, post_url_continue: str | None = None
    ) -> HttpResponse:
        text = _("Asked for. Another person who keeps the roles confirms it; only then is the link mailed.")
        self.message_user(request, text, messages.SUCCESS)
        return HttpResponseRedirect(reverse("admin:parties_staffinvitation_change", args=(obj.pk,)))

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        invitation: StaffInvitation = self.get_object(request, unquote(object_id))
        is_keeper = access.keeps_roles(request.user, invitation.brand_id)
        waits = invitation.state == InvitationState.REQUESTED
        is_asker = invitation.requested_by_id == request.user.pk
        is_mailed = invitation.state == InvitationState.CONFIRMED
        context = {
            **self.admin_site.each_context(request),
            "title": _("Invitation"),
            "subtitle": invitation.name,
            "opts": self.opts,
            "invitation": invitation,
            "role": invitation.get_role_display(),
            "badge": _badge(invitation),
            "may_decide": is_keeper and waits and not is_asker,
            "waits_for_another": waits and is_asker,
            "may_withdraw": is_keeper and (is_mailed or (waits and is_asker)),
            "may_send": is_keeper and is_mailed,
            "has_expired": is_mailed and invitation.expires_at <= database_time(),  # type: ignore[operator]
            "is_new_domain": waits and is_of_a_new_domain(invitation),
        }
        return TemplateResponse(request, "parties/invitation_page.html", context)

    def confirm(self, request: HttpRequest, invitation_id: int) -> HttpResponse:
        """Agree, as another person; the link goes out."""
        act = partial(invitations.confirm_invitation, verified_at=verified_at(request), at=database_time())
        return self._mail(request, invitation_id, act)

    def send_again(self, request: HttpRequest, invitation_id: int) -> HttpResponse:
        """Another link instead of the one before."""
        return self._mail(request, invitation_id, partial(invitations.send_again, at=database_time()))

    def reject(self, request: HttpRequest, invitation_id: int) -> HttpResponse:
        """Turn it down."""
        return self._end(request, invitation_id, invitations.reject_invitation, _("Turned down."))

    def withdraw(self, request: HttpRequest, invitation_id: int) -> HttpResponse:
        """End it; the link with it."""
        done = _("Withdrawn. A link that was mailed does not work any more.")
        return self._end(request, invitation_id, invitations.withdraw_invitation, done)

    def _mail(self, request: HttpRequest, invitation_id: int, act: Callable[..., Any]) -> HttpResponse:
        made = self._act(request, invitation_id, act)
        if made:
            invitation, token = made
            if send_invitation(invitation, link=settings.SITE_URL + link_of(token)):
                self.message_user(request, _DONE % {"email": invitation.email}, messages.SUCCESS)
            else:
                text = _("The mail could not be sent. Please send it again in a few minutes.")
                self.message_user(request, text, messages.ERROR)
        return self._back(invitation_id)

    def _end(
        self, request: HttpRequest, invitation_id: int, act: Callable[..., Any], done: str
    ) -> HttpResponse:
        if self._act(request, invitation_id, partial(act, at=database_time())):
            self.message_user(request, done, messages.SUCCESS)
        return self._back(invitation_id)

    def _act(self, request: HttpRequest, invitation_id: int, act: Callable[..., Any]) -> Any:
        try:
            return act(invitation_id=invitation_id, user=request.user)
        except NotReachable as refusal:
            raise Http404 from refusal
        except InvitationRefused as refusal:
            self.message_user(request, words_of(refusal), messages.ERROR)
        return None

    def _back(self, invitation_id: int) -> HttpResponse:
        return HttpResponseRedirect(reverse("admin:parties_staffinvitation_change", args=(invitation_id,)))

    @admin.display(description=gettext_lazy("name"), ordering="name")
    def invited(self, invitation: StaffInvitation) -> str:
        return invitation.name or "–"

    @admin.display(description=gettext_lazy("role"), ordering="role")
    def role_text(self, invitation: StaffInvitation) -> str:
        return invitation.get_role_display()

    @admin.display(description=gettext_lazy("brand"), ordering="brand")
    def brand_text(self, invitation: StaffInvitation) -> Brand | str:
        return invitation.brand or _("the operator, for all brands")

    @admin.display(description=gettext_lazy("state"), ordering="state")
    def state_badge(self, invitation: StaffInvitation) -> SafeString:
        return format_html('<span class="tk-badge tk-{}">{}</span>', *_badge(invitation))


def _badge(invitation: StaffInvitation) -> tuple[str, str]:
    return _KINDS.get(InvitationState(invitation.state), "quiet"), invitation.get_state_display()
