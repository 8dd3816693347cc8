"""Pages of reports: liability, breakage, trial balance, each as of any instant, each as CSV, too."""

from collections.abc import Callable
from datetime import datetime
from typing import Any, NamedTuple

from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from ledger import access, reports
from ledger.admin.pages import ACCOUNTANTS, LedgerAdmin
from ledger.charts import Chart, line_chart
from ledger.forms import AsOfForm, StepsForm
from ledger.models import Account, AccountKind
from ledger.reports import Cohort, Estimate, Liability, Step
from ledger.statements import database_time
from ledger.tables import Table, as_csv
from ledger.templatetags.finance import day, moment, month
from parties.access import reachable_brands, reachable_programs
from parties.models import Brand, Program

DAYS_SHOWN, MONTHS_SHOWN = 60, 24
ACCOUNTS_SHOWN = 500


class Asked(NamedTuple):
    """A report that somebody asked for. `brands` None: the whole program, for whoever sees all of it."""

    program: Program
    brands: QuerySet[Brand] | None
    at: datetime
    step: Step


class ReportPages(LedgerAdmin):
    """The report pages, beside the list of accounts."""

    def get_urls(self) -> list[URLPattern]:
        pages: dict[str, Callable[..., HttpResponse]] = {
            "liability": self.liability_view,
            "breakage": self.breakage_view,
            "trial-balance": self.trial_view,
        }
        own = [
            path(f"reports/{name}/", self.admin_site.admin_view(view), name=f"ledger_report_{name}")
            for name, view in pages.items()
        ]
        return own + super().get_urls()

    def liability_view(self, request: HttpRequest) -> HttpResponse:
        """What is owed to members."""
        form, asked = _asked(request, StepsForm)
        owed = reports.liability(asked.program, at=asked.at, brands=asked.brands)
        funders = _funder_table(owed)
        most = max((line.points for line in owed.months), default=0)
        months = [(month(line.month), line.points) for line in owed.months]
        return self._report(
            request,
            "liability",
            (form, asked),
            [funders, _month_table(owed)],
            owed=owed,
            funders=funders,
            charts=_liability_charts(asked),
            months=months,
            most=most,
        )

    def breakage_view(self, request: HttpRequest) -> HttpResponse:
        """What has expired, and what is expected to."""
        form, asked = _asked(request)
        realised = reports.realised_breakage(asked.program, at=asked.at, brands=asked.brands)
        estimates = reports.expected_breakage(asked.program, at=asked.at, brands=asked.brands)
        yen = asked.program.yen_per_point
        gone = Table(
            _("Realised, by funder and month"),
            [_("Funder"), _("Last month"), _("Points"), _("Yen")],
            [[line.brand.name, month(line.month), line.points, line.points * yen] for line in realised],
            [
                _("Total"),
                "",
                sum(line.points for line in realised),
                sum(line.points for line in realised) * yen,
            ],
        )
        cohorts = [(estimate, _cohort_table(estimate)) for estimate in estimates]
        known = [points for estimate in estimates if (points := estimate.points) is not None]
        return self._report(
            request,
            "breakage",
            (form, asked),
            [gone, *(table for _estimate, table in cohorts)],
            realised=gone,
            cohorts=cohorts,
            expected_points=sum(known) if known else None,
            expected_yen=sum(known) * yen if known else None,
        )

    def trial_view(self, request: HttpRequest) -> HttpResponse:
        """What came into accounts and went out, per kind and per account of a brand."""
        form, asked = _asked(request)
        tables = []
        lines = []
        if asked.brands is None:
            lines = reports.trial_balance(asked.program, at=asked.at)
            tables.append(_kind_table(lines))
        accounts = _accounts(request, asked)
        tables.append(_account_table(accounts[:ACCOUNTS_SHOWN]))
        return self._report(
            request,
            "trial-balance",
            (form, asked),
            tables,
            tables=tables,
            difference=sum(line.balance for line in lines) if lines else None,
            is_cut=len(accounts) > ACCOUNTS_SHOWN,
            shown_at_most=ACCOUNTS_SHOWN,
        )

    def _report(
        self,
        request: HttpRequest,
        name: str,
        asked_with: tuple[AsOfForm, Asked],
        export: list[Table],
        **context: Any,
    ) -> HttpResponse:
        form, asked = asked_with
        title = titles()[name]
        if "csv" in request.GET:
            head = [(title, asked.program.name), (_("As of"), moment(asked.at))]
            return as_csv(f"{name}-{asked.at:%Y%m%d}", export, head=head)
        return self.show(
            request,
            f"{name.replace('-', '_')}_page.html",
            title=title,
            form=form,
            asked=asked,
            of_brands=asked.brands,
            tabs=[
                (reverse(f"admin:ledger_report_{tab}"), text, tab == name) for tab, text in titles().items()
            ],
            query=request.GET.urlencode(),
            **context,
        )


def titles() -> dict[str, str]:
    """The reports, by the end of their address."""
    return {
        "liability": _("Liability"),
        "breakage": _("Breakage"),
        "trial-balance": _("Trial balance"),
    }


def may_read(request: HttpRequest) -> bool:
    """Whether there is a report for the person: for finance and auditors, and superusers to look."""
    return _programs(request).exists()


def _programs(request: HttpRequest) -> QuerySet[Program]:
    roles = () if request.user.is_superuser else ACCOUNTANTS
    live = reachable_programs(request.user, *roles).filter(is_sandbox=False)
    return live.order_by("name", "pk")


def _asked(request: HttpRequest, kind: type[AsOfForm] = AsOfForm) -> tuple[AsOfForm, Asked]:
    """The form and what it asks for; 403 for who reads no reports, 404 for a program out of reach."""
    programs = _programs(request)
    first = programs.first()
    if first is None:
        raise PermissionDenied
    form = kind(request.GET or None, programs=programs)
    wanted = request.GET.get("program", "")
    if wanted and not (wanted.isascii() and wanted.isdigit() and programs.filter(pk=int(wanted)).exists()):
        raise Http404
    form.is_valid()
    program = programs.get(pk=int(wanted)) if wanted else first
    roles = () if request.user.is_superuser else ACCOUNTANTS
    brands = None if access.sees_all(request.user, *roles) else reachable_brands(request.user, *roles)
    step = form.chosen_step() if isinstance(form, StepsForm) and form.is_bound else Step.DAY
    return form, Asked(program, brands, form.instant(now=database_time()), step)


def _funder_table(owed: Liability) -> Table:
    yen = owed.yen_per_point
    columns = ("unclaimed_points", "wallet_points", "held_points", "points")
    return Table(
        _("By brand that pays"),
        [
            _("Brand"),
            _("Unclaimed codes"),
            _("In wallets"),
            _("Held"),
            _("Points"),
            _("Yen"),
            _("Past their end"),
        ],
        [
            [
                funder.brand.name,
                *(getattr(funder, column) for column in columns),
                funder.points * yen,
                funder.overdue_points,
            ]
            for funder in owed.funders
        ],
        [
            _("Total"),
            *(sum(getattr(funder, column) for funder in owed.funders) for column in columns),
            owed.yen,
            sum(funder.overdue_points for funder in owed.funders),
        ],
    )


def _month_table(owed: Liability) -> Table:
    return Table(
        _("Points in wallets by their last month"),
        [_("Last month"), _("Brand"), _("Points"), _("Yen")],
        [
            [month(line.month), funder.brand.name, line.points, line.points * owed.yen_per_point]
            for funder in owed.funders
            for line in funder.months
        ],
    )


def _liability_charts(asked: Asked) -> list[Chart]:
    """Two pictures, each with its own scale: a batch of codes is a hundred times what wallets hold."""
    by_day = asked.step == Step.DAY
    steps = reports.liability_series(
        asked.program,
        at=asked.at,
        step=asked.step,
        steps=DAYS_SHOWN if by_day else MONTHS_SHOWN,
        brands=asked.brands,
    )
    labels = [(day if by_day else month)(step.starts_at) for step in steps]
    of_wallets = [
        (_("In wallets"), [step.wallet_points for step in steps]),
        (_("Held"), [step.held_points for step in steps]),
    ]
    of_codes = [(_("Unclaimed codes"), [step.unclaimed_points for step in steps])]
    return [
        line_chart(_("Points of members over time"), labels, of_wallets),
        line_chart(_("Points of unclaimed codes over time"), labels, of_codes),
    ]


def _cohort_table(estimate: Estimate) -> Table:
    return Table(
        estimate.brand.name,
        [
            _("Granted in"),
            _("Granted"),
            _("Spent"),
            _("Held"),
            _("Taken back"),
            pgettext("points", "Expired"),
            pgettext("points", "Given up"),
            _("Remaining"),
            _("Expected to expire"),
        ],
        [[month(cohort.month), *cohort[1:8], _expected(estimate, cohort)] for cohort in estimate.cohorts],
    )


def _expected(estimate: Estimate, cohort: Cohort) -> int | str:
    if cohort.is_over:
        return pgettext("month of granting", "over")
    return _("no estimate") if estimate.rate is None else cohort.expected_points(estimate.rate)


def _kind_table(lines: list[reports.KindLine]) -> Table:
    return Table(
        _("By kind of account"),
        [_("Kind"), _("Number of accounts"), _("In"), _("Out"), _("Balance")],
        [
            [str(line.kind.label), line.accounts, line.points_in, line.points_out, line.balance]
            for line in lines
        ],
        [
            _("Total"),
            sum(line.accounts for line in lines),
            sum(line.points_in for line in lines),
            sum(line.points_out for line in lines),
            sum(line.balance for line in lines),
        ],
    )


def _accounts(request: HttpRequest, asked: Asked) -> list[Any]:
    """Accounts of the program but wallets, which are far too many for a page: they are one line above."""
    roles = () if request.user.is_superuser else ACCOUNTANTS
    reached = access.reachable_accounts(request.user, *roles).filter(program=asked.program)
    own: QuerySet[Account] = reached.exclude(kind=AccountKind.WALLET).select_related("brand")
    ordered = own.order_by("brand__name", "kind", "pk")
    return list(reports.account_lines(ordered, at=asked.at)[: ACCOUNTS_SHOWN + 1])


def _account_table(accounts: list[Any]) -> Table:
    return Table(
        _("By account"),
        [_("Account"), _("Kind"), _("Brand"), _("In"), _("Out"), _("Balance")],
        [
            [
                account.label,
                account.get_kind_display(),
                account.brand and account.brand.name,
                account.points_in,
                account.points_out,
                account.points_left,
            ]
            for account in accounts
        ],
    )
