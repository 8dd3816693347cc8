"""What guards the second factors of staff. The factors themselves are in django-allauth's table."""

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _


class FactorGuard(models.Model):
    """How often somebody tried since when, and the newest one-time code that was taken (its step of 30
    seconds): each counts once, and the row that is updated decides between two at once.
    """

    user = models.OneToOneField("parties.User", models.CASCADE, primary_key=True, related_name="+")
    tries = models.PositiveSmallIntegerField(default=0)
    since = models.DateTimeField()
    newest_step = models.PositiveBigIntegerField(default=0)

    class Meta:
        verbose_name = _("guard of a second factor")
        verbose_name_plural = _("guards of second factors")
        constraints = [models.CheckConstraint(condition=Q(tries__lte=10), name="parties_factor_most_tries")]

    def __str__(self) -> str:
        return str(self.user)
