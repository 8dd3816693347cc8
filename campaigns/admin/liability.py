"""What is owed to members, campaign by campaign: beside the list of campaigns, for finance and auditors."""

from django.core.exceptions import PermissionDenied
from django.db.models import prefetch_related_objects
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils.translation import gettext as _

from campaigns import reports
from campaigns.services.sheets import LIABILITY_BY_CAMPAIGN
from ledger.access import sees_all
from ledger.admin.pages import unless_counting
from ledger.forms import AsOfForm
from ledger.services.sheets import figures_of
from ledger.statements import database_time
from ledger.tables import Table, as_csv
from parties.access import reachable_brands, reachable_programs
from parties.models import Program, Role
from parties.periods import moment_text
from parties.scoped_admin import ScopedAdmin

READERS = (Role.FINANCE, Role.AUDITOR)


class LiabilityPage(ScopedAdmin):
    """Adds the page to the admin of campaigns."""

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.liability_view)
        return [path("liability/", view, name="campaigns_campaign_liability"), *super().get_urls()]

    @unless_counting
    def liability_view(self, request: HttpRequest) -> HttpResponse:
        """The campaigns within reach that owe something, as of an instant; as CSV, too."""
        roles = () if request.user.is_superuser else READERS
        if not reachable_programs(request.user, *roles).exists():
            raise PermissionDenied
        form = AsOfForm(request.GET or None, programs=Program.objects.none())
        now = database_time()
        at = form.instant(now=now)
        brands = None
        if not sees_all(request.user, *roles):
            live = reachable_brands(request.user, *roles).filter(program__is_sandbox=False)
            brands = sorted(live.values_list("pk", flat=True))
        as_of = None if at == now else at
        kept = figures_of(LIABILITY_BY_CAMPAIGN, brands, at=now, as_of=as_of)
        table, at, is_earlier = _table(kept.figures), kept.counted_at, as_of is None and kept.counted_at < now
        title = _("Liability by campaign")
        if "csv" in request.GET:
            return as_csv(f"campaigns-{at:%Y%m%d}", [table], head=[(_("As of"), moment_text(at))])
        frame = {**self.admin_site.each_context(request), "title": title, "opts": self.opts}
        context = frame | {"form": form, "table": table, "at": moment_text(at), "is_earlier": is_earlier}
        return TemplateResponse(request, "campaigns/liability_page.html", context)


def _table(lines: list[reports.CampaignLiability]) -> Table:
    prefetch_related_objects([line.campaign for line in lines], "brand__program")

    def sums(line: reports.CampaignLiability) -> list[int]:
        points = [line.unclaimed_points, line.wallet_points, line.held_points, line.points]
        return [*points, line.points * line.campaign.brand.program.yen_per_point]

    columns = list(zip(*map(sums, lines), strict=True))
    return Table(
        _("Campaigns that owe members points"),
        [
            _("Campaign"),
            _("Brand"),
            _("Unclaimed codes"),
            _("In wallets"),
            _("Held"),
            _("Points"),
            _("Yen"),
        ],
        [[line.campaign.name, line.campaign.brand.name, *sums(line)] for line in lines],
        [_("Total"), "", *map(sum, columns)] if lines else (),
    )
