"""Lots and what became of them: uses, holds, and what members owe."""

from typing import Any

from django.contrib import admin
from django.contrib.admin.utils import unquote
from django.http import HttpRequest, HttpResponse
from django.utils.html import format_html
from django.utils.translation import gettext_lazy

from ledger import access
from ledger.admin.pages import ACCOUNTANTS, READERS, LedgerAdmin, end_column, moment_column, points_column
from ledger.models import Hold, HoldState, Lot, LotUse, Receivable
from ledger.templatetags.finance import points

USES_SHOWN = 200
HOLD_BADGES = {
    HoldState.OPEN: "waiting",
    HoldState.CAPTURED: "good",
    HoldState.RELEASED: "quiet",
    HoldState.EXPIRED: "quiet",
}


class _PaidBy(admin.RelatedOnlyFieldListFilter):
    """Brands that have funded lots, under the name that this has elsewhere."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.title = gettext_lazy("funder")


@admin.register(Lot)
class LotAdmin(LedgerAdmin):
    """What is in members' wallets, for the operator."""

    reach = access.reachable_lots
    operators_only = True
    look_roles = READERS
    list_display = ("granted_when", "paid_by", "granted", "remaining", "ends")
    list_filter = (("funder", _PaidBy),)
    list_select_related = ("funder",)
    granted_when = moment_column("granted_at", gettext_lazy("granted at"))
    ends = end_column("expires_at", gettext_lazy("valid until"))
    granted = points_column("granted_points", gettext_lazy("granted points"))
    remaining = points_column("remaining_points", gettext_lazy("remaining points"))

    @admin.display(description=gettext_lazy("funder"), ordering="funder__name")
    def paid_by(self, lot: Lot) -> str:
        return lot.funder.name

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
    list_display = ("posted", "kind", "funder", "acceptor", "store", "points_text")
    list_filter = ("kind",)
    list_select_related = ("funder", "acceptor", "store__brand")
    fields = ("posted", "kind", "funder", "acceptor", "store", "points_text", "transfer_key")
    readonly_fields = fields
    posted = moment_column("posted_at", gettext_lazy("posted at"))
    points_text = points_column("points")

    @admin.display(description=gettext_lazy("key"))
    def transfer_key(self, use: LotUse) -> str:
        return use.transfer.key


@admin.register(Hold)
class HoldAdmin(LedgerAdmin):
    """Points set aside for checkouts at the brand's stores."""

    reach = access.reachable_holds
    look_roles = READERS
    list_display = ("held", "store", "points_text", "captured", "state_badge", "lasts")
    list_filter = ("state",)
    list_select_related = ("store__brand",)
    fields = ("store", "points_text", "captured", "state_badge", "held", "lasts", "ended")
    readonly_fields = fields
    ordering = ("-held_at", "-pk")
    points_text = points_column("points")
    held = moment_column("held_at", gettext_lazy("held at"))
    lasts = end_column("expires_at", gettext_lazy("valid until"))
    ended = moment_column("ended_at", gettext_lazy("ended at"))
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
    list_display = ("arose", "funder", "owed", "recovered", "open_points")
    list_select_related = ("funder",)
    fields = ("funder", "owed", "recovered", "open_points", "arose", "original_key")
    readonly_fields = fields
    ordering = ("-arose_at", "-pk")
    arose = moment_column("arose_at", gettext_lazy("arose at"))
    owed = points_column("points")
    recovered = points_column("recovered_points", gettext_lazy("recovered points"))

    @admin.display(description=gettext_lazy("still open"))
    def open_points(self, receivable: Receivable) -> str:
        still_open = receivable.points - receivable.recovered_points
        return format_html('<span class="tk-number">{}</span>', points(still_open))

    @admin.display(description=gettext_lazy("original"))
    def original_key(self, receivable: Receivable) -> str:
        return receivable.original.key
