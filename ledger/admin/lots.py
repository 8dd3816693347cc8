"""Lots and what became of them: uses, holds, and what members owe."""

from typing import Any

from django.contrib import admin
from django.contrib.admin.utils import unquote
from django.http import HttpRequest, HttpResponse
from django.utils.html import format_html
from django.utils.translation import gettext_lazy

from ledger import access
from ledger.admin.pages import ACCOUNTANTS, READERS, LedgerAdmin, points_column
from ledger.models import Hold, HoldState, Lot, LotUse, Receivable

USES_SHOWN = 200
HOLD_BADGES = {
    HoldState.OPEN: "waiting",
    HoldState.CAPTURED: "good",
    HoldState.RELEASED: "quiet",
    HoldState.EXPIRED: "quiet",
}


@admin.register(Lot)
class LotAdmin(LedgerAdmin):
    """What is in members' wallets, for the operator."""

    reach = access.reachable_lots
    operators_only = True
    look_roles = READERS
    list_display = ("granted_at", "funder", "granted", "remaining", "expires_at")
    list_filter = (("funder", admin.RelatedOnlyFieldListFilter),)
    list_select_related = ("funder",)
    granted = points_column("granted_points", gettext_lazy("granted points"))
    remaining = points_column("remaining_points", gettext_lazy("remaining points"))

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        lot: Lot = self.get_object(request, unquote(object_id))
        uses = lot.uses.select_related("acceptor", "store").order_by("-posted_at", "-pk")
        return self.show(
            request,
            "lot_page.html",
            title=str(gettext_lazy("Lot")),
            lot=lot,
            uses=uses[:USES_SHOWN],
            shown_at_most=USES_SHOWN,
        )


@admin.register(LotUse)
class LotUseAdmin(LedgerAdmin):
    """Points that left lots or came back, by who had funded them and who took them."""

    reach = access.reachable_uses
    look_roles = READERS
    list_display = ("posted_at", "kind", "funder", "acceptor", "store", "points_text")
    list_filter = ("kind",)
    list_select_related = ("funder", "acceptor", "store__brand")
    fields = ("posted_at", "kind", "funder", "acceptor", "store", "points_text", "transfer_key")
    readonly_fields = fields
    points_text = points_column("points")

    @admin.display(description=gettext_lazy("key"))
    def transfer_key(self, use: LotUse) -> str:
        return use.transfer.key


@admin.register(Hold)
class HoldAdmin(LedgerAdmin):
    """Points set aside for checkouts at the brand's stores."""

    reach = access.reachable_holds
    look_roles = READERS
    list_display = ("held_at", "store", "points_text", "captured", "state_badge", "expires_at")
    list_filter = ("state",)
    list_select_related = ("store__brand",)
    fields = ("store", "points_text", "captured", "state_badge", "held_at", "expires_at", "ended_at")
    readonly_fields = fields
    ordering = ("-held_at", "-pk")
    points_text = points_column("points")
    captured = points_column("captured_points", gettext_lazy("captured points"))

    @admin.display(description=gettext_lazy("state"), ordering="state")
    def state_badge(self, hold: Hold) -> str:
        kind = HOLD_BADGES[HoldState(hold.state)]
        return format_html('<span class="tk-badge tk-{}">{}</span>', kind, hold.get_state_display())


@admin.register(Receivable)
class ReceivableAdmin(LedgerAdmin):
    """What members owe the brand: points that were taken back after they had been spent."""

    reach = access.reachable_receivables
    look_roles = ACCOUNTANTS
    list_display = ("arose_at", "funder", "owed", "recovered", "open_points")
    list_select_related = ("funder",)
    fields = ("funder", "owed", "recovered", "open_points", "arose_at", "original_key")
    readonly_fields = fields
    ordering = ("-arose_at", "-pk")
    owed = points_column("points")
    recovered = points_column("recovered_points", gettext_lazy("recovered points"))

    @admin.display(description=gettext_lazy("still open"))
    def open_points(self, receivable: Receivable) -> int:
        return receivable.points - receivable.recovered_points

    @admin.display(description=gettext_lazy("original"))
    def original_key(self, receivable: Receivable) -> str:
        return receivable.original.key
