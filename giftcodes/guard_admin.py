"""Guessing, for the operator's support and auditors: state, refused tries, locks; and lifting a lock."""

from datetime import datetime, timedelta
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from redis.exceptions import RedisError

from giftcodes import guard_queries, queries, services
from giftcodes.errors import LiftRefused
from giftcodes.guard_models import Alarm, Attempt, ClaimLock
from giftcodes.guarding import guard
from giftcodes.guarding.rules import STRIKES_PER_NETWORK, STRIKES_PER_PERSON, Level
from ledger.charts import line_chart
from parties.access import Person, is_operator
from parties.models import Role
from parties.scoped_admin import ScopedAdmin

LOOKERS = (Role.SUPPORT, Role.AUDITOR)
HOURS_SHOWN = 48
LEVELS = {
    Level.OPEN: gettext_lazy("Normal"),
    Level.CHALLENGE: gettext_lazy("Everyone does a proof of work"),
    Level.CLOSED: gettext_lazy("Closed to everyone who is not signed in; proof of work"),
}


def _story(reference: str, now: datetime) -> dict[str, Any]:
    """All that is known of a refused try: the code behind it, the person's strikes, their newest lock."""
    found = guard_queries.by_reference(reference) if reference else None
    if found is None:
        return {"found": None}
    serial_number = found.attempt.serial_number
    return {
        "found": found,
        "status": None if serial_number is None else queries.status_of_serial(serial_number, at=now),
        "strikes": guard_queries.strikes_of(found.attempt.person, now=now),
        "lock_stands": found.lock is not None and guard_queries.is_standing(found.lock, now=now),
    }


def _sees(user: Person, *roles: Role) -> bool:
    return is_operator(user, *roles) or (not roles and bool(user.is_active) and user.is_superuser)


class _GuardAdmin(ScopedAdmin):
    operators_only = True
    look_roles = LOOKERS

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


def _attempts(user: Person, *roles: Role) -> QuerySet[Attempt]:
    return Attempt.objects.all() if _sees(user, *roles) else Attempt.objects.none()


def _locks(user: Person, *roles: Role) -> QuerySet[ClaimLock]:
    return ClaimLock.objects.all() if _sees(user, *roles) else ClaimLock.objects.none()


def _alarms(user: Person, *roles: Role) -> QuerySet[Alarm]:
    return Alarm.objects.all() if _sees(user, *roles) else Alarm.objects.none()


@admin.register(Attempt)
class AttemptAdmin(_GuardAdmin):
    """Refused tries; the search takes a reference number."""

    reach = _attempts
    list_display = ("reference", "at", "outcome", "network", "serial_number", "is_in_issued_range")
    list_filter = ("outcome",)
    search_fields = ("reference__exact", "person__exact", "network__exact")
    fields = (*list_display, "series", "person", "address")
    readonly_fields = fields


@admin.register(Alarm)
class AlarmAdmin(_GuardAdmin):
    """When the breaker changed, and keys that may have leaked."""

    reach = _alarms
    list_display = ("at", "kind", "tries", "unknown", "series")
    list_filter = ("kind",)
    fields = list_display
    readonly_fields = fields


@admin.register(ClaimLock)
class ClaimLockAdmin(_GuardAdmin):
    """The overview, where other admins have their list; and one lock, with the form that lifts it."""

    reach = _locks

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.lift_view)
        return [path("<int:lock_id>/lift/", view, name="giftcodes_claimlock_lift"), *super().get_urls()]

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        """State, chart, locks that stand, the last alarms, and the look-up of a reference number."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        now = timezone.now()
        hours = guard_queries.refusals_by_hour(now=now, hours=HOURS_SHOWN)
        labels = [f"{timezone.localtime(hour.begins_at):%m-%d %H:%M}" for hour in hours]
        lines = [
            (_("Unknown codes"), [hour.unknown for hour in hours]),
            (_("Real codes, not usable"), [hour.not_usable for hour in hours]),
        ]
        reference = request.GET.get("reference", "").strip().upper()[:8]
        return self._show(
            request,
            "guard_page.html",
            title=_("Guessing and locks"),
            level=LEVELS[guard.level(at=now)],
            is_calm=guard.level(at=now) == Level.OPEN,
            chart=line_chart(_("Refused codes per hour"), labels, lines),
            locks=guard_queries.standing_locks(now=now),
            alarms=Alarm.objects.order_by("-pk")[:10],
            near=guard_queries.near_lock(now=now),
            strikes_to_lock=STRIKES_PER_PERSON,
            networks=guard_queries.busiest_networks(since=now - timedelta(days=1)),
            strikes_to_close=STRIKES_PER_NETWORK,
            reference=reference,
            **_story(reference, now),
            may_lift=is_operator(request.user, Role.SUPPORT),
        )

    def lift_view(self, request: HttpRequest, lock_id: int) -> HttpResponse:
        """POST lifts the lock, with a reason; GET asks for it. Support of the operator alone."""
        if not is_operator(request.user, Role.SUPPORT):
            raise PermissionDenied
        lock = self.get_object(request, str(lock_id))
        if request.method == "POST" and self._lift(request, lock):
            return HttpResponseRedirect(reverse("admin:giftcodes_claimlock_changelist"), status=303)
        return self._show(request, "lift_page.html", title=_("Lift a lock"), lock=lock)

    def _lift(self, request: HttpRequest, lock: ClaimLock) -> bool:
        reason = request.POST.get("reason", "")[:200]
        try:
            services.lift_lock(lock_id=lock.pk, reason=reason, user=request.user, at=timezone.now())  # type: ignore[arg-type]
        except LiftRefused:
            messages.error(request, _("Give a reason. A lock that is over can't be lifted."))
        except RedisError:
            messages.error(request, _("The counters can't be reached. Lift the lock once more in a moment."))
        else:
            messages.success(request, _("The lock is lifted: the member can receive points at once."))
            return True
        return False

    def _show(self, request: HttpRequest, template: str, **context: Any) -> TemplateResponse:
        frame = {**self.admin_site.each_context(request), "opts": self.opts}
        return TemplateResponse(request, f"giftcodes/{template}", frame | context)
