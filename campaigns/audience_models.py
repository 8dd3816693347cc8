"""What brands are told of the members who claimed: groups of ten and more, at the end of a month."""

from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Mod
from django.utils.translation import gettext_lazy as _

LEAST = 10  # of a group that is told, and the step in which groups are told


class Dimension(models.TextChoices):
    AGE = "age", _("Age")
    GENDER = "gender", _("Gender")
    PREFECTURE = "prefecture", _("Prefecture")


class Audience(models.Model):
    """What was published of a campaign's members at the end of a month (`month` is its first day), frozen.
    `claimants` had claimed by then, those of whom nothing is told among them; it is not shown.
    Null: too few had come since the newest one that has it, or there is nothing to tell, and what was told
    before stands.
    """

    campaign = models.ForeignKey(
        "campaigns.Campaign", models.PROTECT, related_name="audiences", db_index=False
    )
    month = models.DateField(_("month"))
    claimants = models.PositiveIntegerField(null=True)
    made_at = models.DateTimeField()

    class Meta:
        verbose_name = _("audience")
        verbose_name_plural = _("audiences")
        constraints = [
            models.UniqueConstraint(fields=["campaign", "month"], name="campaigns_audience_once"),
            models.CheckConstraint(condition=Q(month__day=1), name="campaigns_audience_month"),
            models.CheckConstraint(
                condition=Q(claimants=None) | Q(claimants__gte=2 * LEAST), name="campaigns_audience_of_enough"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.campaign_id} {self.month:%Y-%m}"


class AudienceGroup(models.Model):
    """A group of it: `members` are at least so many, in whole tens. Smaller ones have no row."""

    audience = models.ForeignKey(Audience, models.CASCADE, related_name="groups", db_index=False)
    dimension = models.CharField(max_length=10, choices=Dimension.choices)
    value = models.CharField(max_length=8)
    members = models.PositiveIntegerField()

    class Meta:
        verbose_name = _("group of an audience")
        verbose_name_plural = _("groups of audiences")
        constraints = [
            models.UniqueConstraint(
                fields=["audience", "dimension", "value"], name="campaigns_audiencegroup_once"
            ),
            models.CheckConstraint(
                condition=Q(dimension__in=Dimension.values), name="campaigns_audiencegroup_dimension"
            ),
            models.CheckConstraint(condition=Q(members__gte=LEAST), name="campaigns_audiencegroup_of_enough"),
            models.CheckConstraint(
                condition=Q(members=F("members") - Mod(F("members"), LEAST)),
                name="campaigns_audiencegroup_in_tens",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.dimension} {self.value}: {self.members}"
