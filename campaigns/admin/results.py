"""What campaigns have brought: a page for each, and one that puts them beside each other; as files, too."""

from datetime import datetime
from typing import Any

from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import get_language, pgettext
from django.utils.translation import gettext as _

from campaigns import access, results
from campaigns.admin.posters import logo_of
from campaigns.alert_queries import is_asleep, last_look
from campaigns.audience_queries import told_of
from campaigns.files.results import Report, document
from campaigns.models import Campaign
from campaigns.result_tables import Section, curve_of, funnel_hint, sections_of, share, steps_of
from campaigns.results import Results
from campaigns.services.sheets import RESULTS
from ledger.admin.pages import unless_counting
from ledger.services.sheets import figures_of
from ledger.statements import database_time
from ledger.tables import Cell, Table, as_csv, as_xlsx
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

    @unless_counting
    def results_view(self, request: HttpRequest, campaign_id: int) -> HttpResponse:
        """All of one campaign, for people of its brand."""
        try:
            campaign = access.access_campaign(request.user, campaign_id)
        except NotReachable as refusal:
            raise Http404 from refusal
        now = database_time()
        found, at = figures_of(RESULTS, campaign.pk, at=now)
        sections = sections_of(found, told_of(campaign), campaign.brand.program.yen_per_point)
        name, head = f"results-{campaign.slug}", _head(campaign, moment_text(at))
        if "pdf" in request.GET:
            return _as_pdf(name, _report(campaign, found, sections, head))
        if answer := _as_file(request, name, [_funnel(found), *(one.table for one in sections)], head):
            return answer
        return self._result_page(
            request,
            "results_page.html",
            title=_("Results"),
            campaign=campaign,
            period=period_text(campaign.starts_at, campaign.ends_at),
            at=moment_text(at),
            steps=steps_of(found),
            funnel_hint=funnel_hint(),
            chart=curve_of(found),
            sections=sections,
            has_claims=bool(found.by_day),
            is_earlier=at < now,
        )

    def lines_view(self, request: HttpRequest) -> HttpResponse:
        """The campaigns within reach, the newest first."""
        campaigns = access.reachable_campaigns(request.user).filter(brand__program__is_sandbox=False)
        rows = campaigns.select_related("brand__program").order_by("-starts_at", "-pk")
        page = Paginator(rows, CAMPAIGNS_PER_PAGE).get_page(request.GET.get("page"))
        lines, at = results.lines_of(list(page.object_list)), moment_text(_counted_at(database_time()))
        table, head = _line_table(lines), [(_("As of"), at)]
        if "pdf" in request.GET:
            return _as_pdf("results", _comparison([line.campaign for line in lines], table, head))
        if answer := _as_file(request, "results", [table], head):
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


def _counted_at(now: datetime) -> datetime:
    """Claims are counted each minute by the watch: as long as it sleeps, the figures are those of before."""
    looked_at = last_look()
    return looked_at if looked_at and is_asleep(looked_at, at=now) else now


def _as_file(
    request: HttpRequest, name: str, tables: list[Table], head: list[tuple[str, str]]
) -> HttpResponse | None:
    if "csv" in request.GET:
        return as_csv(name, tables, head=head)
    return as_xlsx(name, tables, head=head) if "xlsx" in request.GET else None


def _as_pdf(name: str, report: Report) -> HttpResponse:
    headers = {"Content-Disposition": f'attachment; filename="{name}.pdf"'}
    return HttpResponse(document(report), content_type="application/pdf", headers=headers)


def _report(
    campaign: Campaign, found: Results, sections: list[Section], head: list[tuple[str, str]]
) -> Report:
    return Report(
        title=_("Results"),
        brand=campaign.brand.name,
        language=get_language() or "ja",
        colour=campaign.colour,
        logo=logo_of(campaign),
        head=head,
        funnel=(_("From the code to the purchase"), steps_of(found), funnel_hint()),
        chart=curve_of(found) if found.by_day else None,
        sections=sections,
        nothing=_("Nothing to show yet."),
    )


def _comparison(campaigns: list[Campaign], table: Table, head: list[tuple[str, str]]) -> Report:
    """In the dress of the newest campaign, if all are of one brand; else in none."""
    brands = {campaign.brand.name for campaign in campaigns}
    dress = campaigns[0] if len(brands) == 1 else None
    return Report(
        title=_("Results of campaigns"),
        brand=dress.brand.name if dress else "",
        language=get_language() or "ja",
        colour=dress.colour if dress else "#1F3A5F",
        logo=logo_of(dress) if dress else None,
        head=head,
        funnel=None,
        chart=None,
        sections=[Section(table, "")],
        nothing=_("There is no campaign yet."),
    )


def _funnel(found: Results) -> Table:
    """The same steps for files of cells."""
    rows: list[list[Cell]] = [[step.name, step.number, step.share] for step in steps_of(found)]
    return Table(
        _("From the code to the purchase"), [pgettext("column", "Figure"), _("Number"), _("Share")], rows
    )


def _head(campaign: Campaign, at: str) -> list[tuple[str, str]]:
    period = period_text(campaign.starts_at, campaign.ends_at)
    return [
        (_("Campaign"), campaign.name),
        (_("Brand"), campaign.brand.name),
        (_("Period"), period),
        (_("As of"), at),
    ]


def _short(moment: datetime) -> str:
    return date_format(timezone.localtime(moment), "Y-m-d", use_l10n=False)


def _line_table(lines: list[results.Line]) -> Table:
    headings = [
        _("Campaign"),
        _("Brand"),
        _("Period"),
        _("Codes"),
        _("Page opened"),
        _("Tried"),
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
            line.tried,
            line.claimed,
            share(line.claimed, line.codes),
            line.points,
        ]
        for line in lines
    ]
    return Table(_("Results of campaigns"), headings, rows)
