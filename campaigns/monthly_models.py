"""Mails about a month: who got one, and who wants none."""

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _


class MonthlyMail(models.Model):
    """A person is told of one brand's month (`month` is its first day), at most once.

    Whoever sends it takes the row first (`taken_at`); when the server refuses, it is given back for a later
    try. Taken and not sent is what broke off, and may have gone out or not: it is not repeated.
    """

    brand = models.ForeignKey("parties.Brand", models.CASCADE, related_name="+", db_index=False)
    month = models.DateField(_("month"))
    recipient = models.ForeignKey("parties.User", models.CASCADE, related_name="+")
    due_at = models.DateTimeField()
    taken_at = models.DateTimeField(null=True)
    tries = models.PositiveSmallIntegerField(default=0)
    sent_at = models.DateTimeField(_("sent at"), null=True)

    class Meta:
        verbose_name = _("monthly mail")
        verbose_name_plural = _("monthly mails")
        constraints = [
            models.UniqueConstraint(fields=["brand", "month", "recipient"], name="campaigns_monthly_once"),
            models.CheckConstraint(condition=Q(month__day=1), name="campaigns_monthly_month"),
            models.CheckConstraint(
                condition=Q(sent_at=None) | Q(taken_at__isnull=False), name="campaigns_monthly_taken_first"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.brand_id} {self.month:%Y-%m} {self.recipient_id}"


class NoMonthlyMail(models.Model):
    """A person who wants no monthly mails, since when."""

    user = models.OneToOneField("parties.User", models.CASCADE, primary_key=True, related_name="+")
    since = models.DateTimeField()

    class Meta:
        verbose_name = _("person without monthly mails")
        verbose_name_plural = _("people without monthly mails")

    def __str__(self) -> str:
        return str(self.user)
