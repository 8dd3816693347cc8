"""What guards the second factors of staff (kept in django-allauth's table), and the log of their acts."""

from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _


class FactorGuard(models.Model):
    """How often somebody tried since when, and the newest one-time code that was taken (its step of 30
    seconds): each counts once, and the row that is updated decides between two at once.
    """

    user = models.OneToOneField("parties.User", models.CASCADE, primary_key=True, related_name="+")
    tries = models.PositiveSmallIntegerField(default=0)
    since = models.DateTimeField()
    newest_step = models.PositiveBigIntegerField(default=0)
    sessions_from = models.DateTimeField(null=True)  # sessions that showed their factor before are nobody's

    class Meta:
        verbose_name = _("guard of a second factor")
        verbose_name_plural = _("guards of second factors")
        constraints = [models.CheckConstraint(condition=Q(tries__lte=10), name="parties_factor_most_tries")]

    def __str__(self) -> str:
        return str(self.user)


class Act(models.TextChoices):
    SIGN_IN = "sign_in", _("signed in")
    SIGN_IN_FAILED = "sign_in_failed", _("failed to sign in")
    FACTOR_ADDED = "factor_added", _("added a second factor")
    FACTOR_REMOVED = "factor_removed", _("removed a second factor")
    FACTORS_WITHDRAWN = "factors_withdrawn", _("withdrew somebody's second factors")
    CODES_RENEWED = "codes_renewed", _("made new recovery codes")
    ADDED = "added", _("created")
    CHANGED = "changed", _("edited")
    DELETED = "deleted", _("removed")
    SUBMITTED = "submitted", _("submitted for approval")
    APPROVED = "approved", _("approved")
    REJECTED = "rejected", _("rejected")
    REOPENED = "reopened", _("took back")
    ACTIVATED = "activated", _("activated codes")
    PAUSED = "paused", _("paused codes")
    RESUMED = "resumed", _("let codes go on")
    VOIDED = "voided", _("withdrew codes")
    REQUESTED = "requested", _("asked for")
    CONFIRMED = "confirmed", _("confirmed")
    CLOSED = "closed", _("closed a statement")
    DOWNLOADED = "downloaded", _("downloaded a file of codes")
    PASSPHRASE_SHOWN = "passphrase_shown", _("was shown a passphrase")
    LOCK_LIFTED = "lock_lifted", _("lifted a lock")
    KEY_MADE = "key_made", _("made a key or secret")
    KEY_ENDED = "key_ended", _("ended a key or secret")
    UNMASKED = "unmasked", _("looked at masked data")


class AuditRecord(models.Model):
    """Somebody of the staff did something: who, for which brand, what, with what, why, from where, when.

    Never edited, never deleted, and sealed by days (`ledger.log_seals`). `recorded_at` is the database's own
    clock. It holds no code and no secret. `actor_id` has no foreign key: the record outlives its person.
    """

    recorded_at = models.DateTimeField(_("time"), db_default=Now())
    act = models.CharField(_("what"), max_length=20, choices=Act.choices)
    actor = models.ForeignKey(
        "parties.User",
        models.DO_NOTHING,
        null=True,
        db_constraint=False,
        db_index=False,
        related_name="+",
        verbose_name=_("who"),
    )
    brand = models.ForeignKey(
        "parties.Brand", models.PROTECT, null=True, db_index=False, related_name="+", verbose_name=_("brand")
    )
    subject_type = models.CharField(_("kind"), max_length=40, blank=True)  # a model: "campaigns.order"
    subject_id = models.CharField(_("number"), max_length=40, blank=True)
    subject = models.CharField(_("with what"), max_length=80, blank=True)
    reason = models.CharField(_("reason"), max_length=200, blank=True)
    address = models.GenericIPAddressField(_("from which address"), null=True)

    class Meta:
        verbose_name = _("audit record")
        verbose_name_plural = _("audit log")
        constraints = [
            models.CheckConstraint(condition=Q(act__in=Act.values), name="parties_audit_act_known"),
        ]
        indexes = [
            models.Index(fields=["brand", "-id"], name="parties_audit_by_brand"),
            models.Index(fields=["actor", "-id"], name="parties_audit_by_actor"),
            models.Index(fields=["recorded_at", "id"], name="parties_audit_by_day"),
            models.Index(fields=["subject_type", "subject_id", "-id"], name="parties_audit_by_subject"),
        ]

    def __str__(self) -> str:
        return f"#{self.pk}"


class AuditSeal(models.Model):
    """What the audit log of a day (in Japan) was when the day was sealed: the count of its records, and the
    head of a chain of keyed digests that goes on from the day before. The key is not in the database.
    """

    day = models.DateField(_("day"), primary_key=True)
    rows = models.PositiveBigIntegerField(_("records"))
    previous_head = models.CharField(_("previous head of the log"), max_length=64)
    head = models.CharField(_("head of the log"), max_length=64, unique=True)
    key_id = models.CharField(_("key of the seal"), max_length=32)
    sealed_at = models.DateTimeField(_("log sealed at"))

    class Meta:
        verbose_name = _("sealed day of the audit log")
        verbose_name_plural = _("sealed days of the audit log")
        constraints = [
            models.CheckConstraint(condition=~Q(head=F("previous_head")), name="parties_auditseal_goes_on")
        ]

    def __str__(self) -> str:
        return str(self.day)
