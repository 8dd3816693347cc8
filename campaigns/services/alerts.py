"""Open alerts for what calls for attention, keep them up to date, end them; and what people do about them."""

from datetime import datetime
from typing import NamedTuple

from django.db import IntegrityError, transaction
from django.db.models import Q, QuerySet

from campaigns.access import access_alert
from campaigns.alert_findings import Finding, Settings, findings_of_brands
from campaigns.alert_models import (
    MOST_NOTE_LETTERS,
    Alert,
    AlertKind,
    AlertMail,
    BrandAlertKind,
    Level,
    MailState,
    NoAlertMail,
)
from campaigns.errors import AlertRefused
from campaigns.operator_findings import findings_of_operator
from giftcodes.masking import mask_codes
from parties import audit_log, events
from parties.event_models import EventType
from parties.events import NewEvent
from parties.models import Role, User
from parties.moments import rfc3339
from parties.staff_models import Act

MINDERS = (Role.MARKETER, Role.APPROVER, Role.FINANCE, Role.SUPPORT)
_SEND_TO = {
    AlertKind.FUNDS_LOW: (Role.FINANCE, Role.MARKETER),
    AlertKind.CLAIM_RATE: (Role.MARKETER, Role.SUPPORT),
}


class Looked(NamedTuple):
    """How many alerts one look opened, and how many it ended."""

    opened: int
    ended: int


def look_for_alerts(*, at: datetime) -> Looked:
    """Look at everything as it is now: one alert per kind and subject opens, goes on while it is so, ends.

    One that has become more urgent calls its people once more, also if somebody saw to it before; it becomes
    no less urgent until it is over. Repeating it changes nothing. Of any number of calls at once one opens an
    alert, by the unique key, and one lets it rise or ends it, by a filtered update; with it go its mails and
    the event for the brand's partner systems. A call that began before another one's look (`at`) ends nothing
    that the other one has seen.
    """
    settings, found = Settings(), _found(at)
    known = {(alert.kind, alert.subject): alert for alert in Alert.objects.filter(ended_at=None)}
    new = [finding for key, finding in found.items() if key not in known and finding.opens]
    opened = sum(_open(finding, settings, at) for finding in new)
    over = [alert for key, alert in known.items() if key not in found]
    ended = sum(_end(alert, at) for alert in over)
    going_on = [(alert, found[key]) for key, alert in known.items() if key in found]
    for alert, finding in going_on:
        if finding.level > alert.level:
            _rise(alert, finding, settings, at)
    _go_on(going_on, at)
    return Looked(opened, ended)


def acknowledge_alert(*, alert_id: int, note: str, user: User, at: datetime) -> Alert:
    """Note that somebody sees to it, and what they do. It stays open until it is over, and calls nobody any
    more.

    NotReachable for auditors and others' people; AlertRefused without a note (`note`), or if somebody was
    faster (`seen_to`).
    """
    access_alert(user, alert_id, *MINDERS)
    said = mask_codes(note.strip()).text
    if not 0 < len(said) <= MOST_NOTE_LETTERS:
        raise AlertRefused("note")
    with transaction.atomic():
        waiting = Alert.objects.filter(pk=alert_id, acknowledged_by=None)
        if not waiting.update(acknowledged_by=user, acknowledged_at=at, note=said):
            raise AlertRefused("seen_to")
        alert = Alert.objects.select_related("brand").get(pk=alert_id)
        audit_log.record(Act.CONFIRMED, by=user, subject=alert, reason=said)
    return alert


def wish_for_mails(*, user: User, is_wanted: bool, at: datetime) -> None:
    """Whether the person gets mails about alerts from now on; what waits is not sent either, if not."""
    if is_wanted:
        NoAlertMail.objects.filter(user=user).delete()
    else:
        NoAlertMail.objects.get_or_create(user=user, defaults={"since": at})


def people_told(kind: AlertKind, brand_id: int | None) -> QuerySet[User]:
    """Who gets mails about such an alert: by role in the brand (the operator's, if it has none); of the
    operator's own alerts all of its people. Not those who want none.
    """
    active = User.objects.filter(is_active=True, is_staff=True).exclude(email=None).exclude(email="")
    wanting = active.exclude(pk__in=NoAlertMail.objects.values("user"))
    if brand_id is None:
        return wanting.filter(staff_roles__brand=None, staff_roles__isnull=False).distinct()
    roles = {"staff_roles__role__in": _SEND_TO.get(kind, (Role.MARKETER,))}
    own = wanting.filter(**roles, staff_roles__brand=brand_id)
    return (own if own.exists() else wanting.filter(**roles, staff_roles__brand=None)).distinct()


def _found(at: datetime) -> dict[tuple[str, str], Finding]:
    """By kind and subject; of two about one, the one that opens."""
    found: dict[tuple[str, str], Finding] = {}
    for finding in [*findings_of_brands(at=at), *findings_of_operator(at=at)]:
        key = (finding.kind.value, finding.subject)
        if key not in found or not found[key].opens:
            found[key] = finding
    return found


def _open(finding: Finding, settings: Settings, at: datetime) -> bool:
    """Whether this call opened it."""
    of_subject = Alert.objects.filter(kind=finding.kind, subject=finding.subject)
    try:
        with transaction.atomic():
            if of_subject.filter(ended_at__gte=at).exists():
                return False  # a later look has seen that it is over
            alert = Alert.objects.create(
                brand_id=finding.brand_id,
                kind=finding.kind,
                subject=finding.subject,
                about=finding.about,
                level=finding.level,
                facts=finding.facts,
                opened_at=at,
                seen_at=at,
            )
            _queue_mails(alert, settings, at)
            _tell_partners(alert, EventType.ALERT_OPENED, at)
    except IntegrityError:
        if not of_subject.filter(ended_at=None).exists():
            raise
        return False
    return True


def _queue_mails(alert: Alert, settings: Settings, at: datetime) -> None:
    kind = AlertKind(alert.kind)
    if alert.brand_id is not None and not settings.of(alert.brand_id, kind).is_mailed:
        return
    people = people_told(kind, alert.brand_id).order_by("pk")
    mails = [AlertMail(alert=alert, recipient=person, due_at=at) for person in people]
    AlertMail.objects.bulk_create(mails, ignore_conflicts=True)


@transaction.atomic
def _rise(alert: Alert, finding: Finding, settings: Settings, at: datetime) -> None:
    """The filtered update decides who calls: of any number of looks at once, one."""
    calmer = Alert.objects.filter(pk=alert.pk, ended_at=None, level__lt=finding.level)
    if calmer.update(level=finding.level, acknowledged_by=None, acknowledged_at=None, note=""):
        told = AlertMail.objects.filter(alert=alert, state__in=[MailState.SENT, MailState.NEEDLESS])
        told.update(state=MailState.WAITING, due_at=at, tries=0, letter=None)
        _queue_mails(alert, settings, at)
    alert.level = finding.level


def _tell_partners(alert: Alert, event: EventType, at: datetime) -> None:
    if alert.brand_id is None:
        return
    data = {
        "kind": BrandAlertKind(alert.kind).value,
        "level": Level(alert.level).name.lower(),
        "about": alert.about,
        "opened_at": rfc3339(alert.opened_at),
    }
    if event == EventType.ALERT_ENDED:
        data["ended_at"] = rfc3339(at)
    told = NewEvent(event, str(alert.public_id), data)
    events.record(brand_id=alert.brand_id, events=[told], at=at)


@transaction.atomic
def _end(alert: Alert, at: datetime) -> bool:
    """Whether this call ended it."""
    if not Alert.objects.filter(pk=alert.pk, ended_at=None, seen_at__lte=at).update(ended_at=at):
        return False
    _tell_partners(alert, EventType.ALERT_ENDED, at)
    return True


def _go_on(seen: list[tuple[Alert, Finding]], at: datetime) -> None:
    """Note that they still are so, and how much."""
    changed = []
    for alert, finding in seen:
        if alert.facts != finding.facts:
            alert.facts = finding.facts
            changed.append(alert)
    Alert.objects.bulk_update(changed, ["facts"], batch_size=200)
    going_on = Q(ended_at=None, seen_at__lt=at, pk__in=[alert.pk for alert, _finding in seen])
    Alert.objects.filter(going_on).update(seen_at=at)
