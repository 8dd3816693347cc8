"""Transfers: both ends of each posting, the lots and their uses, what was taken back."""

from datetime import date, datetime, time, timedelta
from typing import Any

from django.contrib import admin
from django.contrib.admin.utils import unquote
from django.db.models import OuterRef, QuerySet, Subquery, Sum
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext_lazy

from ledger import access
from ledger.admin.pages import READERS, LedgerAdmin, moment_column, points_column
from ledger.expiry import JAPAN
from ledger.models import Account, Posting, Transfer
from ledger.statements import database_time
from parties.models import Role

SHOWN = 200
FEW = 20_000  # postings of a brand that are found one by one sooner than among all there are


class WhenPosted(admin.SimpleListFilter):
    """Days in Japan."""

    title = gettext_lazy("time")
    parameter_name = "posted"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [
            ("today", gettext_lazy("today")),
            ("week", gettext_lazy("last 7 days")),
            ("month", gettext_lazy("this month")),
            ("last_month", gettext_lazy("last month")),
        ]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        today = database_time().astimezone(JAPAN).date()
        month = today.replace(day=1)
        spans = {
            "today": (today, today + timedelta(days=1)),
            "week": (today - timedelta(days=6), today + timedelta(days=1)),
            "month": (month, today + timedelta(days=1)),
            "last_month": ((month - timedelta(days=1)).replace(day=1), month),
        }
        if self.value() not in spans:
            return queryset
        start, end = map(_midnight, spans[str(self.value())])
        return queryset.filter(posted_at__gte=start, posted_at__lt=end)


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), tzinfo=JAPAN)


@admin.register(Transfer)
class TransferAdmin(LedgerAdmin):
    """Transfers with an end in an account of the brand; all of them for the operator."""

    reach = access.reachable_transfers
    look_roles = READERS
    list_display = ("posted", "reason_text", "points_moved", "key")
    list_filter = ("reason", WhenPosted)
    search_fields = ("=key",)
    search_help_text = gettext_lazy("The whole key, for example claim:1000000001")
    ordering = ("-posted_at", "-pk")
    posted = moment_column("posted_at", gettext_lazy("posted at"))
    points_moved = points_column("moved_points")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Transfer]:
        own = access.reachable_postings(request.user, *self._roles(request))
        moved = own.filter(transfer=OuterRef("pk")).order_by().values("transfer")
        rows: QuerySet[Transfer] = super().get_queryset(request)
        if own.values("pk")[:FEW].count() < FEW:  # else looking through the newest of all finds some at once
            rows = rows.filter(pk__in=own.values("transfer"))
        return rows.annotate(moved_points=Subquery(moved.annotate(sum=Sum("points")).values("sum")))

    def _roles(self, request: HttpRequest) -> tuple[Role, ...]:
        return () if request.user.is_superuser else self.look_roles

    @admin.display(description=gettext_lazy("reason"), ordering="reason")
    def reason_text(self, transfer: Transfer) -> str:
        return transfer.get_reason_display()

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        transfer: Transfer = self.get_object(request, unquote(object_id))
        roles = self._roles(request)
        own = self.get_queryset(request)
        postings = access.reachable_postings(request.user, *roles).filter(transfer=transfer)
        uses = access.reachable_uses(request.user, *roles).filter(transfer=transfer)
        lots = access.reachable_lots(request.user, *roles).filter(transfer=transfer)
        accounts = access.reachable_accounts(request.user, *roles)
        rows = list(postings.select_related("source__brand", "target__brand").order_by("pk")[:SHOWN])
        return self.show(
            request,
            "transfer_page.html",
            title=transfer.get_reason_display(),
            transfer=transfer,
            reversed_transfer=own.filter(pk=transfer.original_id).first() if transfer.original_id else None,
            reversals=own.filter(original=transfer).order_by("posted_at", "pk")[:SHOWN],
            postings=rows,
            linked=_linked(accounts, rows),
            uses=uses.select_related("funder", "acceptor", "store").order_by("pk")[:SHOWN],
            lot=lots.select_related("funder").first(),
            shown_at_most=SHOWN,
        )


def _linked(accounts: QuerySet[Account], postings: list[Posting]) -> set[int]:
    """The ends that the person can open."""
    ends = {end for posting in postings for end in (posting.source_id, posting.target_id)}
    return set(accounts.filter(pk__in=ends).values_list("pk", flat=True))
