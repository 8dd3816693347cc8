"""Which alerts call whom, and whether the watch is awake."""

from datetime import datetime

from django.db.models import QuerySet

from campaigns.access import reachable_alerts
from campaigns.alert_models import Alert, NoAlertMail, Watch
from campaigns.alert_rules import DEAD_AFTER
from parties.access import Person


def calling(user: Person) -> QuerySet[Alert]:
    """Open alerts that nobody has seen to, the most urgent first."""
    found = reachable_alerts(user).filter(ended_at=None, acknowledged_by=None)
    return found.select_related("brand").order_by("-level", "-opened_at", "-pk")


def last_look() -> datetime | None:
    """When the watch looked last; None if it never did."""
    return Watch.objects.filter(pk=1).values_list("looked_at", flat=True).first()


def is_asleep(looked_at: datetime | None, *, at: datetime) -> bool:
    """Whether it should have looked since: beat, or every worker, is away."""
    return looked_at is None or looked_at < at - DEAD_AFTER


def gets_mails(user: Person) -> bool:
    """Whether the person wants mails about alerts."""
    return not NoAlertMail.objects.filter(user=user.pk).exists()
