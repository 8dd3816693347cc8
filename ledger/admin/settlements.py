"""Statements between brands: prepared by one person of the operator's finance, closed by another."""

from collections.abc import Callable
from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_safe

from ledger import access
from ledger import services as ledger
from ledger.admin.adjustments import ASKERS
from ledger.admin.pages import ACCOUNTANTS, LedgerAdmin, by_post, moment_column
from ledger.errors import LedgerError, SettlementRefused
from ledger.expiry import JAPAN
from ledger.files.content import Content
from ledger.files.statement import FileKind, checked_content, statement_file
from ledger.forms import NoteForm, PrepareForm
from ledger.models import Settlement, SettlementState
from ledger.statements import database_time
from ledger.tables import Table
from ledger.templatetags.finance import days
from ledger.wording import words_of
from parties.access import is_operator, reachable_brands, reachable_programs
from parties.errors import NotReachable
from parties.models import Role
from parties.second_factor import verified_at

BADGES = {
    SettlementState.PREPARED: "waiting",
    SettlementState.CLOSED: "good",
    SettlementState.REJECTED: "bad",
}


@admin.register(Settlement)
class SettlementAdmin(LedgerAdmin):
    """All statements for the operator; for a brand the closed ones that name it, and of those its own
    part."""

    reach = access.reachable_settlements
    is_recorded_in_services = True
    look_roles = ACCOUNTANTS
    list_display = ("period", "program", "state_badge", "prepared_by", "decided_by", "decided")
    list_filter = ("state", ("program", admin.RelatedOnlyFieldListFilter))
    list_select_related = ("program", "prepared_by", "decided_by")
    ordering = ("-ends_at", "-pk")
    decided = moment_column("decided_at", gettext_lazy("decided at"))

    def get_urls(self) -> list[URLPattern]:
        acts: dict[str, Callable[..., HttpResponse]] = {
            "close": self.close,
            "reject": self.reject,
            "note": self.note,
        }
        own = [
            path(
                f"<int:settlement_id>/{name}/",
                self.admin_site.admin_view(by_post(act)),
                name=f"ledger_settlement_{name}",
            )
            for name, act in acts.items()
        ]
        file = self.admin_site.admin_view(require_safe(self.file))
        own.append(path("<int:settlement_id>/file/<str:kind>/", file, name="ledger_settlement_file"))
        return own + super().get_urls()

    def has_add_permission(self, request: HttpRequest) -> bool:
        return is_operator(request.user, Role.FINANCE)

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        if not self.has_add_permission(request):
            raise PermissionDenied
        now = database_time()
        form = PrepareForm(
            request.POST or None,
            programs=reachable_programs(request.user, Role.FINANCE).filter(is_sandbox=False).order_by("name"),
            today=now.astimezone(JAPAN).date(),
        )
        if form.is_bound and form.is_valid():
            try:
                settlement = ledger.prepare_settlement(
                    program_id=form.cleaned_data["program"].pk,
                    ends_at=form.ends_at(),
                    user=request.user,  # type: ignore[arg-type]  # nobody is here without signing in
                    at=now,
                )
            except LedgerError as refusal:
                form.add_error(None, words_of(refusal))
            else:
                self.log_addition(request, settlement, settlement.state)
                self.message_user(request, _("The statement is prepared."), messages.SUCCESS)
                return HttpResponseRedirect(_page_of(settlement.pk))
        return self.show(request, "settlement_form.html", title=_("Prepare a settlement"), form=form)

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        settlement: Settlement = self.get_object(request, unquote(object_id))
        own_part = self._own_part(request)
        content, damage = _shown(settlement, own_part)
        waiting = settlement.state == SettlementState.PREPARED
        is_finance = is_operator(request.user, Role.FINANCE)
        is_own = settlement.prepared_by_id == request.user.pk
        closed = settlement.state == SettlementState.CLOSED
        return self.show(
            request,
            "settlement_page.html",
            title=_("Settlement"),
            settlement=settlement,
            badge=BADGES[SettlementState(settlement.state)],
            damage=damage,
            is_part=own_part is not None,
            statement=content and _tables(content),
            files=[kind.value for kind in FileKind],
            notes=settlement.notes.select_related("author").order_by("written_at", "pk"),
            note_form=NoteForm() if self._may_note(request, settlement) else None,
            corrections=access.reachable_adjustments(request.user, *ACCOUNTANTS)
            .filter(settlement=settlement)
            .select_related("brand", "acceptor"),
            may_decide=waiting and is_finance and not is_own and content is not None,
            waits_for_another=waiting and is_own,
            may_correct=closed and reachable_brands(request.user, *ASKERS).exists(),
        )

    def _own_part(self, request: HttpRequest) -> list[str] | None:
        """The short names of the person's brands; None for whoever sees whole statements."""
        if access.sees_all(request.user, *(() if request.user.is_superuser else self.look_roles)):
            return None
        return list(reachable_brands(request.user, *self.look_roles).values_list("slug", flat=True))

    def _may_note(self, request: HttpRequest, settlement: Settlement) -> bool:
        return access.reachable_settlements(request.user, Role.FINANCE).filter(pk=settlement.pk).exists()

    def file(self, request: HttpRequest, settlement_id: int, kind: str) -> HttpResponse:
        """The statement, or the brand's part of it, as CSV, XLSX or PDF."""
        settlement: Settlement = self.get_object(request, str(settlement_id))
        if kind not in set(FileKind):
            raise Http404
        try:
            file = statement_file(settlement, FileKind(kind), brands=self._own_part(request))
        except SettlementRefused as refusal:
            self.message_user(request, words_of(refusal), messages.ERROR)
            return HttpResponseRedirect(_page_of(settlement_id))
        response = HttpResponse(file.content, content_type=file.media_type)
        response["Content-Disposition"] = f'attachment; filename="{file.name}"'
        return response

    def close(self, request: HttpRequest, settlement_id: int) -> HttpResponse:
        """Close it, exactly as it was seen."""
        return self._act(
            request,
            settlement_id,
            lambda **who: ledger.close_settlement(
                sha256=request.POST.get("sha256", ""), verified_at=verified_at(request), **who
            ),
            _("The statement is closed."),
        )

    def reject(self, request: HttpRequest, settlement_id: int) -> HttpResponse:
        """Set it aside, so that another one can be prepared."""
        return self._act(request, settlement_id, ledger.reject_settlement, _("The statement was rejected."))

    def note(self, request: HttpRequest, settlement_id: int) -> HttpResponse:
        """Add what somebody has to say."""
        form = NoteForm(request.POST)
        text = form.cleaned_data["text"] if form.is_valid() else ""
        return self._act(
            request,
            settlement_id,
            lambda **who: ledger.note_settlement(text=text, **who),
            _("The note is added."),
        )

    def _act(
        self, request: HttpRequest, settlement_id: int, act: Callable[..., Any], done: str
    ) -> HttpResponse:
        try:
            act(settlement_id=settlement_id, user=request.user, at=database_time())
        except NotReachable as refusal:
            raise Http404 from refusal
        except LedgerError as refusal:
            self.message_user(request, words_of(refusal), messages.ERROR)
        else:
            self.log_change(request, Settlement.objects.get(pk=settlement_id), done)
            self.message_user(request, done, messages.SUCCESS)
        return HttpResponseRedirect(_page_of(settlement_id))

    @admin.display(description=gettext_lazy("period"), ordering="ends_at")
    def period(self, settlement: Settlement) -> str:
        return days(settlement.starts_at, settlement.ends_at)

    @admin.display(description=gettext_lazy("state"), ordering="state")
    def state_badge(self, settlement: Settlement) -> str:
        kind = BADGES[SettlementState(settlement.state)]
        return format_html('<span class="tk-badge tk-{}">{}</span>', kind, settlement.get_state_display())


def _page_of(settlement_id: int) -> str:
    return reverse("admin:ledger_settlement_change", args=(settlement_id,))


def _shown(settlement: Settlement, own_part: list[str] | None) -> tuple[Content | None, str]:
    """What the statement says, or what is wrong with it."""
    try:
        content = checked_content(settlement)
    except SettlementRefused as refusal:
        return None, words_of(refusal)
    return (content if own_part is None else content.of_brands(own_part)), ""


def _tables(content: Content) -> dict[str, Any]:
    names = content.names
    lines = Table(
        _("By store"),
        [
            _("Brand that pays"),
            _("Accepting brand"),
            _("Store"),
            _("Points"),
            _("Of an earlier period"),
            _("Yen"),
        ],
        [
            [
                line.names.funder_name,
                line.names.acceptor_name,
                line.names.store_name,
                line.points,
                line.earlier_points,
                line.yen,
            ]
            for line in content.lines
        ],
    )
    pairs = Table(
        _("By pair of brands"),
        [_("Brand that pays"), _("Accepting brand"), _("Points"), _("Yen")],
        [[names[pair.funder], names[pair.acceptor], pair.points, pair.yen] for pair in content.pairs],
        [_("Total"), "", content.total.points, content.total.yen],
    )
    dues = Table(
        _("Net payments"),
        [_("Pays"), _("Receives"), _("Yen")],
        [[names[due.debtor], names[due.creditor], due.yen] for due in content.dues],
    )
    positions = Table(
        _("By brand"),
        [_("Brand"), _("Receives (yen)"), _("Pays (yen)"), _("Balance (yen)")],
        [
            [names[slug], position.receivable, position.payable, position.net]
            for slug, position in content.positions.items()
        ],
    )
    return {"dues": dues, "positions": positions, "pairs": pairs, "lines": lines, "total": content.total}
