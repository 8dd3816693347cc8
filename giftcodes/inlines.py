"""Rows that stand on the page of what they belong to."""

from django.db.models import Model
from django.http import HttpRequest

from parties.scoped_admin import PlainInline


class ReadOnlyInline(PlainInline):
    """Rows that can only be looked at, by whoever may see the page."""

    extra = 0
    max_num = 0
    can_delete = False

    def has_view_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return True

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False
