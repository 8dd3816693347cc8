"""Amendments of a batch: a later end of its claim window, and nothing else."""

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from parties.models import User


class BatchExtension(models.Model):
    """The claim window of a batch was made longer, by two people. Never edited, never deleted. The end that
    stands in the file is the first one's `until_before`.
    """

    batch = models.ForeignKey(
        "giftcodes.Batch", models.PROTECT, related_name="extensions", verbose_name=_("batch")
    )
    until_before = models.DateTimeField(_("claimable until, before"))
    until_after = models.DateTimeField(_("claimable until, since then"))
    reason = models.CharField(_("reason"), max_length=200)
    requested_by = models.ForeignKey(User, models.PROTECT, related_name="+", verbose_name=_("requested by"))
    approved_by = models.ForeignKey(User, models.PROTECT, related_name="+", verbose_name=_("approved by"))
    extended_at = models.DateTimeField(_("extended at"))

    class Meta:
        verbose_name = _("extension")
        verbose_name_plural = _("extensions")
        constraints = [
            models.UniqueConstraint(fields=["batch", "until_before"], name="giftcodes_extension_in_a_row"),
            models.CheckConstraint(
                condition=Q(until_after__gt=F("until_before")), name="giftcodes_extension_only_later"
            ),
            models.CheckConstraint(
                condition=Q(extended_at__lt=F("until_before")), name="giftcodes_extension_in_time"
            ),
            models.CheckConstraint(condition=~Q(reason=""), name="giftcodes_extension_has_reason"),
            models.CheckConstraint(
                condition=~Q(requested_by=F("approved_by")), name="giftcodes_extension_by_two_people"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.batch_id} +{(self.until_after - self.until_before).days}d"
