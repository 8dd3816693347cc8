"""Closed statements between the brands of a program."""

import uuid

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from parties.models import Brand, Program, Store, User


class SettlementState(models.TextChoices):
    PREPARED = "prepared", _("waiting for the second person")
    CLOSED = "closed", pgettext_lazy("statement", "closed")
    REJECTED = "rejected", _("rejected")


class Settlement(models.Model):
    """What funders owe acceptors for a period: prepared by one person, closed by another, never edited.

    It counts the uses with an acceptor up to the row `last_use_id`, posted before `ends_at` (exclusive), that
    no closed statement of the program before it has counted. A row written after the statement was prepared
    has a higher id and goes to the next period, whatever its moment. `sha256` is of the statement's canonical
    CSV, which can be rebuilt from the uses at any time; names in it are those of the day it was prepared.
    """

    public_id = models.UUIDField(_("statement number"), default=uuid.uuid4, unique=True, editable=False)
    program = models.ForeignKey(
        Program, models.PROTECT, related_name="settlements", verbose_name=_("program"), editable=False
    )
    previous = models.OneToOneField(
        "self",
        models.PROTECT,
        null=True,
        related_name="next",
        verbose_name=_("statement before"),
        editable=False,
    )
    program_name = models.CharField(_("name of the program"), max_length=80, editable=False)
    starts_at = models.DateTimeField(_("begins"), editable=False)
    ends_at = models.DateTimeField(_("ends"), editable=False)
    last_use_id = models.BigIntegerField(_("last row counted"), editable=False)
    yen_per_point = models.PositiveSmallIntegerField(_("yen per point"), editable=False)
    sha256 = models.CharField(_("fingerprint"), max_length=64, editable=False)
    state = models.CharField(
        _("state"),
        max_length=10,
        choices=SettlementState.choices,
        default=SettlementState.PREPARED,
        editable=False,
    )
    prepared_by = models.ForeignKey(
        User, models.PROTECT, related_name="+", verbose_name=_("prepared by"), editable=False
    )
    prepared_at = models.DateTimeField(_("prepared at"), editable=False)
    decided_by = models.ForeignKey(
        User, models.PROTECT, null=True, related_name="+", verbose_name=_("decided by"), editable=False
    )
    decided_at = models.DateTimeField(_("decided at"), null=True, editable=False)

    class Meta:
        verbose_name = _("settlement")
        verbose_name_plural = _("settlements")
        constraints = [
            models.CheckConstraint(
                condition=Q(state__in=SettlementState.values), name="ledger_settlement_state_known"
            ),
            models.CheckConstraint(
                condition=Q(ends_at__gt=F("starts_at")), name="ledger_settlement_has_length"
            ),
            models.CheckConstraint(
                condition=Q(decided_by=None) | ~Q(decided_by=F("prepared_by")),
                name="ledger_settlement_by_two_people",
            ),
            models.CheckConstraint(
                condition=Q(state="prepared", decided_by=None, decided_at=None)
                | (~Q(state="prepared") & Q(decided_by__isnull=False, decided_at__isnull=False)),
                name="ledger_settlement_decided_by_somebody",
            ),
            models.CheckConstraint(
                condition=~Q(state="rejected") | Q(previous=None),
                name="ledger_settlement_rejected_leads_nowhere",
            ),
            models.UniqueConstraint(
                fields=["program"], condition=Q(state="prepared"), name="ledger_settlement_one_prepared"
            ),
            models.UniqueConstraint(
                fields=["program", "ends_at"],
                condition=~Q(state="rejected"),
                name="ledger_settlement_period_once",
            ),
            models.UniqueConstraint(
                fields=["program"],
                condition=Q(previous=None) & ~Q(state="rejected"),
                name="ledger_settlement_one_first",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.program} {self.public_id.hex[:8]}"


class SettlementLine(models.Model):
    """Points of one funder that one store of an acceptor took in the period (fewer than zero, if more were
    reversed than spent), and their yen. Without a store: corrections of no store in particular.

    `earlier_points` of them were posted before the period began, after the statement before was counted.
    Names are kept as they were, so that a brand that is renamed does not change what was agreed.
    """

    settlement = models.ForeignKey(Settlement, models.PROTECT, related_name="lines")
    funder = models.ForeignKey(Brand, models.PROTECT, related_name="+", verbose_name=_("funder"))
    acceptor = models.ForeignKey(Brand, models.PROTECT, related_name="+", verbose_name=_("acceptor"))
    store = models.ForeignKey(Store, models.PROTECT, null=True, related_name="+", verbose_name=_("store"))
    funder_slug = models.CharField(_("funder's short name"), max_length=50)
    funder_name = models.CharField(_("funder's name"), max_length=210)
    acceptor_slug = models.CharField(_("acceptor's short name"), max_length=50)
    acceptor_name = models.CharField(_("acceptor's name"), max_length=210)
    store_code = models.CharField(_("store code"), max_length=32, blank=True)
    store_name = models.CharField(_("store's name"), max_length=80, blank=True)
    uses = models.BigIntegerField(_("rows counted"))
    points = models.BigIntegerField(_("points"))
    earlier_points = models.BigIntegerField(_("points of earlier periods"))
    yen = models.BigIntegerField(_("yen"))

    class Meta:
        verbose_name = _("settlement line")
        verbose_name_plural = _("settlement lines")
        constraints = [
            models.UniqueConstraint(
                fields=["settlement", "funder", "acceptor", "store"], name="ledger_line_once"
            ),
            models.UniqueConstraint(
                fields=["settlement", "funder", "acceptor"],
                condition=Q(store=None),
                name="ledger_line_without_store_once",
            ),
            models.CheckConstraint(condition=Q(uses__gt=0), name="ledger_line_counts_rows"),
        ]

    def __str__(self) -> str:
        return f"{self.funder_id} > {self.acceptor_id}: {self.points}"


class SettlementNote(models.Model):
    """What somebody has to say about a statement: a dispute, an answer. Never edited, never deleted."""

    settlement = models.ForeignKey(Settlement, models.PROTECT, related_name="notes")
    author = models.ForeignKey(User, models.PROTECT, related_name="+", verbose_name=_("author"))
    text = models.TextField(_("text"), max_length=2_000)
    written_at = models.DateTimeField(_("written at"))

    class Meta:
        verbose_name = _("note on a settlement")
        verbose_name_plural = _("notes on settlements")
        constraints = [models.CheckConstraint(condition=~Q(text=""), name="ledger_note_has_text")]

    def __str__(self) -> str:
        return f"{self.settlement_id} {self.written_at:%Y-%m-%d}"
