"""Gifts in the admin: what partner systems have issued, for support. Looked at, never changed; no code."""

import uuid
from typing import Any

from django.contrib import admin
from django.contrib.admin.options import InlineModelAdmin
from django.db.models import QuerySet
from django.db.models.functions import Now
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.translation import gettext_lazy

from giftcodes import access, gift_queries
from giftcodes.gift_models import Gift, GiftReveal, GiftState, GiftVoid
from giftcodes.inlines import ReadOnlyInline
from parties.access import Person
from parties.models import Role
from parties.periods import end_text
from parties.scoped_admin import ScopedAdmin

_BADGES = {
    GiftState.ISSUED: "waiting",
    GiftState.CLAIMED: "good",
    GiftState.VOIDED: "quiet",
    GiftState.EXPIRED: "quiet",
}


def _is_gift_number(text: str) -> bool:
    try:
        uuid.UUID(text)
    except ValueError:
        return False
    return True


class VoidOfGiftInline(ReadOnlyInline):
    model = GiftVoid
    fields = ("client", "reason", "voided_at")


class RevealInline(ReadOnlyInline):
    model = GiftReveal
    fields = ("client", "revealed_at")


def _gifts(user: Person, *roles: Role) -> QuerySet[Gift]:
    return Gift.objects.filter(batch__in=access.reachable_batches(user, *roles))


@admin.register(Gift)
class GiftAdmin(ScopedAdmin):
    """Gifts by serial number, gift number or the partner's own name for the recipient."""

    reach = _gifts
    look_roles = (Role.SUPPORT, Role.FINANCE, Role.AUDITOR)
    list_display = ("id", "of_batch", "points", "last_minute", "state_badge", "recipient_ref", "issued_at")
    list_filter = ("state",)
    list_select_related = ("batch",)
    search_fields = ("id",)
    search_help_text = gettext_lazy(
        "The whole serial number, gift number or recipient of the partner; never a code."
    )
    fields = (
        "id",
        "public_id",
        "of_batch",
        "client",
        "points",
        "last_minute",
        "state_badge",
        "ended_at",
        "recipient_ref",
        "said_by_partner",
        "issued_at",
    )
    readonly_fields = fields

    class Media:
        css = {"all": ("parties/admin.css",)}

    def get_queryset(self, request: HttpRequest) -> QuerySet[Gift]:
        rows: QuerySet[Gift] = super().get_queryset(request)
        return rows.annotate(now=Now())

    def get_inlines(self, request: HttpRequest, obj: Gift | None) -> "list[type[InlineModelAdmin[Any, Any]]]":
        """Only what has happened to the gift."""
        has_void = obj is not None and GiftVoid.objects.filter(gift=obj).exists()
        has_reveals = obj is not None and obj.reveals.exists()
        found: list[type[InlineModelAdmin[Any, Any]]] = [VoidOfGiftInline] if has_void else []
        return [*found, RevealInline] if has_reveals else found

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """By what is whole alone: look-ups in an index, and nothing to guess along."""
        term = search_term.strip()
        if not term:
            return queryset, False
        named = queryset.filter(recipient_ref=term)
        if term.isdecimal() and len(term) == 10:
            numbered = queryset.filter(pk=int(term))
        elif _is_gift_number(term):
            numbered = queryset.filter(public_id=uuid.UUID(term))
        else:
            return named, False
        return numbered if numbered.exists() else named, False  # a partner may number recipients like that

    @admin.display(description=gettext_lazy("batch"), ordering="batch")
    def of_batch(self, gift: Gift) -> str:
        address = reverse("admin:giftcodes_batch_change", args=(gift.batch_id,))
        return format_html('<a href="{}">{}</a>', address, gift.batch)

    @admin.display(description=gettext_lazy("metadata of the partner"))
    def said_by_partner(self, gift: Gift) -> str:
        return "\n".join(f"{name}: {value}" for name, value in gift.metadata.items())

    @admin.display(description=gettext_lazy("claimable until"), ordering="claim_until")
    def last_minute(self, gift: Gift) -> str:
        return end_text(gift.claim_until)

    @admin.display(description=gettext_lazy("API client"))
    def client(self, gift: Gift) -> str:
        return str(gift.request.client)

    @admin.display(description=gettext_lazy("state"), ordering="state")
    def state_badge(self, gift: Gift) -> str:
        """As the API tells it: past its end is expired, whether a sweep has been there or not."""
        state = gift_queries.status_of(gift, at=gift.now)  # type: ignore[attr-defined]  # of the queryset
        return format_html('<span class="tk-badge tk-{}">{}</span>', _BADGES[state], state.label)
