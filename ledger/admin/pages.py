"""What the ledger's pages share: who looks, and the frame that they are shown in."""

from collections.abc import Callable
from datetime import datetime
from functools import wraps
from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from ledger.errors import NotCountedYet
from ledger.templatetags.finance import moment, points
from parties.forms import last_moment
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


def by_post(act: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """The act at `<row>/<act>/`; whoever comes without a POST, as after signing in anew, gets the row's
    page.
    """

    @wraps(act)
    def door(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if request.method != "POST":
            return HttpResponseRedirect("../change/")
        return act(request, *args, **kwargs)

    return door


def unless_counting(page: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """The page, or, while a worker counts what it is to show, one that says so and looks again by itself."""

    @wraps(page)
    def door(model_admin: ScopedAdmin, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        try:
            return page(model_admin, request, *args, **kwargs)
        except NotCountedYet:
            frame = {**model_admin.admin_site.each_context(request), "opts": model_admin.opts}
            context = frame | {"title": _("The figures are being counted")}
            answer = TemplateResponse(request, "ledger/counting_page.html", context)
            answer["Refresh"] = "30"
            return answer

    return door


def points_column(field: str, description: Any = POINTS) -> Any:
    """A column of a list: whole numbers with their thousands apart, at the right."""

    def column(_admin: ScopedAdmin, row: Any) -> str:
        return format_html('<span class="tk-number">{}</span>', points(getattr(row, field)))

    return _described(column, field, description)


def moment_column(field: str, description: Any) -> Any:
    """A column of a list: moments in Japan time, to the minute, as on all pages."""

    def column(_admin: ScopedAdmin, row: Any) -> str | None:
        value: datetime | None = getattr(row, field)
        return moment(value) if value else None

    return _described(column, field, description)


def end_column(field: str, description: Any) -> Any:
    """The same for exclusive ends: the last minute that is still within."""

    def column(_admin: ScopedAdmin, row: Any) -> str:
        return moment(last_moment(getattr(row, field)))

    return _described(column, field, description)


def _described(column: Any, field: str, description: Any) -> Any:
    column.short_description = description
    column.admin_order_field = field
    return column
