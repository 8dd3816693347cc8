"""Sealed days, for the operator: what was sealed, and the manifest to keep elsewhere."""

from pathlib import Path

from django.conf import settings
from django.contrib import admin
from django.contrib.admin.utils import unquote
from django.http import FileResponse, Http404, HttpRequest
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from ledger import access
from ledger.admin.pages import ACCOUNTANTS, LedgerAdmin, moment_column, points_column
from ledger.models import DaySeal
from ledger.seals import manifest_path
from ledger.templatetags.finance import day


@admin.register(DaySeal)
class DaySealAdmin(LedgerAdmin):
    """Each sealed day of each program."""

    reach = access.reachable_seals
    operators_only = True
    look_roles = ACCOUNTANTS
    list_display = ("sealed_day", "program", "rows_text", "points_text", "head_text", "manifest")
    list_filter = (("program", admin.RelatedOnlyFieldListFilter),)
    list_select_related = ("program",)
    fields = (
        "sealed_day",
        "program",
        "rows_text",
        "points_text",
        "previous_head",
        "head",
        "key_id",
        "sealed",
        "manifest",
    )
    readonly_fields = fields
    ordering = ("-day", "program")
    sealed = moment_column("sealed_at", gettext_lazy("day sealed at"))
    rows_text = points_column("rows", gettext_lazy("rows"))
    points_text = points_column("points", gettext_lazy("points posted"))

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.manifest_view)
        return [
            path("<path:seal_id>/manifest/", view, name="ledger_dayseal_manifest"),
            *super().get_urls(),
        ]

    @admin.display(description=gettext_lazy("day"), ordering="day")
    def sealed_day(self, seal: DaySeal) -> str:
        return day(seal.day_id)

    @admin.display(description=gettext_lazy("head"))
    def head_text(self, seal: DaySeal) -> str:
        return f"{seal.head[:16]}…"

    @admin.display(description=gettext_lazy("manifest"))
    def manifest(self, seal: DaySeal) -> str:
        if not _path(seal).is_file():
            return format_html('<span class="tk-badge tk-bad">{}</span>', _("missing"))
        address = reverse("admin:ledger_dayseal_manifest", args=(seal.pk,))
        return format_html('<a href="{}" class="tk-quiet-link">{}</a>', address, _("Download"))

    def manifest_view(self, request: HttpRequest, seal_id: str) -> FileResponse:
        """The manifest as it was exported."""
        seal: DaySeal = self.get_object(request, unquote(seal_id))
        try:
            file = _path(seal).open("rb")
        except FileNotFoundError as missing:
            raise Http404 from missing
        name = f"program-{seal.program_id}-{seal.day_id}.seal"
        return FileResponse(file, as_attachment=True, filename=name, content_type="text/plain")


def _path(seal: DaySeal) -> Path:
    return manifest_path(Path(settings.SEALS_DIR), seal.program_id, str(seal.day_id))
