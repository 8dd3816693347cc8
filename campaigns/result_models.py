"""How often a campaign's page was opened and codes were tried: counts per day, and nothing about anybody."""

from django.db import models
from django.db.models import Q, Value
from django.db.models.functions import Coalesce
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


class TryCount(models.Model):
    """A part of the codes that were entered on the pages of members on one day in Japan, for one channel; all
    slots together are the count. Without a channel: codes that nobody issued, counted so that counting them
    takes the same work.
    """

    channel = models.ForeignKey(
        "giftcodes.Channel", models.PROTECT, null=True, related_name="try_counts", db_index=False
    )
    day = models.DateField(_("day"))
    slot = models.PositiveSmallIntegerField()
    tries = models.PositiveBigIntegerField(_("codes tried"))

    class Meta:
        verbose_name = _("tries of codes")
        verbose_name_plural = _("tries of codes")
        constraints = [
            models.UniqueConstraint(
                Coalesce("channel", Value(0), output_field=models.BigIntegerField()),
                "day",
                "slot",
                name="campaigns_trycount_once",
            ),
            models.CheckConstraint(condition=Q(slot__lt=SLOTS), name="campaigns_trycount_slot"),
        ]

    def __str__(self) -> str:
        return f"{self.channel_id} {self.day}: {self.tries}"
