"""How often a campaign's page was opened: a count per day, and nothing about anybody."""

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

SLOTS = 16  # rows per day, so that a crowd that opens the page does not queue for one


class PageCount(models.Model):
    """A part of the openings of a campaign's page on one day in Japan; all slots together are the count."""

    campaign = models.ForeignKey(
        "campaigns.Campaign", models.PROTECT, related_name="page_counts", db_index=False
    )
    day = models.DateField(_("day"))
    slot = models.PositiveSmallIntegerField()
    opened = models.PositiveBigIntegerField(_("page opened"))

    class Meta:
        verbose_name = _("openings of a page")
        verbose_name_plural = _("openings of pages")
        constraints = [
            models.UniqueConstraint(fields=["campaign", "day", "slot"], name="campaigns_pagecount_once"),
            models.CheckConstraint(condition=Q(slot__lt=SLOTS), name="campaigns_pagecount_slot"),
        ]

    def __str__(self) -> str:
        return f"{self.campaign_id} {self.day}: {self.opened}"
