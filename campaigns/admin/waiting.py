"""The list's filter by how long something has waited."""

from datetime import timedelta
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from ledger.statements import database_time


class WaitingFilter(admin.SimpleListFilter):
    """What waits for support, longer than so many days."""

    title = _("waiting since")
    parameter_name = "waiting"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [
            ("1", _("more than 1 day")),
            ("3", _("more than 3 days")),
            ("7", _("more than 7 days")),
        ]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if self.value() not in ("1", "3", "7"):
            return queryset
        return queryset.filter(waiting_since__lt=database_time() - timedelta(days=int(self.value() or 0)))
