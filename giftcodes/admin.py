"""The code engine in the admin: looked at, never typed into. No page here can show a code."""

from typing import Any

from django.contrib import admin
from django.contrib.admin.utils import flatten_fieldsets
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.formats import number_format
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from giftcodes import (
    access,
    gift_admin,  # noqa: F401  # registers its own
    guard_admin,  # noqa: F401  # the same
    queries,
)
from giftcodes.inlines import ReadOnlyInline
from giftcodes.models import (
    MAX_LIVE_CODES,
    Batch,
    BatchState,
    BatchSwitch,
    Channel,
    Claim,
    Delivery,
    Series,
    Void,
)
from parties.access import Person, is_operator
from parties.models import Member, Role
from parties.periods import end_text, moment_text
from parties.scoped_admin import ScopedAdmin

BADGES = {
    BatchState.APPROVED: "waiting",
    BatchState.MINTING: "waiting",
    BatchState.MINTED: "waiting",
    BatchState.ACTIVE: "good",
    BatchState.PAUSED: "bad",
    BatchState.CLOSED: "quiet",
}


def _series(user: Person, *roles: Role) -> QuerySet[Series]:
    sees = is_operator(user, *roles) or (not roles and user.is_active and user.is_superuser)
    return Series.objects.all() if sees else Series.objects.none()


@admin.register(Series)
class SeriesAdmin(ScopedAdmin):
    """Generations of the code key, for the operator."""

    reach = _series
    operators_only = True
    list_display = ("digit", "live", "density", "next_serial", "created_at")
    fields = ("digit", "alg_id", "master_key_id", "live", "density", "next_serial", "created_at")
    readonly_fields = fields
    ordering = ("digit",)

    @admin.display(description=gettext_lazy("live codes"), ordering="live_codes")
    def live(self, series: Series) -> str:
        return number_format(series.live_codes, force_grouping=True)

    @admin.display(description=gettext_lazy("share of the density stop"))
    def density(self, series: Series) -> str:
        return f"{series.live_codes / MAX_LIVE_CODES:.1%}"


class ChannelInline(ReadOnlyInline):
    model = Channel
    fields = ("name", "first_serial", "size")


class VoidInline(ReadOnlyInline):
    model = Void
    fields = ("first_serial", "last_serial", "codes", "reason", "requested_by", "approved_by", "voided_at")


class SwitchInline(ReadOnlyInline):
    model = BatchSwitch
    fields = ("is_pause", "reason", "switched_by", "switched_at")


@admin.register(Batch)
class BatchAdmin(ScopedAdmin):
    """The codes of approved orders: terms, progress and where the codes are now."""

    reach = access.reachable_batches
    list_display = ("serials", "brand", "codes", "points", "state_badge", "first_minute", "last_minute")
    list_filter = ("state", ("brand", admin.RelatedOnlyFieldListFilter))
    list_select_related = ("brand", "series")
    inlines = (ChannelInline, VoidInline, SwitchInline)
    fieldsets = (
        (None, {"fields": ("serials", "public_id", "brand", "state_badge", "minted", "where_codes_are")}),
        (
            gettext_lazy("Terms"),
            {
                "fields": (
                    "points",
                    "first_minute",
                    "last_minute",
                    "lot_life_days",
                    "limit_per_member",
                    "claim_url_base",
                    "activation",
                )
            },
        ),
        (
            gettext_lazy("Steps"),
            {"fields": ("approved_at", "minted_at", "activated_at", "closed_at")},
        ),
    )

    class Media:
        css = {"all": ("parties/admin.css",)}

    def get_readonly_fields(self, request: HttpRequest, obj: Batch | None = None) -> tuple[str, ...]:
        return tuple(flatten_fieldsets(self.fieldsets))

    @admin.display(description=gettext_lazy("serial numbers"), ordering="first_serial")
    def serials(self, batch: Batch) -> str:
        return f"{batch.first_claim_id}–{batch.end_claim_id - 1}"

    @admin.display(description=gettext_lazy("codes"), ordering="size")
    def codes(self, batch: Batch) -> str:
        return number_format(batch.size, force_grouping=True)

    @admin.display(description=gettext_lazy("points per code"), ordering="face_points")
    def points(self, batch: Batch) -> str:
        return number_format(batch.face_points, force_grouping=True)

    @admin.display(description=gettext_lazy("claimable until"), ordering="claim_until")
    def last_minute(self, batch: Batch) -> str:
        return end_text(batch.claim_until)

    @admin.display(description=gettext_lazy("claimable from"), ordering="claim_from")
    def first_minute(self, batch: Batch) -> str:
        return moment_text(batch.claim_from)

    @admin.display(description=gettext_lazy("state"), ordering="state")
    def state_badge(self, batch: Batch) -> str:
        kind = BADGES[BatchState(batch.state)]
        return format_html('<span class="tk-badge tk-{}">{}</span>', kind, batch.get_state_display())

    @admin.display(description=gettext_lazy("minted codes"))
    def minted(self, batch: Batch) -> str:
        return number_format(batch.minted_codes, force_grouping=True)

    @admin.display(description=gettext_lazy("where the codes are"))
    def where_codes_are(self, batch: Batch) -> str:
        counts = queries.counts_of(batch)
        return _(
            "%(unclaimed)s unclaimed, %(claimed)s claimed, %(voided)s withdrawn, %(expired)s expired"
        ) % {
            "unclaimed": number_format(counts.unclaimed, force_grouping=True),
            "claimed": number_format(counts.claimed, force_grouping=True),
            "voided": number_format(counts.voided, force_grouping=True),
            "expired": number_format(counts.expired, force_grouping=True),
        }


def _deliveries(user: Person, *roles: Role) -> QuerySet[Delivery]:
    return Delivery.objects.filter(batch__in=access.reachable_batches(user, *roles))


@admin.register(Delivery)
class DeliveryAdmin(ScopedAdmin):
    """Who was given which file, and when. The file itself is handed over on the page of its order."""

    reach = _deliveries
    list_display = ("public_id", "batch", "recipient", "sealed_at", "downloaded_at", "passphrase_shown_at")
    list_select_related = ("batch", "recipient")
    fields = (
        "public_id",
        "batch",
        "recipient",
        "row_count",
        "total_points",
        "content_sha256",
        "sealed_sha256",
        "sealed_bytes",
        "sealed_at",
        "downloaded_at",
        "passphrase_shown_at",
    )
    readonly_fields = fields


def _claims(user: Person, *roles: Role) -> QuerySet[Claim]:
    return Claim.objects.filter(batch__in=access.reachable_batches(user, *roles))


@admin.register(Claim)
class ClaimAdmin(ScopedAdmin):
    """Claims by their public serial number, for support."""

    reach = _claims
    look_roles = (Role.SUPPORT, Role.FINANCE, Role.AUDITOR)
    list_display = ("id", "of_batch", "points", "by_member", "claimed_at")
    list_select_related = ("batch", "member")
    search_fields = ("id",)
    search_help_text = gettext_lazy("The ten digits of a serial number, never a code.")
    fields = ("id", "of_batch", "points", "by_member", "claimed_at")
    readonly_fields = fields

    @admin.display(description=gettext_lazy("batch"), ordering="batch")
    def of_batch(self, claim: Claim) -> Batch:
        return claim.batch

    @admin.display(description=gettext_lazy("member"), ordering="member")
    def by_member(self, claim: Claim) -> Member | None:
        return claim.member

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """By the whole number alone: an index lookup, and nothing to guess along."""
        if not search_term:
            return queryset, False
        number = search_term.strip()
        is_serial_number = number.isdecimal() and len(number) == 10
        return (queryset.filter(pk=int(number)) if is_serial_number else queryset.none()), False
