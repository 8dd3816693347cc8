"""Rows that belong to a brand, which whoever adds them chooses."""

from typing import Any

from django.db.models import ForeignKey
from django.http import HttpRequest

from parties.access import reachable_brands
from parties.scoped_admin import ScopedAdmin


class BrandChoice(ScopedAdmin):
    """Offers the brands in which the person may add rows; a single one is chosen already."""

    def formfield_for_foreignkey(
        self, db_field: "ForeignKey[Any, Any]", request: HttpRequest, **kwargs: Any
    ) -> Any:
        kwargs["queryset"] = reachable_brands(request.user, *self.add_roles)
        field = super().formfield_for_foreignkey(db_field, request, **kwargs)
        brands = list(kwargs["queryset"][:2])
        if field is not None and len(brands) == 1:
            field.initial = brands[0].pk
        return field
