"""Figures that took long to count, kept with the moment at which they were true."""

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _


class Sheet(models.Model):
    """What counting `subject` gave. It can always be counted again: nothing here is a record of its own.

    A worker has it to itself from the moment it moved `next_count_at`; figures as of a past moment never
    change, and have none. No figures: somebody asks for them, and a worker is to count them.
    """

    subject = models.CharField(_("what was counted"), max_length=1_000, unique=True)
    figures = models.JSONField(_("figures"), null=True)
    as_of = models.DateTimeField(_("as of"), null=True)
    counted_at = models.DateTimeField(_("counted at"))
    took_ms = models.PositiveIntegerField(_("how long it took, in milliseconds"))
    asked_at = models.DateTimeField(_("last asked for"))
    next_count_at = models.DateTimeField(_("counted again at"), null=True)

    class Meta:
        verbose_name = _("kept figures")
        verbose_name_plural = _("kept figures")
        constraints = [
            models.CheckConstraint(condition=~Q(subject=""), name="ledger_sheet_has_subject"),
            models.CheckConstraint(
                condition=Q(next_count_at=None) | Q(next_count_at__gt=F("counted_at")),
                name="ledger_sheet_counted_again_later",
            ),
        ]
        indexes = [models.Index(fields=["next_count_at"], name="ledger_sheet_due")]

    def __str__(self) -> str:
        return self.subject
