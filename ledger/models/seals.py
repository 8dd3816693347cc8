"""Closed and sealed days."""

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from parties.models import Program


class ClosedDay(models.Model):
    """A day (in Japan time) to which the ledger takes no more rows: on PostgreSQL a trigger refuses a
    transfer or an account whose moment is before the newest `ends_at`.
    """

    day = models.DateField(_("day"), primary_key=True)
    ends_at = models.DateTimeField(_("ends at"), unique=True)
    closed_at = models.DateTimeField(_("closed at"))

    class Meta:
        verbose_name = _("closed day")
        verbose_name_plural = _("closed days")

    def __str__(self) -> str:
        return self.day.isoformat()


class DaySeal(models.Model):
    """What the rows of a program were when the day was sealed: their count, their sum, and the head of a
    chain of keyed digests (HMAC-SHA256) that goes on from the seal before. The key is not in the database.
    """

    program = models.ForeignKey(Program, models.PROTECT, related_name="seals", verbose_name=_("program"))
    day = models.ForeignKey(
        ClosedDay, models.PROTECT, related_name="seals", verbose_name=_("day"), db_index=False
    )
    rows = models.BigIntegerField(_("rows"))
    points = models.BigIntegerField(_("points posted"))
    previous_head = models.CharField(_("head before"), max_length=64)
    head = models.CharField(_("head"), max_length=64)
    key_id = models.CharField(_("key"), max_length=16)
    sealed_at = models.DateTimeField(_("sealed at"))

    class Meta:
        verbose_name = _("sealed day")
        verbose_name_plural = _("sealed days")
        constraints = [
            models.UniqueConstraint(fields=["day", "program"], name="ledger_day_sealed_once"),
            models.CheckConstraint(condition=Q(rows__gte=0, points__gte=0), name="ledger_seal_counts"),
        ]

    def __str__(self) -> str:
        return str(self.day_id)
