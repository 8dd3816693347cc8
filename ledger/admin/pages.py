"""What the ledger's pages share: who looks, and the frame that they are shown in."""

from typing import Any

from django.http import HttpRequest
from django.template.response import TemplateResponse
from django.utils.translation import gettext_lazy

from ledger.templatetags.finance import points
from parties.models import Role
from parties.scoped_admin import ScopedAdmin

READERS = (Role.FINANCE, Role.AUDITOR, Role.SUPPORT)
POINTS = gettext_lazy("points")
ACCOUNTANTS = (Role.FINANCE, Role.AUDITOR)


class LedgerAdmin(ScopedAdmin):
    """Read-only, with pages of its own instead of forms."""

    look_roles: tuple[Role, ...] = READERS

    class Media:
        css = {"all": ("parties/admin.css", "ledger/finance.css")}

    def show(self, request: HttpRequest, template: str, *, title: str, **context: Any) -> TemplateResponse:
        """The page in the admin's frame."""
        frame = {**self.admin_site.each_context(request), "title": title, "opts": self.opts}
        return TemplateResponse(request, f"ledger/{template}", frame | context)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


def points_column(field: str, description: Any = POINTS) -> Any:
    """A column of a list: whole numbers with their thousands apart."""

    def column(_admin: ScopedAdmin, row: Any) -> str:
        return points(getattr(row, field))

    column.short_description = description  # type: ignore[attr-defined]
    column.admin_order_field = field  # type: ignore[attr-defined]
    return column
