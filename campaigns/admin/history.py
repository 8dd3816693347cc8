"""The history of a row, for whoever may see the row, and never a way back to an older version of it."""

from typing import TYPE_CHECKING, Any

from django.contrib.admin.utils import unquote
from django.http import Http404, HttpRequest, HttpResponse
from simple_history.admin import SimpleHistoryAdmin

from parties.scoped_admin import ScopedAdmin

if TYPE_CHECKING:
    HistoryBase = ScopedAdmin
else:

    class HistoryBase(SimpleHistoryAdmin, ScopedAdmin):
        pass


class HistoryAdmin(HistoryBase):
    """A scoped admin that keeps history."""

    object_history_list_template = "campaigns/history_list.html"

    def history_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        self.get_object(request, unquote(object_id))  # 404 unless it can be reached
        return super().history_view(request, object_id, extra_context)

    def history_form_view(self, request: HttpRequest, *args: object, **kwargs: object) -> HttpResponse:
        """An older version is no form: restoring it would be an edit that nobody typed."""
        raise Http404
