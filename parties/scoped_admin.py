"""What every admin of this project stands on: rows through a funnel, permissions by staff role.

Django's own permissions count for nothing here. Whoever may look, add or change is said by roles; which rows,
by the `access` funnel of the app; a row out of reach is answered with 404, like one that does not exist. A
superuser looks at everything and keeps people and companies, but holds no role, and so has no part in acts
with money.
"""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from django.apps import apps
from django.contrib import admin
from django.core.paginator import Paginator
from django.db.models import Field, Model, QuerySet
from django.forms import Field as FormField
from django.http import Http404, HttpRequest
from django.utils.functional import cached_property
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from parties import audit_log
from parties.access import Person, held_roles
from parties.models import Role
from parties.staff_models import Act

# The look is django-unfold's where it is installed; everything works on Django's plain admin too.
if TYPE_CHECKING:
    PlainAdmin = admin.ModelAdmin[Any]
    PlainInline = admin.TabularInline[Any, Any]
    AnyPaginator = Paginator[Any]
elif apps.is_installed("unfold"):
    from unfold.admin import ModelAdmin as PlainAdmin
    from unfold.admin import TabularInline as PlainInline
else:
    PlainAdmin, PlainInline = admin.ModelAdmin, admin.TabularInline

if not TYPE_CHECKING:
    AnyPaginator = Paginator

EVERY_ROLE = tuple(Role)
COUNTED_ROWS = 1_000


class BoundedPaginator(AnyPaginator):
    """Counts no further than the first thousand rows: the tables of claims and postings have no bound. Which
    thousand makes no difference, so they need no order.
    """

    @cached_property
    def count(self) -> int:
        rows: QuerySet[Any] = self.object_list  # type: ignore[assignment]  # the admin paginates querysets
        return rows.order_by().values("pk")[:COUNTED_ROWS].count()


class ScopedAdmin(PlainAdmin):
    """Rows that `reach(user, *roles)` gives. Read-only unless a subclass names roles that may add or change.

    `keeps_people` gives superusers what the roles may do: for people and companies, never for money.
    `operators_only` is for rows that belong to no brand.
    """

    reach: Callable[..., QuerySet[Any]]
    look_roles: tuple[Role, ...] = EVERY_ROLE
    add_roles: tuple[Role, ...] = ()
    change_roles: tuple[Role, ...] = ()
    keeps_people = False
    operators_only = False
    is_recorded_in_services = False  # else each form that is saved gets its row of the audit log
    actions: Sequence[str] | None = None
    show_full_result_count = False
    paginator = BoundedPaginator

    def rows_for(self, user: Person, roles: tuple[Role, ...]) -> QuerySet[Any]:
        """The rows that the user reaches with one of the roles; none if no role is named."""
        return type(self).reach(user, *roles) if roles else type(self).reach(user).none()

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        if request.user.is_superuser:
            rows = type(self).reach(request.user)
        else:
            rows = self.rows_for(request.user, self.look_roles)
        return rows.order_by(*self.get_ordering(request) or ("-pk",))

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Any:
        row = super().get_object(request, object_id, from_field)
        if row is None:
            raise Http404
        return row

    def has_module_permission(self, request: HttpRequest) -> bool:
        return self.has_view_permission(request)

    def has_view_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        if obj is not None:
            return self.get_queryset(request).filter(pk=obj.pk).exists()
        return _looks_at_all(request) or self._holds(request, self.look_roles)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return self._may_keep(request) or self._holds(request, self.add_roles)

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        if self._may_keep(request):
            return True
        if obj is None:
            return self._holds(request, self.change_roles)
        return self.rows_for(request.user, self.change_roles).filter(pk=obj.pk).exists()

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def log_addition(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        self._record(request, Act.ADDED, obj, "")
        return super().log_addition(request, obj, message)

    def log_change(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        self._record(request, Act.CHANGED, obj, _fields_in(message))
        return super().log_change(request, obj, message)

    def log_deletions(self, request: HttpRequest, queryset: Any) -> Any:
        for obj in queryset:
            self._record(request, Act.DELETED, obj, "")
        return super().log_deletions(request, queryset)

    def _record(self, request: HttpRequest, act: Act, obj: Any, reason: str) -> None:
        if not self.is_recorded_in_services:
            audit_log.record(act, by=request.user, subject=obj, reason=reason)

    def _may_keep(self, request: HttpRequest) -> bool:
        return self.keeps_people and _looks_at_all(request)

    def _holds(self, request: HttpRequest, roles: tuple[Role, ...]) -> bool:
        return _holds(request, roles, as_operator=self.operators_only)

    def formfield_for_dbfield(self, db_field: "Field[Any, Any]", request: HttpRequest, **kwargs: Any) -> Any:
        """Choices stay within the page: no pencil or plus that leads to rows of somebody else."""
        field = super().formfield_for_dbfield(db_field, request, **kwargs)
        if isinstance(field, FormField):
            for door in ("can_add_related", "can_change_related", "can_delete_related", "can_view_related"):
                if hasattr(field.widget, door):
                    setattr(field.widget, door, False)
        return field


def _fields_in(message: Any) -> str:
    """What was done, in words, or which fields a form changed, by their names; what they say is not told."""
    if isinstance(message, str):
        return message
    parts = message if isinstance(message, list) else []
    return ", ".join(str(field) for part in parts for field in (part.get("changed") or {}).get("fields", ()))


def mode_badge(*, is_sandbox: bool) -> SafeString:
    """Whether something is live or belongs to a sandbox, as every list says it."""
    kind, text = ("test", _("sandbox")) if is_sandbox else ("good", _("live"))
    return format_html('<span class="tk-badge tk-{}">{}</span>', kind, text)


def _looks_at_all(request: HttpRequest) -> bool:
    return request.user.is_active and request.user.is_superuser


def _holds(request: HttpRequest, roles: tuple[Role, ...], *, as_operator: bool) -> bool:
    """Whether the user holds one of the roles as the operator, or in some brand if that is enough; the roles
    are looked up once per request.
    """
    if "_held_roles" not in request.__dict__:
        request.__dict__["_held_roles"] = held_roles(request.user)
    held: set[tuple[str, bool]] = request.__dict__["_held_roles"]
    return any(role in roles and (is_of_operator or not as_operator) for role, is_of_operator in held)
