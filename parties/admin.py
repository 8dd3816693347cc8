"""People and companies in the admin. Superusers keep them; everybody else sees those of their own brands."""

from typing import TYPE_CHECKING, Any
from uuid import UUID

from django import forms
from django.apps import apps
from django.contrib import admin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.models import Group
from django.core.exceptions import ValidationError
from django.db.models import ForeignKey, Model, QuerySet
from django.http import HttpRequest
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from parties import (
    access,
    api_admin,  # noqa: F401  # registers its own
    audit_admin,  # noqa: F401  # and this
    invitation_admin,  # noqa: F401
    role_admin,  # noqa: F401
    second_factor,
    site_admin,  # noqa: F401  # registers its own
    webhook_admin,  # noqa: F401  # so does this
)
from parties.api_services import SANDBOX_SLUG
from parties.forms import NumberPatternForm, PlainLineField
from parties.models import (
    Brand,
    Member,
    MembershipNumber,
    NumberPattern,
    Program,
    Role,
    Store,
    User,
)
from parties.notice_models import ExpiryNotice
from parties.person_pages import person_access
from parties.scoped_admin import ScopedAdmin, mode_badge

if TYPE_CHECKING:
    ModelForm = forms.ModelForm[Any]
    UserAdmin = DjangoUserAdmin[User]
else:
    ModelForm, UserAdmin = forms.ModelForm, DjangoUserAdmin

if TYPE_CHECKING or not apps.is_installed("unfold"):
    from django.contrib.auth.forms import UserChangeForm
else:
    from unfold.forms import UserChangeForm

# Permissions come from staff roles alone; groups would be a second way that nobody looks at.
admin.site.unregister(Group)


def own_slug(slug: str) -> str:
    """The short name, unless it would be taken for a sandbox."""
    if slug.startswith(SANDBOX_SLUG):
        raise ValidationError(_("Only sandboxes have a name that begins with “%(start)s”.") % _START)
    return slug


_START = {"start": SANDBOX_SLUG}


class ProgramForm(ModelForm):
    class Meta:
        model = Program
        fields = ("slug", "name", "unit_label", "yen_per_point")
        field_classes = {"name": PlainLineField, "unit_label": PlainLineField}

    def clean_slug(self) -> str:
        return own_slug(self.cleaned_data["slug"])


@admin.register(Program)
class ProgramAdmin(ScopedAdmin):
    """Point currencies. What a point is worth is fixed once a brand has joined."""

    form = ProgramForm
    reach = access.reachable_programs
    keeps_people = True
    list_display = ("name", "unit_label", "yen_per_point", "environment")
    list_filter = ("is_sandbox",)

    class Media:
        css = {"all": ("parties/admin.css",)}

    @admin.display(description=_("environment"), ordering="is_sandbox")
    def environment(self, program: Program) -> SafeString:
        return mode_badge(is_sandbox=program.is_sandbox)

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """A sandbox stays as it was made: its name says that it is one."""
        is_sandbox = isinstance(obj, Program) and obj.is_sandbox
        return not is_sandbox and super().has_change_permission(request, obj)

    def get_readonly_fields(self, request: HttpRequest, obj: Program | None = None) -> tuple[str, ...]:
        return ("yen_per_point",) if obj is not None and obj.brands.exists() else ()


class BrandForm(ModelForm):
    class Meta:
        model = Brand
        fields = ("program", "slug", "name", "legal_name")
        field_classes = {"name": PlainLineField, "legal_name": PlainLineField}

    def clean_slug(self) -> str:
        return own_slug(self.cleaned_data["slug"])


@admin.register(Brand)
class BrandAdmin(ScopedAdmin):
    """Companies. A brand stays in the program that it joined: its points do."""

    form = BrandForm
    reach = access.reachable_brands
    keeps_people = True
    list_display = ("name", "legal_name", "program", "environment")
    list_filter = (("sandbox_of", admin.EmptyFieldListFilter),)
    search_fields = ("name", "legal_name", "slug")
    list_select_related = ("program",)

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """A sandbox stays as it was made: its name says that it is one."""
        is_sandbox = isinstance(obj, Brand) and obj.sandbox_of_id is not None
        return not is_sandbox and super().has_change_permission(request, obj)

    def formfield_for_foreignkey(
        self, db_field: "ForeignKey[Any, Any]", request: HttpRequest, **kwargs: Any
    ) -> Any:
        kwargs["queryset"] = access.reachable_programs(request.user).filter(is_sandbox=False)
        return super().formfield_for_foreignkey(db_field, request, **kwargs)

    class Media:
        css = {"all": ("parties/admin.css",)}

    @admin.display(description=_("environment"), ordering="sandbox_of")
    def environment(self, brand: Brand) -> SafeString:
        return mode_badge(is_sandbox=brand.sandbox_of_id is not None)

    def get_readonly_fields(self, request: HttpRequest, obj: Brand | None = None) -> tuple[str, ...]:
        return () if obj is None else ("program",)


class StoreForm(ModelForm):
    class Meta:
        model = Store
        fields = ("brand", "code", "name")
        field_classes = {"name": PlainLineField}


@admin.register(Store)
class StoreAdmin(ScopedAdmin):
    """Places of business, kept by the brand's marketers."""

    form = StoreForm
    reach = access.reachable_stores
    keeps_people = True
    add_roles = change_roles = (Role.MARKETER,)
    list_display = ("name", "code", "brand")
    search_fields = ("name", "code")

    def get_readonly_fields(self, request: HttpRequest, obj: Store | None = None) -> tuple[str, ...]:
        return () if obj is None else ("brand",)

    def formfield_for_foreignkey(
        self, db_field: "ForeignKey[Any, Any]", request: HttpRequest, **kwargs: Any
    ) -> Any:
        roles = () if self._may_keep(request) else self.add_roles
        kwargs["queryset"] = access.reachable_brands(request.user, *roles)
        return super().formfield_for_foreignkey(db_field, request, **kwargs)


@admin.register(NumberPattern)
class NumberPatternAdmin(ScopedAdmin):
    """How the numbers on a brand's cards look, kept by its marketers. It stays: campaigns rest on it."""

    form = NumberPatternForm
    reach = access.reachable_number_patterns
    keeps_people = True
    add_roles = change_roles = (Role.MARKETER,)
    list_display = ("brand", "example", "check_digit")

    def get_readonly_fields(self, request: HttpRequest, obj: NumberPattern | None = None) -> tuple[str, ...]:
        return () if obj is None else ("brand",)

    def formfield_for_foreignkey(
        self, db_field: "ForeignKey[Any, Any]", request: HttpRequest, **kwargs: Any
    ) -> Any:
        roles = () if self._may_keep(request) else self.add_roles
        kwargs["queryset"] = access.reachable_brands(request.user, *roles)
        return super().formfield_for_foreignkey(db_field, request, **kwargs)


@admin.register(MembershipNumber)
class MembershipNumberAdmin(ScopedAdmin):
    """Numbers that members are known by, as far as they may be shown. A superuser erases one at its owner's
    wish; the points stay with the member.
    """

    reach = access.reachable_membership_numbers
    operators_only = True
    look_roles = (Role.SUPPORT, Role.AUDITOR)
    list_display = ("member", "brand", "masked", "first_used_at")
    list_filter = ("brand",)
    list_select_related = ("brand", "member")
    search_fields = ("member__public_id",)
    fields = ("member", "brand", "masked", "first_used_at")
    readonly_fields = fields

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return request.user.is_active and bool(request.user.is_superuser)

    @admin.display(description=_("membership number"))
    def masked(self, number: MembershipNumber) -> str:
        return f"••••{number.tail}"


@admin.register(User)
class PersonAdmin(ScopedAdmin, UserAdmin):
    """Log-ins, for superusers: they close one and open it again. People come by invitations; nobody sets
    somebody else's password or address, which would be the way to come in as them.
    """

    reach = access.reachable_users
    look_roles = ()
    keeps_people = True
    form = UserChangeForm
    list_display = ("email", "name", "is_staff", "is_active")
    list_filter = ("is_staff", "is_active")
    search_fields = ("email", "name")
    ordering = ("email",)
    filter_horizontal = ()
    readonly_fields = (
        "email",
        "is_staff",
        "is_superuser",
        "last_login",
        "date_joined",
        "how_they_come_in",
    )
    fieldsets = (
        (None, {"fields": ("email", "name")}),
        (_("What this person may do"), {"fields": ("is_active", "is_staff", "is_superuser")}),
        (_("Dates"), {"fields": ("last_login", "date_joined", "how_they_come_in")}),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[User]:
        return ScopedAdmin.get_queryset(self, request)

    def get_urls(self) -> list[URLPattern]:
        page = self.admin_site.admin_view(person_access)
        own = path("<int:user_id>/access/", page, name="parties_user_access")
        kept = [address for address in super().get_urls() if address.name != "auth_user_password_change"]
        return [own, *kept]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        second_factor.refuse_stale_person(request)
        super().save_model(request, obj, form, change)

    @admin.display(description=_("how this person comes in"))
    def how_they_come_in(self, person: User) -> SafeString:
        address = reverse("admin:parties_user_access", args=(person.pk,))
        return format_html('<a href="{}">{}</a>', address, _("Second factor and sign-ins"))


@admin.register(Member)
class MemberAdmin(ScopedAdmin):
    """Members as the ledger knows them, for the operator. What they told about themselves is not shown."""

    reach = access.reachable_members
    operators_only = True
    look_roles = (Role.SUPPORT, Role.FINANCE, Role.AUDITOR)
    list_display = ("tokuten_number", "joined_at", "closed_at")
    search_fields = ("public_id",)
    fields = ("tokuten_number", "joined_at", "closed_at")
    readonly_fields = ("tokuten_number",)

    @admin.display(description=_("Tokuten number"), ordering="public_id")
    def tokuten_number(self, member: Member) -> UUID:
        """Called so wherever people read it: a brand's own number is a membership number."""
        return member.public_id


@admin.register(ExpiryNotice)
class ExpiryNoticeAdmin(ScopedAdmin):
    """What became of each notice before points expire: support is asked, and failures have to be seen."""

    reach = access.reachable_notices
    operators_only = True
    look_roles = (Role.SUPPORT, Role.AUDITOR)
    list_display = ("member", "program", "last_day", "days_before", "state", "tries", "ended_at")
    list_filter = ("state", "days_before")
    search_fields = ("member__public_id",)
    list_select_related = ("member", "program")
