"""What people do to the ledger by hand: asked for by one, confirmed by another."""

import uuid

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from ledger.models.core import MAX_POINTS, Account, Transfer
from ledger.models.settlements import Settlement
from parties.models import Brand, Store, User


class AdjustmentKind(models.TextChoices):
    GRANT = "grant", _("points to a member")
    TAKE_BACK = "take_back", _("take a transfer back")
    CORRECT = "correct", _("correct a settlement")


class AdjustmentState(models.TextChoices):
    REQUESTED = "requested", _("waiting for confirmation")
    CONFIRMED = "confirmed", _("confirmed")
    REJECTED = "rejected", _("rejected")


class Adjustment(models.Model):
    """One act by hand with its reason. Nothing moves before another person confirms exactly what was asked.

    `brand` pays: it is the funder of a grant, of the points taken back, of the pair that is corrected.
    `points` is positive, but for a correction, which may lower what the acceptor is owed; NULL takes back all
    that is left. Never edited: `public_id` is made by the form, so that sending it twice asks once.
    """

    public_id = models.UUIDField(_("adjustment number"), default=uuid.uuid4, unique=True, editable=False)
    kind = models.CharField(_("kind"), max_length=10, choices=AdjustmentKind.choices)
    brand = models.ForeignKey(Brand, models.PROTECT, related_name="adjustments", verbose_name=_("brand"))
    points = models.BigIntegerField(_("points"), null=True, blank=True)
    reason = models.CharField(_("reason"), max_length=200)

    # Of a grant. The policy as `ledger.expiry` writes it: "days:180", "month_end:3", "date:2027-03-31".
    wallet = models.ForeignKey(
        Account, models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("wallet")
    )
    expiry_policy = models.CharField(_("end of the points"), max_length=20, blank=True)
    # Of what is taken back.
    original = models.ForeignKey(
        Transfer,
        models.PROTECT,
        null=True,
        blank=True,
        related_name="adjustments",
        verbose_name=_("original"),
    )
    # Of a correction: the statement in dispute, and the pair it concerns.
    settlement = models.ForeignKey(
        Settlement,
        models.PROTECT,
        null=True,
        blank=True,
        related_name="corrections",
        verbose_name=_("settlement"),
    )
    acceptor = models.ForeignKey(
        Brand, models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("acceptor")
    )
    store = models.ForeignKey(
        Store, models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("store")
    )

    state = models.CharField(
        _("state"),
        max_length=10,
        choices=AdjustmentState.choices,
        default=AdjustmentState.REQUESTED,
        editable=False,
    )
    fingerprint = models.CharField(_("fingerprint"), max_length=64, editable=False)
    requested_by = models.ForeignKey(
        User, models.PROTECT, related_name="+", verbose_name=_("requested by"), editable=False
    )
    requested_at = models.DateTimeField(_("requested at"), editable=False)
    decided_by = models.ForeignKey(
        User, models.PROTECT, null=True, related_name="+", verbose_name=_("decided by"), editable=False
    )
    decided_at = models.DateTimeField(_("decided at"), null=True, editable=False)

    class Meta:
        verbose_name = _("adjustment")
        verbose_name_plural = _("adjustments")
        constraints = [
            models.CheckConstraint(
                condition=Q(kind__in=AdjustmentKind.values), name="ledger_adjustment_kind_known"
            ),
            models.CheckConstraint(
                condition=Q(state__in=AdjustmentState.values), name="ledger_adjustment_state_known"
            ),
            models.CheckConstraint(condition=~Q(reason=""), name="ledger_adjustment_has_reason"),
            models.CheckConstraint(
                condition=Q(kind="grant", wallet__isnull=False, points__gt=0, original=None)
                & Q(settlement=None, acceptor=None, store=None)
                & ~Q(expiry_policy="")
                | Q(kind="take_back", original__isnull=False, wallet=None, expiry_policy="")
                & Q(settlement=None, acceptor=None, store=None)
                & (Q(points=None) | Q(points__gt=0))
                | Q(kind="correct", acceptor__isnull=False, settlement__isnull=False, points__isnull=False)
                & Q(wallet=None, original=None, expiry_policy="")
                & ~Q(points=0),
                name="ledger_adjustment_of_its_kind",
            ),
            models.CheckConstraint(
                condition=Q(points=None) | Q(points__gte=-MAX_POINTS, points__lte=MAX_POINTS),
                name="ledger_adjustment_points",
            ),
            models.CheckConstraint(
                condition=Q(decided_by=None) | ~Q(decided_by=F("requested_by")),
                name="ledger_adjustment_by_two_people",
            ),
            models.CheckConstraint(
                condition=Q(state="requested", decided_by=None, decided_at=None)
                | (~Q(state="requested") & Q(decided_by__isnull=False, decided_at__isnull=False)),
                name="ledger_adjustment_decided_by_somebody",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {self.public_id.hex[:8]}"
