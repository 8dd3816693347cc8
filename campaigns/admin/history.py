"""The history of a row, for whoever may see the row, and never a way back to an older version of it."""

from datetime import datetime
from typing import TYPE_CHECKING, Any

from django.contrib.admin.utils import unquote
from django.db.models import Model
from django.http import Http404, HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from simple_history.admin import SimpleHistoryAdmin
from simple_history.template_utils import HistoricalRecordContextHelper

from parties.forms import last_moment
from parties.periods import moment_text
from parties.scoped_admin import ScopedAdmin

if TYPE_CHECKING:
    HistoryBase = ScopedAdmin

    class HelperBase:
        model: type[Model]

        def __init__(self, model: type[Model], historical_record: Any) -> None: ...

        def prepare_delta_change_value(self, change: Any, value: Any) -> Any: ...

else:
    HelperBase = HistoricalRecordContextHelper

    class HistoryBase(SimpleHistoryAdmin, ScopedAdmin):
        pass


ENDS = {"ends_at", "claim_until"}


class SpokenChanges(HelperBase):
    """Old and new values as people say them: local time, inclusive ends, names of choices."""

    def prepare_delta_change_value(self, change: Any, value: Any) -> Any:
        if isinstance(value, datetime):
            return moment_text(last_moment(value) if change.field in ENDS else value)
        choices = dict(getattr(self.model._meta.get_field(change.field), "flatchoices", []))
        return choices[value] if value in choices else super().prepare_delta_change_value(change, value)


class HistoryAdmin(HistoryBase):
    """A scoped admin that keeps history."""

    object_history_list_template = "campaigns/history_list.html"
    history_list_display = ("what_happened",)

    def what_happened(self, record: Any) -> str:
        """The step that a service took, or what a form did."""
        steps = {
            "submitted": _("submitted for approval"),
            "approved": _("approved"),
            "rejected": _("rejected"),
            "reopened": _("taken back"),
            "published": _("published"),
            "taken offline": _("taken offline"),
        }
        forms = {"+": _("created"), "~": _("changed"), "-": _("deleted")}
        return steps.get(record.history_change_reason or "") or forms[record.history_type]

    def get_historical_record_context_helper(self, request: HttpRequest, historical_record: Any) -> Any:
        return SpokenChanges(self.model, historical_record)

    def history_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        self.get_object(request, unquote(object_id))  # 404 unless it can be reached
        return super().history_view(request, object_id, extra_context)

    def history_form_view(self, request: HttpRequest, *args: object, **kwargs: object) -> HttpResponse:
        """An older version is no form: restoring it would be an edit that nobody typed."""
        raise Http404
