"""What somebody should look at: alerts, who is told of them by mail, when they are raised; and the counts of
claims by the hour that they, and the home page, are read from.
"""

import uuid

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from parties.models import Brand, User

MOST_NOTE_LETTERS = 200


class AlertKind(models.TextChoices):
    """The values are part of what partner systems are told: none is ever renamed."""

    BUDGET_LOW = "budget_low", pgettext_lazy("alert", "gifts run short")
    FUNDS_LOW = "funds_low", pgettext_lazy("alert", "funds run short")
    CLAIM_RATE = "claim_rate", pgettext_lazy("alert", "unusually many claims")
    WINDOW_BEGINS = "window_begins", pgettext_lazy("alert", "claiming begins soon")
    WINDOW_ENDS = "window_ends", pgettext_lazy("alert", "claiming ends soon")
    NOT_READY = "not_ready", pgettext_lazy("alert", "codes not handed over in time")
    BREAKER = "breaker", pgettext_lazy("alert", "the guard against guessing has tripped")
    SERIES_DENSITY = "series_density", pgettext_lazy("alert", "a code series fills up")
    WORK_BEHIND = "work_behind", pgettext_lazy("alert", "background work is late")


class BrandAlertKind(models.TextChoices):
    """Those that are about one brand, which it may tune."""

    BUDGET_LOW = AlertKind.BUDGET_LOW.value, AlertKind.BUDGET_LOW.label
    FUNDS_LOW = AlertKind.FUNDS_LOW.value, AlertKind.FUNDS_LOW.label
    CLAIM_RATE = AlertKind.CLAIM_RATE.value, AlertKind.CLAIM_RATE.label
    WINDOW_BEGINS = AlertKind.WINDOW_BEGINS.value, AlertKind.WINDOW_BEGINS.label
    WINDOW_ENDS = AlertKind.WINDOW_ENDS.value, AlertKind.WINDOW_ENDS.label
    NOT_READY = AlertKind.NOT_READY.value, AlertKind.NOT_READY.label


OPERATOR_KINDS = sorted(set(AlertKind.values) - set(BrandAlertKind.values))


class Level(models.IntegerChoices):
    INFO = 1, pgettext_lazy("alert", "for your information")
    WARNING = 2, pgettext_lazy("alert", "please look")
    URGENT = 3, pgettext_lazy("alert", "urgent")


class Alert(models.Model):
    """Something that somebody should look at, from the moment it was found until it was so no more.

    `subject` names the row it is about ("order:12"), or the part of the site; there is one open alert per
    kind and subject. `facts` are the figures for its words, as they were last seen: numbers, moments and
    names, no code and no person. Alerts without a brand are the operator's.
    """

    public_id = models.UUIDField(_("alert number"), default=uuid.uuid4, unique=True, editable=False)
    brand = models.ForeignKey(
        Brand, models.PROTECT, null=True, related_name="alerts", verbose_name=_("brand"), db_index=False
    )
    kind = models.CharField(pgettext_lazy("alert", "kind"), max_length=20, choices=AlertKind.choices)
    subject = models.CharField(_("about"), max_length=64)
    about = models.CharField(_("about, as partner systems call it"), max_length=64)
    level = models.PositiveSmallIntegerField(_("level"), choices=Level.choices)
    facts = models.JSONField(_("particulars"))
    opened_at = models.DateTimeField(_("first seen"))
    seen_at = models.DateTimeField(_("last seen"))
    ended_at = models.DateTimeField(pgettext_lazy("alert", "over since"), null=True)
    acknowledged_by = models.ForeignKey(
        User, models.PROTECT, null=True, related_name="+", verbose_name=_("handled by")
    )
    acknowledged_at = models.DateTimeField(_("handled since"), null=True)
    note = models.CharField(pgettext_lazy("alert", "note"), max_length=MOST_NOTE_LETTERS, blank=True)

    class Meta:
        verbose_name = _("alert")
        verbose_name_plural = _("alerts")
        constraints = [
            models.UniqueConstraint(
                fields=["kind", "subject"], condition=Q(ended_at=None), name="campaigns_alert_open_once"
            ),
            models.CheckConstraint(
                condition=Q(kind__in=OPERATOR_KINDS, brand=None)
                | Q(kind__in=BrandAlertKind.values, brand__isnull=False),
                name="campaigns_alert_kind_and_brand",
            ),
            models.CheckConstraint(condition=Q(level__in=Level.values), name="campaigns_alert_level_known"),
            models.CheckConstraint(condition=~Q(subject=""), name="campaigns_alert_has_subject"),
            models.CheckConstraint(
                condition=Q(seen_at__gte=F("opened_at")) & (Q(ended_at=None) | Q(ended_at__gte=F("seen_at"))),
                name="campaigns_alert_in_order",
            ),
            models.CheckConstraint(
                condition=Q(acknowledged_by=None, acknowledged_at=None, note="")
                | (Q(acknowledged_by__isnull=False, acknowledged_at__isnull=False) & ~Q(note="")),
                name="campaigns_alert_seen_to_by_somebody",
            ),
        ]
        indexes = [models.Index(fields=["brand", "-id"], name="campaigns_alert_of_brand")]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} ({self.about})"


class AlertRule(models.Model):
    """When a brand wants to be alerted of a kind, and whether by mail. Without one, what
    `alert_rules` says by default.
    """

    brand = models.ForeignKey(
        Brand, models.PROTECT, related_name="alert_rules", verbose_name=_("brand"), db_index=False
    )
    kind = models.CharField(pgettext_lazy("alert", "kind"), max_length=20, choices=BrandAlertKind.choices)
    threshold = models.PositiveSmallIntegerField(_("threshold"))
    is_mailed = models.BooleanField(_("told by mail"), default=True)

    class Meta:
        verbose_name = _("alert setting")
        verbose_name_plural = _("alert settings")
        constraints = [
            models.UniqueConstraint(fields=["brand", "kind"], name="campaigns_alertrule_once"),
            models.CheckConstraint(
                condition=Q(kind__in=BrandAlertKind.values), name="campaigns_alertrule_kind_known"
            ),
            models.CheckConstraint(
                condition=Q(threshold__gte=1, threshold__lte=90), name="campaigns_alertrule_threshold"
            ),
        ]

    def __str__(self) -> str:
        return self.get_kind_display()


class MailState(models.TextChoices):
    WAITING = "waiting", pgettext_lazy("alert mail", "waiting")
    SENDING = "sending", pgettext_lazy("alert mail", "being sent")
    SENT = "sent", pgettext_lazy("alert mail", "sent")
    NEEDLESS = "needless", pgettext_lazy("alert mail", "not sent: it was over, or not wanted")
    GIVEN_UP = "given_up", pgettext_lazy("alert mail", "given up")


class AlertMail(models.Model):
    """One person is told of one alert: when it opens, and once more when it becomes more urgent. The table is
    the queue; `letter` is the mail in which a worker has it in hand, and until when stands in `due_at`.
    """

    alert = models.ForeignKey(Alert, models.CASCADE, related_name="mails", db_index=False)
    recipient = models.ForeignKey(User, models.CASCADE, related_name="+")
    state = models.CharField(max_length=8, choices=MailState.choices, default=MailState.WAITING)
    due_at = models.DateTimeField()
    tries = models.PositiveSmallIntegerField(default=0)
    letter = models.UUIDField(null=True)

    class Meta:
        verbose_name = _("mail about an alert")
        verbose_name_plural = _("mails about alerts")
        constraints = [
            models.UniqueConstraint(fields=["alert", "recipient"], name="campaigns_alertmail_once"),
            models.CheckConstraint(
                condition=Q(state__in=MailState.values), name="campaigns_alertmail_state_known"
            ),
            models.CheckConstraint(
                condition=~Q(state="sending") | Q(letter__isnull=False),
                name="campaigns_alertmail_in_a_letter",
            ),
        ]
        indexes = [
            models.Index(
                fields=["due_at", "id"],
                condition=Q(state__in=["waiting", "sending"]),
                name="campaigns_alertmail_due",
            ),
            models.Index(fields=["letter"], condition=Q(state="sending"), name="campaigns_alertmail_letter"),
        ]

    def __str__(self) -> str:
        return f"{self.alert_id} {self.recipient_id}"


class NoAlertMail(models.Model):
    """The person wants no mails about alerts; the home page shows them all the same."""

    user = models.OneToOneField(User, models.CASCADE, primary_key=True, related_name="+")
    since = models.DateTimeField()

    class Meta:
        verbose_name = _("no mails about alerts")
        verbose_name_plural = _("no mails about alerts")

    def __str__(self) -> str:
        return str(self.user_id)


class ClaimCount(models.Model):
    """How many codes of a campaign were claimed in the hour from `hour` on, and for how many points."""

    campaign = models.ForeignKey(
        "campaigns.Campaign", models.PROTECT, related_name="claim_counts", db_index=False
    )
    hour = models.DateTimeField()
    claims = models.PositiveBigIntegerField()
    points = models.PositiveBigIntegerField()

    class Meta:
        verbose_name = _("claims of an hour")
        verbose_name_plural = _("claims of hours")
        constraints = [
            models.UniqueConstraint(fields=["campaign", "hour"], name="campaigns_claimcount_once"),
        ]
        indexes = [models.Index(fields=["hour"], name="campaigns_claimcount_hour")]

    def __str__(self) -> str:
        return f"{self.campaign_id} {self.hour:%Y-%m-%d %H}: {self.claims}"


class Watch(models.Model):
    """The one row of the watch: up to which posting claims are counted, and when it last looked. It stands
    still when beat, or every worker, is away.
    """

    counted_until = models.BigIntegerField(default=0)
    looked_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name = _("watch")
        verbose_name_plural = _("watches")
        constraints = [models.CheckConstraint(condition=Q(pk=1), name="campaigns_watch_one_row")]

    def __str__(self) -> str:
        return str(self.counted_until)
