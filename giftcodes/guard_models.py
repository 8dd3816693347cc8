"""What the guard against guessing leaves in the database: refused tries, locks, alarms; and counters for
when there is no Redis. No code stands here, and no address: persons and addresses are keyed hashes.
"""

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from parties.models import Member, User

DAYS_KEPT = 90  # of refused tries: as long as support is asked about them; see the README


class Outcome(models.TextChoices):
    UNKNOWN = "unknown", _("no such code")
    NOT_USABLE = "not_usable", _("a real code, not usable now")


class Attempt(models.Model):
    """A well-formed code that was refused. Never edited; deleted when it is older than DAYS_KEPT."""

    reference = models.CharField(_("reference number"), max_length=8, unique=True)
    at = models.DateTimeField(_("time"))
    person = models.CharField(_("person (hash)"), max_length=32)
    address = models.CharField(_("address (hash)"), max_length=32)
    network = models.CharField(_("network"), max_length=50)
    outcome = models.CharField(_("outcome"), max_length=10, choices=Outcome.choices)
    series = models.PositiveSmallIntegerField(_("series"))
    is_in_issued_range = models.BooleanField(_("serial in an issued range"))
    serial_number = models.BigIntegerField(_("serial number"), null=True)

    class Meta:
        verbose_name = _("refused try")
        verbose_name_plural = _("refused tries")
        constraints = [
            models.CheckConstraint(
                condition=Q(outcome__in=Outcome.values), name="giftcodes_attempt_outcome_known"
            ),
            # The serial number of a guess is no serial number: it is kept of real codes alone.
            models.CheckConstraint(
                condition=Q(outcome="not_usable", serial_number__isnull=False)
                | Q(outcome="unknown", serial_number=None),
                name="giftcodes_attempt_serial_of_real",
            ),
        ]
        indexes = [
            models.Index(fields=["at"], name="giftcodes_attempt_at"),
            models.Index(fields=["person", "at"], name="giftcodes_attempt_of_person"),
            models.Index(
                fields=["serial_number"],
                name="giftcodes_attempt_of_serial",
                condition=Q(serial_number__isnull=False),
            ),
            models.Index(
                fields=["series", "id"], name="giftcodes_attempt_unknown", condition=Q(outcome="unknown")
            ),
        ]

    def __str__(self) -> str:
        return self.reference


class ClaimLock(models.Model):
    """Somebody may not claim for a day: too many unknown codes. Never edited, never deleted.

    `member` is NULL for a browser in which nobody was signed in: whatever number was typed there, its member
    is not who typed it.
    """

    reference = models.CharField(_("reference number"), max_length=8, unique=True)
    person = models.CharField(_("person (hash)"), max_length=32)
    member = models.ForeignKey(
        Member, models.PROTECT, null=True, related_name="+", db_constraint=False, verbose_name=_("member")
    )
    locked_at = models.DateTimeField(_("locked at"))
    locked_until = models.DateTimeField(_("locked until"))

    class Meta:
        verbose_name = _("claim lock")
        verbose_name_plural = _("claim locks")
        constraints = [
            models.CheckConstraint(
                condition=Q(locked_until__gt=F("locked_at")), name="giftcodes_claimlock_has_length"
            ),
        ]
        indexes = [models.Index(fields=["person", "locked_until"], name="giftcodes_claimlock_of_person")]

    def __str__(self) -> str:
        return self.reference


class LockLift(models.Model):
    """Support ended a lock early, and why. Never edited, never deleted; at most one per lock."""

    lock = models.OneToOneField(ClaimLock, models.PROTECT, related_name="lift", verbose_name=_("claim lock"))
    reason = models.CharField(_("reason"), max_length=200)
    lifted_by = models.ForeignKey(User, models.PROTECT, related_name="+", verbose_name=_("lifted by"))
    lifted_at = models.DateTimeField(_("lifted at"))

    class Meta:
        verbose_name = _("lifted lock")
        verbose_name_plural = _("lifted locks")
        constraints = [models.CheckConstraint(condition=~Q(reason=""), name="giftcodes_locklift_has_reason")]

    def __str__(self) -> str:
        return str(self.lock)


class AlarmKind(models.TextChoices):
    CHALLENGE = "challenge", _("proof of work asked of everyone")
    CLOSED = "closed", _("closed to everyone who is not signed in")
    CALM = "calm", _("back to normal")
    KEY_LEAK = "key_leak", _("a series key may have leaked")


class Alarm(models.Model):
    """The breaker changed its state, or guesses hit issued ranges too often. Never edited or deleted."""

    kind = models.CharField(_("what"), max_length=10, choices=AlarmKind.choices)
    at = models.DateTimeField(_("time"))
    tries = models.PositiveIntegerField(_("tries counted"))
    unknown = models.PositiveIntegerField(_("of these unknown, or in an issued range"))
    series = models.PositiveSmallIntegerField(_("series"), null=True)

    class Meta:
        verbose_name = _("alarm")
        verbose_name_plural = _("alarms")
        constraints = [
            models.CheckConstraint(condition=Q(kind__in=AlarmKind.values), name="giftcodes_alarm_kind_known"),
            models.CheckConstraint(condition=Q(unknown__lte=F("tries")), name="giftcodes_alarm_counts"),
        ]
        indexes = [models.Index(fields=["kind", "at"], name="giftcodes_alarm_of_kind")]

    def __str__(self) -> str:
        return f"{self.kind} {self.at:%Y-%m-%d %H:%M}"


class GuardMark(models.Model):
    """One event of one counter, in milliseconds since 1970; for a key that ends in ":hold", its end."""

    key = models.CharField(max_length=64)
    at_ms = models.BigIntegerField()

    class Meta:
        indexes = [models.Index(fields=["key", "at_ms"], name="giftcodes_guardmark_window")]

    def __str__(self) -> str:
        return f"{self.key} {self.at_ms}"


class GuardTally(models.Model):
    """Tries of the whole site in ten seconds; in shards, so that claims do not queue for one row."""

    bucket = models.BigIntegerField()
    shard = models.PositiveSmallIntegerField()
    tries = models.PositiveIntegerField()
    unknown = models.PositiveIntegerField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["bucket", "shard"], name="giftcodes_guardtally_once"),
        ]

    def __str__(self) -> str:
        return f"{self.bucket}/{self.shard}"


class GuardLevel(models.Model):
    """The one row of the breaker's state: level 0 to 2, and until when it stands, in milliseconds."""

    level = models.PositiveSmallIntegerField()
    until_ms = models.BigIntegerField()

    class Meta:
        constraints = [models.CheckConstraint(condition=Q(pk=1), name="giftcodes_guardlevel_one_row")]

    def __str__(self) -> str:
        return str(self.level)
