"""The ledger in the admin: looked at, never typed into. Money moves through the acts that have a reason."""

from typing import Any

from django.contrib import admin
from django.contrib.admin.utils import unquote
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.formats import number_format
from django.utils.translation import gettext_lazy as _

from ledger import access, queries
from ledger.models import Account, Lot, Posting
from parties.access import Person
from parties.models import Role
from parties.periods import moment_text
from parties.scoped_admin import ScopedAdmin

READERS = (Role.FINANCE, Role.AUDITOR, Role.SUPPORT)
RECENT_POSTINGS = 50


@admin.register(Account)
class AccountAdmin(ScopedAdmin):
    """Accounts, each with its balance and its newest postings."""

    reach = access.reachable_accounts
    look_roles = READERS
    list_display = ("label", "kind", "brand", "running_balance", "opened_at")
    list_filter = ("kind", ("brand", admin.RelatedOnlyFieldListFilter))
    list_select_related = ("brand",)
    search_fields = ("label",)

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        account: Account = self.get_object(request, unquote(object_id))
        context = {
            **self.admin_site.each_context(request),
            "title": account.get_kind_display(),
            "subtitle": str(account.brand or account.program),
            "opts": self.opts,
            "account": account,
            "balance": number_format(queries.balance_of(account), force_grouping=True),
            "postings": [_seen_from(account, row) for row in queries.history_of(account)[:RECENT_POSTINGS]],
            "shown_at_most": RECENT_POSTINGS,
        }
        return TemplateResponse(request, "ledger/account_page.html", context)

    @admin.display(description=_("balance"), ordering="balance")
    def running_balance(self, account: Account) -> str:
        # The others are sums over all their postings: shown one at a time, on the account's own page.
        return "–" if account.balance is None else number_format(account.balance, force_grouping=True)


def _seen_from(account: Account, posting: Posting) -> dict[str, Any]:
    comes_in = posting.target_id == account.pk
    sign, other = ("+", posting.source) if comes_in else ("−", posting.target)
    return {
        "posted_at": moment_text(posting.posted_at),
        "reason": posting.transfer.get_reason_display(),
        "other": other.get_kind_display(),
        "points": sign + number_format(posting.points, force_grouping=True),
        "comes_in": comes_in,
    }


@admin.register(Posting)
class PostingAdmin(ScopedAdmin):
    """Postings that touch the brand's funds or the unclaimed points of its batches."""

    reach = access.reachable_postings
    look_roles = READERS
    list_display = ("posted_at", "reason", "from_kind", "to_kind", "points_text")
    list_filter = ("transfer__reason",)
    list_select_related = ("transfer", "source", "target")
    fields = ("posted_at", "reason", "key", "from_kind", "to_kind", "points_text")
    readonly_fields = fields

    @admin.display(description=_("reason"))
    def reason(self, posting: Posting) -> str:
        return posting.transfer.get_reason_display()

    @admin.display(description=_("key"))
    def key(self, posting: Posting) -> str:
        return posting.transfer.key

    @admin.display(description=_("from"))
    def from_kind(self, posting: Posting) -> str:
        return posting.source.get_kind_display()

    @admin.display(description=_("to"))
    def to_kind(self, posting: Posting) -> str:
        return posting.target.get_kind_display()

    @admin.display(description=_("points"))
    def points_text(self, posting: Posting) -> str:
        return number_format(posting.points, force_grouping=True)


def _lots(user: Person, *roles: Role) -> QuerySet[Lot]:
    return Lot.objects.filter(wallet__in=access.reachable_accounts(user, *roles))


@admin.register(Lot)
class LotAdmin(ScopedAdmin):
    """What is in members' wallets, for the operator."""

    reach = _lots
    operators_only = True
    look_roles = READERS
    list_display = ("granted_at", "funder", "granted_points", "remaining_points", "expires_at")
    list_filter = (("funder", admin.RelatedOnlyFieldListFilter),)
    list_select_related = ("funder",)
    fields = ("wallet", "funder", "granted_points", "remaining_points", "granted_at", "expires_at")
