"""When an order takes two approvers, who has approved what, and who was reminded of it."""

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from ledger.models import MAX_POINTS


class AnyIssuing(models.TextChoices):
    """Of which orders a rule speaks: `models.Issuing`, or all."""

    ANY = "", _("all orders")
    FILE = "file", _("codes in a sealed file")
    API = "api", _("gifts issued one by one through the API")


class ApprovalRule(models.Model):
    """Orders of the brand that it fits take two approvers. A rule only ever asks for more: one person puts it
    in force, two take it out. Its terms are never edited.
    """

    brand = models.ForeignKey(
        "parties.Brand", models.PROTECT, related_name="approval_rules", verbose_name=_("brand")
    )
    issuing = models.CharField(
        _("for"), max_length=4, choices=AnyIssuing.choices, default=AnyIssuing.ANY, blank=True
    )
    from_points = models.BigIntegerField(
        _("from so many points in one order"),
        default=0,
        validators=[MinValueValidator(0), MaxValueValidator(MAX_POINTS)],
    )
    month_points = models.BigIntegerField(
        _("once the month's orders exceed so many points"),
        null=True,
        blank=True,
        validators=[MinValueValidator(0), MaxValueValidator(MAX_POINTS)],
    )
    added_by = models.ForeignKey(
        "parties.User", models.PROTECT, related_name="+", verbose_name=_("added by"), editable=False
    )
    added_at = models.DateTimeField(_("added at"), editable=False)
    retire_asked_by = models.ForeignKey(
        "parties.User",
        models.PROTECT,
        null=True,
        related_name="+",
        verbose_name=_("end asked for by"),
        editable=False,
    )
    retire_asked_at = models.DateTimeField(_("end asked for at"), null=True, editable=False)
    retired_by = models.ForeignKey(
        "parties.User",
        models.PROTECT,
        null=True,
        related_name="+",
        verbose_name=_("ended by"),
        editable=False,
    )
    retired_at = models.DateTimeField(_("rule ended at"), null=True, editable=False)

    class Meta:
        verbose_name = _("rule of two approvers")
        verbose_name_plural = _("rules of two approvers")
        constraints = [
            models.CheckConstraint(
                condition=Q(issuing__in=AnyIssuing.values), name="campaigns_approvalrule_issuing"
            ),
            models.CheckConstraint(
                condition=Q(from_points__gte=0, from_points__lte=MAX_POINTS)
                & (Q(month_points=None) | Q(month_points__gte=0, month_points__lte=MAX_POINTS)),
                name="campaigns_approvalrule_points",
            ),
            models.CheckConstraint(
                condition=Q(retire_asked_by=None, retire_asked_at=None, retired_by=None, retired_at=None)
                | Q(
                    retire_asked_by__isnull=False,
                    retire_asked_at__isnull=False,
                    retired_by=None,
                    retired_at=None,
                )
                | (
                    Q(retire_asked_by__isnull=False, retired_by__isnull=False, retired_at__isnull=False)
                    & ~Q(retired_by=F("retire_asked_by"))
                ),
                name="campaigns_approvalrule_ended_by_two_people",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.brand} {self.from_points}"


class OrderApproval(models.Model):
    """One person approved one submission of an order: what they saw (`fingerprint`), when, and when they had
    shown their second factor (null of approvals before there was one). `needed` is how many approvers the
    order took, as it was judged then.

    Never edited, never deleted. A change makes another submission, for which none of these count.
    """

    order = models.ForeignKey(
        "campaigns.Order", models.PROTECT, related_name="approvals", verbose_name=_("order"), db_index=False
    )
    submission = models.PositiveIntegerField(_("submission"))
    fingerprint = models.CharField(_("fingerprint"), max_length=64)
    requested_by = models.ForeignKey(
        "parties.User", models.PROTECT, related_name="+", verbose_name=_("requested by"), db_index=False
    )
    approver = models.ForeignKey(
        "parties.User", models.PROTECT, related_name="order_approvals", verbose_name=_("approver")
    )
    needed = models.PositiveSmallIntegerField(_("approvers needed"))
    approved_at = models.DateTimeField(_("approved at"))
    verified_at = models.DateTimeField(_("second factor shown at"), null=True)

    class Meta:
        verbose_name = _("approval of an order")
        verbose_name_plural = _("approvals of orders")
        constraints = [
            models.UniqueConstraint(
                fields=["order", "submission", "approver"], name="campaigns_approval_once_per_person"
            ),
            models.CheckConstraint(
                condition=~Q(approver=F("requested_by")), name="campaigns_approval_not_by_requester"
            ),
            models.CheckConstraint(condition=Q(needed__in=[1, 2]), name="campaigns_approval_needed"),
            models.CheckConstraint(condition=~Q(fingerprint=""), name="campaigns_approval_has_fingerprint"),
            models.CheckConstraint(
                condition=Q(verified_at=None) | Q(verified_at__lte=F("approved_at")),
                name="campaigns_approval_verified_before",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.order} {self.approver}"


class ApprovalReminder(models.Model):
    """A person was told by mail, on one day in Japan, that an order waits for them. The row is written before
    the mail goes out, so that there is at most one; `sent_at` is empty where it did not go out.
    """

    order = models.ForeignKey("campaigns.Order", models.CASCADE, related_name="reminders", db_index=False)
    recipient = models.ForeignKey("parties.User", models.CASCADE, related_name="+")
    day = models.DateField(_("day"))
    sent_at = models.DateTimeField(_("sent at"), null=True)

    class Meta:
        verbose_name = _("reminder of an order")
        verbose_name_plural = _("reminders of orders")
        constraints = [
            models.UniqueConstraint(
                fields=["order", "recipient", "day"], name="campaigns_reminder_once_a_day"
            )
        ]

    def __str__(self) -> str:
        return f"{self.order} {self.recipient} {self.day}"
