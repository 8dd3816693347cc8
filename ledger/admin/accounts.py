"""Accounts, each with its balance over time and its newest postings; of wallets, the statement."""

from datetime import timedelta
from typing import Any

from django.contrib import admin
from django.contrib.admin.utils import unquote
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import URLPattern, path
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from ledger import access, queries, reports
from ledger.admin.pages import READERS, LedgerAdmin, moment_column, points_column
from ledger.admin.reports import ReportPages
from ledger.charts import line_chart
from ledger.expiry import JAPAN
from ledger.forms import PeriodForm
from ledger.models import Account, AccountKind, Posting
from ledger.reports import StatementEntry, Step, WalletStatement
from ledger.statements import database_time
from ledger.tables import Table, as_csv
from ledger.templatetags.finance import day, moment
from parties.periods import period_text

RECENT_POSTINGS = 50
DAYS_SHOWN = 60


@admin.register(Account)
class AccountAdmin(ReportPages, LedgerAdmin):
    """Accounts of brands; the operator also sees wallets and the outside world."""

    reach = access.reachable_accounts
    look_roles = READERS
    list_display = ("label", "kind", "brand", "running_balance", "opened")
    list_filter = ("kind", ("brand", admin.RelatedOnlyFieldListFilter))
    list_select_related = ("brand",)
    search_fields = ("label",)
    # The others are sums over all their postings: shown one at a time, on the account's own page.
    running_balance = points_column("balance", gettext_lazy("balance"))
    opened = moment_column("opened_at", gettext_lazy("opened at"))

    def get_urls(self) -> list[URLPattern]:
        statement = self.admin_site.admin_view(self.statement_view)
        own = path("<int:account_id>/statement/", statement, name="ledger_account_statement")
        return [own, *super().get_urls()]

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        account: Account = self.get_object(request, unquote(object_id))
        series = reports.balance_series(
            Account.objects.filter(pk=account.pk), at=database_time(), step=Step.DAY, steps=DAYS_SHOWN
        )
        values = [points for _start, points in series]
        title = _("Balance at the end of each day")
        return self.show(
            request,
            "account_page.html",
            title=account.get_kind_display(),
            account=account,
            owner=account.brand or account.member or account.program,
            balance=queries.balance_of(account),
            chart=line_chart(title, [day(start) for start, _points in series], [(_("Balance"), values)]),
            postings=[_seen_from(account, row) for row in queries.history_of(account)[:RECENT_POSTINGS]],
            shown_at_most=RECENT_POSTINGS,
            is_wallet=account.kind == AccountKind.WALLET,
        )

    def statement_view(self, request: HttpRequest, account_id: int) -> HttpResponse:
        """What happened in one wallet between two instants, to look at or as CSV."""
        wallet: Account = self.get_object(request, str(account_id))
        if wallet.kind != AccountKind.WALLET:
            raise Http404
        form = PeriodForm(request.GET) if "start" in request.GET else _this_month()
        form.is_valid()
        if not form.is_bound or form.errors:
            return self._statement_page(request, wallet, form, None)
        statement = reports.wallet_statement(
            wallet, starts_at=form.cleaned_data["start"], ends_at=form.cleaned_data["end"]
        )
        if "csv" in request.GET:
            return _statement_csv(statement)
        return self._statement_page(request, wallet, form, statement)

    def _statement_page(
        self, request: HttpRequest, wallet: Account, form: PeriodForm, statement: WalletStatement | None
    ) -> HttpResponse:
        return self.show(
            request,
            "statement_page.html",
            title=_("Wallet statement"),
            wallet=wallet,
            form=form,
            statement=statement,
            table=statement and _statement_table(statement),
            query=request.GET.urlencode(),
        )


def _this_month() -> PeriodForm:
    now = database_time().astimezone(JAPAN)
    start = now.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    end = (start + timedelta(days=32)).replace(day=1) - timedelta(minutes=1)
    return PeriodForm({"start": f"{start:%Y-%m-%dT%H:%M}", "end": f"{end:%Y-%m-%dT%H:%M}"})


def _seen_from(account: Account, posting: Posting) -> dict[str, Any]:
    comes_in = posting.target_id == account.pk
    other = posting.source if comes_in else posting.target
    return {
        "transfer": posting.transfer,
        "posted_at": posting.posted_at,
        "other": other,
        "sign": "+" if comes_in else "−",
        "points": posting.points,
    }


def reason_of(entry: StatementEntry) -> str:
    """The reason of an entry; of a reversal, with what it takes back."""
    if entry.original is None:
        return str(entry.reason.label)
    return _("%(reason)s (%(original)s)") % {
        "reason": entry.reason.label,
        "original": entry.original.label,
    }


def _statement_table(statement: WalletStatement) -> Table:
    return Table(
        _("Entries"),
        [_("Time"), _("Reason"), _("Brand"), _("Store"), _("Points")],
        [
            [
                moment(entry.posting.posted_at),
                reason_of(entry),
                entry.brand.name if entry.brand else None,
                entry.store.name if entry.store else None,
                entry.points,
            ]
            for entry in statement.entries
        ],
    )


def _statement_csv(statement: WalletStatement) -> HttpResponse:
    head = [
        (_("Wallet"), statement.wallet.label),
        (_("Period"), period_text(statement.starts_at, statement.ends_at)),
        (_("Opening balance"), str(statement.opening_points)),
        (_("Closing balance"), str(statement.closing_points)),
    ]
    return as_csv("wallet-statement", [_statement_table(statement)], head=head)
