"""Lots, what became of their points, holds, and what members owe."""

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from ledger.models.core import MAX_POINTS, Account, Transfer
from parties.models import Brand, Program, Store


class Lot(models.Model):
    """Points of one grant in one wallet, with one funder and one exclusive end. Soonest to expire is spent
    first.
    """

    wallet = models.ForeignKey(
        Account, models.PROTECT, related_name="lots", db_index=False, db_constraint=False
    )
    funder = models.ForeignKey(Brand, models.PROTECT, related_name="+", db_index=False, db_constraint=False)
    transfer = models.OneToOneField(Transfer, models.PROTECT, related_name="lot")
    granted_points = models.BigIntegerField(_("granted points"))
    remaining_points = models.BigIntegerField(_("remaining points"))
    granted_at = models.DateTimeField(_("granted at"))
    expires_at = models.DateTimeField(_("expires at"))

    class Meta:
        verbose_name = _("lot")
        verbose_name_plural = _("lots")
        constraints = [
            models.CheckConstraint(
                condition=Q(granted_points__gt=0, granted_points__lte=MAX_POINTS),
                name="ledger_lot_points_positive",
            ),
            models.CheckConstraint(
                condition=Q(remaining_points__gte=0, remaining_points__lte=F("granted_points")),
                name="ledger_lot_remaining_within_grant",
            ),
            models.CheckConstraint(
                condition=Q(expires_at__gt=F("granted_at")), name="ledger_lot_expires_after_grant"
            ),
        ]
        # Lots that are used up are in neither: a wallet's age does not slow its spending, nor the table's the
        # expiry.
        indexes = [
            models.Index(
                fields=["wallet", "expires_at", "id"],
                condition=Q(remaining_points__gt=0),
                name="ledger_lot_open",
            ),
            models.Index(
                fields=["expires_at", "id"], condition=Q(remaining_points__gt=0), name="ledger_lot_due"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.wallet_id}: {self.remaining_points}/{self.granted_points}"


class UseKind(models.TextChoices):
    SPEND = "spend", _("spent")
    HOLD = "hold", _("held")
    EXPIRY = "expiry", _("expired")
    FORFEIT = "forfeit", pgettext_lazy("use", "given up")
    WITHDRAWAL = "withdrawal", _("taken back")
    CORRECTION = "correction", _("correction of a settlement")


class LotUse(models.Model):
    """Points that left a lot in one transfer (points > 0), or came back to it (points < 0), and why.

    At any moment a lot has left what was granted less the sum of its uses. A capture takes the points out of
    the hold (HOLD, negative) and spends them (SPEND, positive). What acceptors are owed is the sum of the
    rows with an acceptor, by funder: settlement reads these and nothing else. A correction of a settlement is
    such a row without a lot. Never edited, never deleted.
    """

    program = models.ForeignKey(
        Program, models.PROTECT, related_name="+", db_index=False, db_constraint=False
    )
    transfer = models.ForeignKey(Transfer, models.PROTECT, related_name="uses")
    lot = models.ForeignKey(Lot, models.PROTECT, null=True, related_name="uses", db_constraint=False)
    kind = models.CharField(_("kind"), max_length=10, choices=UseKind.choices)
    funder = models.ForeignKey(
        Brand,
        models.PROTECT,
        related_name="+",
        db_index=False,
        db_constraint=False,
        verbose_name=_("funder"),
    )
    acceptor = models.ForeignKey(
        Brand,
        models.PROTECT,
        null=True,
        related_name="+",
        db_index=False,
        db_constraint=False,
        verbose_name=_("acceptor"),
    )
    store = models.ForeignKey(
        Store,
        models.PROTECT,
        null=True,
        related_name="+",
        db_index=False,
        db_constraint=False,
        verbose_name=_("store"),
    )
    points = models.BigIntegerField(_("points"))
    posted_at = models.DateTimeField(_("posted at"))

    class Meta:
        verbose_name = _("use of points")
        verbose_name_plural = _("uses of points")
        constraints = [
            models.CheckConstraint(condition=Q(kind__in=UseKind.values), name="ledger_use_kind_known"),
            models.CheckConstraint(
                condition=~Q(points=0) & Q(points__gte=-MAX_POINTS, points__lte=MAX_POINTS),
                name="ledger_use_points",
            ),
            models.CheckConstraint(
                condition=Q(points__gt=0) | Q(kind__in=["spend", "hold", "correction"]),
                name="ledger_use_comes_back",
            ),
            models.CheckConstraint(
                condition=Q(kind="correction", lot=None) | (~Q(kind="correction") & Q(lot__isnull=False)),
                name="ledger_use_has_lot",
            ),
            models.CheckConstraint(
                condition=Q(kind="spend", acceptor__isnull=False, store__isnull=False)
                | Q(kind="correction", acceptor__isnull=False)
                | (~Q(kind__in=["spend", "correction"]) & Q(acceptor=None, store=None)),
                name="ledger_use_has_acceptor",
            ),
        ]
        indexes = [
            models.Index(
                fields=["program", "posted_at"],
                condition=Q(acceptor__isnull=False),
                include=["id", "funder", "acceptor", "store", "points"],
                name="ledger_use_settled",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {self.points:,}"


# Nobody used these: their funder keeps them.
UNUSED_KINDS = (UseKind.EXPIRY, UseKind.FORFEIT)


class HoldState(models.TextChoices):
    OPEN = "open", _("open")
    CAPTURED = "captured", _("captured")
    RELEASED = "released", _("released")
    EXPIRED = "expired", _("expired")


class Hold(models.Model):
    """Points set aside in a wallet for a checkout at a store. It ends exactly once: captured (for at most its
    points; the rest goes back), released, or expired.
    """

    transfer = models.OneToOneField(Transfer, models.PROTECT, primary_key=True, related_name="hold")
    wallet = models.ForeignKey(Account, models.PROTECT, related_name="holds", verbose_name=_("wallet"))
    store = models.ForeignKey(Store, models.PROTECT, related_name="+", verbose_name=_("store"))
    points = models.BigIntegerField(_("points"))
    held_at = models.DateTimeField(_("held at"))
    expires_at = models.DateTimeField(_("expires at"))
    state = models.CharField(
        _("state"), max_length=10, choices=HoldState.choices, default=HoldState.OPEN, editable=False
    )
    captured_points = models.BigIntegerField(_("captured points"), default=0, editable=False)
    ended_at = models.DateTimeField(_("ended at"), null=True, editable=False)

    class Meta:
        verbose_name = _("hold")
        verbose_name_plural = _("holds")
        constraints = [
            models.CheckConstraint(condition=Q(state__in=HoldState.values), name="ledger_hold_state_known"),
            models.CheckConstraint(
                condition=Q(points__gt=0, points__lte=MAX_POINTS), name="ledger_hold_points_positive"
            ),
            models.CheckConstraint(
                condition=Q(expires_at__gt=F("held_at")), name="ledger_hold_expires_after_hold"
            ),
            models.CheckConstraint(
                condition=Q(state="captured", captured_points__gt=0, captured_points__lte=F("points"))
                | (~Q(state="captured") & Q(captured_points=0)),
                name="ledger_hold_captured_within",
            ),
            models.CheckConstraint(
                condition=Q(state="open", ended_at=None) | (~Q(state="open") & Q(ended_at__isnull=False)),
                name="ledger_hold_ended_once",
            ),
            models.CheckConstraint(
                condition=Q(state="captured", ended_at__lt=F("expires_at"))
                | Q(state="expired", ended_at__gte=F("expires_at"))
                | Q(state__in=["open", "released"]),
                name="ledger_hold_ended_in_time",
            ),
        ]
        indexes = [
            models.Index(fields=["expires_at"], condition=Q(state="open"), name="ledger_hold_due"),
        ]

    def __str__(self) -> str:
        return f"{self.get_state_display()} {self.points:,}"


class Receivable(models.Model):
    """What a member owes a brand: points of a claim or grant that were taken back after they had been spent.

    Points that come back to the lot later (a spend reversed, a hold released) go on to the brand at once and
    count as recovered. The wallet itself never goes below zero, and other brands' points are never touched.
    """

    original = models.OneToOneField(Transfer, models.PROTECT, primary_key=True, related_name="receivable")
    wallet = models.ForeignKey(Account, models.PROTECT, related_name="receivables", verbose_name=_("wallet"))
    funder = models.ForeignKey(Brand, models.PROTECT, related_name="+", verbose_name=_("funder"))
    points = models.BigIntegerField(_("points"))
    recovered_points = models.BigIntegerField(_("recovered points"), default=0, editable=False)
    arose_at = models.DateTimeField(_("arose at"))

    class Meta:
        verbose_name = _("receivable")
        verbose_name_plural = _("receivables")
        constraints = [
            models.CheckConstraint(
                condition=Q(points__gt=0, points__lte=MAX_POINTS), name="ledger_receivable_points_positive"
            ),
            models.CheckConstraint(
                condition=Q(recovered_points__gte=0, recovered_points__lte=F("points")),
                name="ledger_receivable_recovered_within",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.recovered_points:,} / {self.points:,}"
