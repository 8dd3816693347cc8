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
from ledger.admin.pages import ACCOUNTANTS, LedgerAdmin, unless_counting
from ledger.charts import Chart, line_chart
from ledger.forms import AsOfForm, StepsForm
from ledger.reports import AccountLine, Cohort, Estimate, Liability, LiabilityStep, Step
from ledger.services.kept_reports import BREAKAGE, LIABILITY, MOST_ACCOUNTS, TRIAL
from ledger.services.sheets import Counted, figures_of
from ledger.statements import database_time
from ledger.tables import Table, as_csv
from ledger.templatetags.finance import day, moment, month
from parties.access import reachable_brands, reachable_programs
from parties.models import Brand, Program


class Asked(NamedTuple):
    """A report that somebody asked for. `brands` None: the whole program, for whoever sees all of it. No
    moment was typed: `as_of` is None, and `at` now, or when the figures were counted.
    """

    program: Program
    brands: QuerySet[Brand] | None
    at: datetime
    as_of: datetime | None
    step: Step
    is_earlier: bool = False  # than now, though no moment was typed


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

    @unless_counting
    def liability_view(self, request: HttpRequest) -> HttpResponse:
        """What is owed to members."""
        form, asked = _asked(request, StepsForm)
        (owed, series), asked = _counted(asked, LIABILITY, asked.step.value)
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
            charts=_liability_charts(asked.step, series),
            months=months,
            most=most,
        )

    @unless_counting
    def breakage_view(self, request: HttpRequest) -> HttpResponse:
        """What has expired, and what is expected to."""
        form, asked = _asked(request)
        (realised, estimates), asked = _counted(asked, BREAKAGE)
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

    @unless_counting
    def trial_view(self, request: HttpRequest) -> HttpResponse:
        """What came into accounts and went out, per kind and per account of a brand."""
        form, asked = _asked(request)
        (lines, accounts), asked = _counted(asked, TRIAL)
        tables = [_kind_table(lines)] if asked.brands is None else []
        tables.append(_account_table(accounts[:MOST_ACCOUNTS]))
        return self._report(
            request,
            "trial-balance",
            (form, asked),
            tables,
            tables=tables,
            difference=sum(line.balance for line in lines) if lines else None,
            is_cut=len(accounts) > MOST_ACCOUNTS,
            shown_at_most=MOST_ACCOUNTS,
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
    now = database_time()
    at = form.instant(now=now)
    return form, Asked(program, brands, at, None if at == now else at, step)


def _counted(asked: Asked, counted: Counted, *about: str) -> tuple[Any, Asked]:
    """The figures, and what was asked for with their moment."""
    brands = None
    if asked.brands is not None:
        brands = sorted(asked.brands.filter(program=asked.program).values_list("pk", flat=True))
    kept = figures_of(counted, asked.program.pk, brands, *about, at=database_time(), as_of=asked.as_of)
    return kept.figures, asked._replace(at=kept.counted_at, is_earlier=kept.counted_at < asked.at)


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


def _liability_charts(step: Step, steps: list[LiabilityStep]) -> list[Chart]:
    """Two pictures, each with its own scale: a batch of codes is a hundred times what wallets hold."""
    by_day = step == Step.DAY
    labels = [(day if by_day else month)(one.starts_at) for one in steps]
    of_wallets = [
        (_("In wallets"), [one.wallet_points for one in steps]),
        (_("Held"), [one.held_points for one in steps]),
    ]
    of_codes = [(_("Unclaimed codes"), [one.unclaimed_points for one in steps])]
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


def _account_table(accounts: list[AccountLine]) -> Table:
    return Table(
        _("By account"),
        [_("Account"), _("Kind"), _("Brand"), _("In"), _("Out"), _("Balance")],
        [
            [
                account.label,
                str(account.kind.label),
                account.brand.name if account.brand else None,
                account.points_in,
                account.points_out,
                account.balance,
            ]
            for account in accounts
        ],
    )
