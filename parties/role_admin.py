"""Who may do what. Roles are given by invitations; whoever keeps them takes one away, at once."""

from typing import Any, cast

from django.contrib import admin, messages
from django.contrib.admin.utils import unquote
from django.db.models import Model
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST

from parties import access, audit_log, role_services
from parties.errors import NotReachable
from parties.forms import plain_line
from parties.models import Brand, StaffRole, User
from parties.moments import database_time
from parties.scoped_admin import ScopedAdmin

_SIGN_INS_SHOWN = 50


@admin.register(StaffRole)
class StaffRoleAdmin(ScopedAdmin):
    """People of a brand see who works there."""

    reach = access.reachable_staff_roles
    is_recorded_in_services = True
    list_display = ("user", "role", "brand_text")
    list_filter = ("role",)
    list_select_related = ("user", "brand")
    search_fields = ("user__email", "user__name")
    list_before_template = "parties/roles_hint.html"

    class Media:
        css = {"all": ("parties/admin.css",)}

    def get_urls(self) -> list[URLPattern]:
        page = self.admin_site.admin_view(require_POST(self.remove))
        return [path("<int:role_id>/remove/", page, name="parties_staffrole_remove"), *super().get_urls()]

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        role: StaffRole = self.get_object(request, unquote(object_id))
        context = {
            **self.admin_site.each_context(request),
            "title": _("Staff role"),
            "subtitle": str(role.user),
            "opts": self.opts,
            "held": role,
            "may_remove": access.keeps_roles(request.user, role.brand_id),
            "is_own": role.user_id == request.user.pk,
            "sees_sign_ins": access.sees_sign_ins_of(request.user, role),
            "sign_ins": audit_log.sign_ins_of(role.user)[:_SIGN_INS_SHOWN],
            "is_last_approver": role_services.is_last_approver(role),
        }
        return TemplateResponse(request, "parties/role_page.html", context)

    def remove(self, request: HttpRequest, role_id: int) -> HttpResponse:
        """Take the role away; the person's sessions end with it."""
        reason = plain_line(request.POST.get("reason", ""))[:200]
        user = cast(User, request.user)  # admin_view lets nobody in who isn't signed in
        try:
            access.access_staff_role(user, role_id)
            if not reason:
                text = _("Please write a reason: the audit log keeps it.")
                self.message_user(request, text, messages.ERROR)
                return HttpResponseRedirect(reverse("admin:parties_staffrole_change", args=(role_id,)))
            person = role_services.remove_role(role_id=role_id, user=user, reason=reason, at=database_time())
        except NotReachable as refusal:
            raise Http404 from refusal
        text = _("The role of %(person)s is removed, and their sessions have ended.") % {"person": person}
        self.message_user(request, text, messages.SUCCESS)
        return HttpResponseRedirect(reverse("admin:parties_staffrole_changelist"))

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    @admin.display(description=gettext_lazy("brand"), ordering="brand")
    def brand_text(self, role: StaffRole) -> Brand | str:
        return role.brand or _("the operator, for all brands")
