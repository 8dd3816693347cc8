"""What campaigns have brought: a page for each, and one that puts them beside each other; as files, too."""

from datetime import datetime
from typing import Any

from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from campaigns import access, results
from campaigns.models import Campaign
from campaigns.results import Results
from ledger.charts import Chart, line_chart
from ledger.statements import database_time
from ledger.tables import Cell, Figure, Table, as_csv, as_xlsx
from ledger.templatetags.finance import day
from parties.errors import NotReachable
from parties.forms import last_moment
from parties.periods import moment_text, period_text
from parties.scoped_admin import ScopedAdmin

CAMPAIGNS_PER_PAGE = 20


class ResultPages(ScopedAdmin):
    """Adds the pages to the admin of campaigns."""

    def get_urls(self) -> list[URLPattern]:
        one, all_ = self.admin_site.admin_view(self.results_view), self.admin_site.admin_view(self.lines_view)
        own = [
            path("results/", all_, name="campaigns_campaign_all_results"),
            path("<int:campaign_id>/results/", one, name="campaigns_campaign_results"),
        ]
        return own + super().get_urls()

    def results_view(self, request: HttpRequest, campaign_id: int) -> HttpResponse:
        """All of one campaign, for people of its brand."""
        try:
            campaign = access.access_campaign(request.user, campaign_id)
        except NotReachable as refusal:
            raise Http404 from refusal
        found, at = results.results_of(campaign), database_time()
        yen_per_point = campaign.brand.program.yen_per_point
        tables = _tables(found, yen_per_point)
        if answer := _as_file(request, f"results-{campaign.slug}", tables, _head(campaign, moment_text(at))):
            return answer
        return self._result_page(
            request,
            "results_page.html",
            title=_("Results"),
            campaign=campaign,
            period=period_text(campaign.starts_at, campaign.ends_at),
            at=moment_text(at),
            steps=_steps(found),
            chart=_curve(found),
            tables=tables,
            has_claims=bool(found.by_day),
        )

    def lines_view(self, request: HttpRequest) -> HttpResponse:
        """The campaigns within reach, the newest first."""
        campaigns = access.reachable_campaigns(request.user).filter(brand__program__is_sandbox=False)
        rows = campaigns.select_related("brand__program").order_by("-starts_at", "-pk")
        page = Paginator(rows, CAMPAIGNS_PER_PAGE).get_page(request.GET.get("page"))
        lines, at = results.lines_of(list(page.object_list)), moment_text(database_time())
        table = _line_table(lines)
        if answer := _as_file(request, "results", [table], [(_("As of"), at)]):
            return answer
        return self._result_page(
            request,
            "all_results_page.html",
            title=_("Results of campaigns"),
            at=at,
            table=table,
            rows=[(line.campaign, cells) for line, cells in zip(lines, table.body, strict=True)],
            page=page,
        )

    def _result_page(self, request: HttpRequest, template: str, **context: Any) -> HttpResponse:
        frame = {**self.admin_site.each_context(request), "opts": self.opts}
        return TemplateResponse(request, f"campaigns/{template}", frame | context)


def _as_file(
    request: HttpRequest, name: str, tables: list[Table], head: list[tuple[str, str]]
) -> HttpResponse | None:
    if "csv" in request.GET:
        return as_csv(name, tables, head=head)
    return as_xlsx(name, tables, head=head) if "xlsx" in request.GET else None


def _head(campaign: Campaign, at: str) -> list[tuple[str, str]]:
    period = period_text(campaign.starts_at, campaign.ends_at)
    return [
        (_("Campaign"), campaign.name),
        (_("Brand"), campaign.brand.name),
        (_("Period"), period),
        (_("As of"), at),
    ]


def _share(part: int, whole: int) -> Figure:
    """In percent, to one decimal; a dash where there is nothing to have a share of."""
    return Figure(f"{part * 100 / whole:.1f} %" if whole else "–")


def _steps(found: Results) -> list[tuple[str, int, int, str]]:
    """The funnel: name, number, its length in percent of the longest, and its share of the step before."""
    steps = [
        (_("Codes handed over"), found.total("handed_over"), None),
        (_("Page opened"), found.opened, None),
        (_("Codes claimed"), found.total("claimed"), found.total("handed_over")),
        (_("Codes of which points were spent"), found.total("spent_codes"), found.total("claimed")),
    ]
    longest = max(1, *(number for _name, number, _before in steps))
    return [
        (name, number, round(number * 100 / longest), _share(number, before) if before else "")
        for name, number, before in steps
    ]


def _curve(found: Results) -> Chart:
    total, sums = 0, []
    for _day, claimed in found.by_day:
        total += claimed
        sums.append(total)
    lines = [(_("Claimed on the day"), [claimed for _day, claimed in found.by_day]), (_("In all"), sums)]
    return line_chart(_("Claims by day"), [day(one) for one, _claimed in found.by_day], lines)


def _tables(found: Results, yen_per_point: int) -> list[Table]:
    return [
        _channel_table(found),
        _member_table(found, yen_per_point),
        _time_table(found),
        _spent_table(found),
    ]


def _channel_table(found: Results) -> Table:
    rows: list[list[Cell]] = [
        [
            one.name,
            one.codes,
            one.handed_over,
            one.claimed,
            _share(one.claimed, one.handed_over),
            one.points,
            one.spent_points,
        ]
        for one in found.channels
    ]
    columns = ("codes", "handed_over", "claimed")
    total: list[Cell] = [_("Total"), *(found.total(column) for column in columns)]
    total += [_share(found.total("claimed"), found.total("handed_over"))]
    total += [found.total("points"), found.total("spent_points")]
    headings = [
        _("Channel"),
        _("Codes"),
        _("Handed over"),
        _("Claimed"),
        _("Claimed of those handed over"),
        _("Points claimed"),
        _("Points spent"),
    ]
    return Table(_("Channels"), headings, rows, total if rows else ())


def _member_table(found: Results, yen_per_point: int) -> Table:
    claimed, yen = found.total("claimed"), found.total("points") * yen_per_point
    rows: list[list[Cell]] = [
        [_("Members who claimed"), found.members],
        [_("of these, claiming in the program for the first time"), found.new_members],
        [_("Cost of the points that were claimed (yen)"), yen],
        [_("Cost per claim (yen)"), yen // claimed if claimed else None],
        [_("Cost per new member (yen)"), yen // found.new_members if found.new_members else None],
        [_("Codes withdrawn"), found.voided_codes],
        [_("Codes expired"), found.expired_codes],
        [_("Points expired in wallets"), found.expired_points],
    ]
    return Table(_("Members, cost and breakage"), [pgettext("column", "Figure"), _("Number")], rows)


def _time_table(found: Results) -> Table:
    names = [
        _("within an hour"),
        _("within a day"),
        _("within 3 days"),
        _("within 7 days"),
        _("within 30 days"),
        pgettext("time", "later"),
    ]
    rows: list[list[Cell]] = [
        [name, claimed, _share(claimed, sum(found.times))]
        for name, claimed in zip(names, found.times, strict=True)
    ]
    title = _("Time until codes were claimed, since they could be")
    return Table(title, [_("Time"), _("Codes"), _("Share")], rows)


def _spent_table(found: Results) -> Table:
    rows: list[list[Cell]] = [[one.brand, one.store or "–", one.points] for one in found.spent]
    total: list[Cell] = [_("Total"), "", sum(one.points for one in found.spent)]
    return Table(
        _("Where the points were spent"), [_("Brand"), _("Store"), _("Points")], rows, total if rows else ()
    )


def _short(moment: datetime) -> str:
    return date_format(timezone.localtime(moment), "Y-m-d", use_l10n=False)


def _line_table(lines: list[results.Line]) -> Table:
    headings = [
        _("Campaign"),
        _("Brand"),
        _("Period"),
        _("Codes"),
        _("Page opened"),
        _("Claimed"),
        _("Claimed of all codes"),
        _("Points claimed"),
    ]
    rows: list[list[Cell]] = [
        [
            line.campaign.name,
            line.campaign.brand.name,
            f"{_short(line.campaign.starts_at)} – {_short(last_moment(line.campaign.ends_at))}",
            line.codes,
            line.opened,
            line.claimed,
            _share(line.claimed, line.codes),
            line.points,
        ]
        for line in lines
    ]
    return Table(_("Results of campaigns"), headings, rows)
