"""The audit log in the admin: read by auditors of the brand and of the operator, written by nobody."""

from django.contrib import admin
from django.db.models import Model
from django.http import HttpRequest
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.timezone import localtime
from django.utils.translation import gettext_lazy as _

from parties import access
from parties.models import Role
from parties.scoped_admin import ScopedAdmin
from parties.staff_models import Act, AuditRecord

_WARNS = {Act.SIGN_IN_FAILED, Act.FACTORS_WITHDRAWN, Act.VOIDED, Act.UNMASKED, Act.PAUSED}


@admin.register(AuditRecord)
class AuditRecordAdmin(ScopedAdmin):
    """Newest first; searched by person, thing, reason and address."""

    reach = access.reachable_audit_records
    look_roles = (Role.AUDITOR,)
    list_display = ("moment", "who", "act_badge", "thing", "brand", "reason", "address")
    list_filter = ("act", "subject_type", ("brand", admin.RelatedOnlyFieldListFilter))
    list_select_related = ("actor", "brand")
    search_fields = ("actor__email", "actor__name", "subject", "=subject_id", "reason", "=address")
    search_help_text = _("A person's name or e-mail address, what was acted on, a reason, an address")
    list_per_page = 50
    ordering = ("-pk",)
    fields = (
        "recorded_at",
        "who",
        "act_badge",
        "thing",
        "subject_type",
        "subject_id",
        "brand",
        "reason",
        "address",
    )
    readonly_fields = fields

    class Media:
        css = {"all": ("parties/admin.css",)}

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    @admin.display(description=_("time"), ordering="pk")
    def moment(self, record: AuditRecord) -> SafeString:
        text = date_format(localtime(record.recorded_at), "Y-m-d H:i:s")
        return format_html('<span class="tk-moment">{}</span>', text)

    @admin.display(description=_("who"), ordering="actor")
    def who(self, record: AuditRecord) -> str:
        return str(record.actor) if record.actor_id and record.actor else "–"

    @admin.display(description=_("what"), ordering="act")
    def act_badge(self, record: AuditRecord) -> SafeString:
        kind = "waiting" if record.act in _WARNS else "quiet"
        return format_html('<span class="tk-badge tk-{}">{}</span>', kind, record.get_act_display())

    @admin.display(description=_("with what"), ordering="subject")
    def thing(self, record: AuditRecord) -> str:
        kind = record.subject_type.rpartition(".")[2]
        return record.subject or (f"{kind} {record.subject_id}" if record.subject_id else "–")
