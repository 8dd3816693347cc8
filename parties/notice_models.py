"""Notices before points expire: the table is the queue, and its unique key says that nobody is told twice."""

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy


class NoticeState(models.TextChoices):
    WAITING = "waiting", pgettext_lazy("notice", "waiting")
    SENT = "sent", pgettext_lazy("notice", "sent")
    NOTHING_LEFT = "nothing", _("not sent: the points had been used")
    NOT_WANTED = "unwanted", _("not sent: not wanted any more")
    GIVEN_UP = "given_up", _("given up: the mail could not be sent")


class ExpiryNotice(models.Model):
    """One mail to one member about the points of one program whose last day (in Japan) is `last_day`, so many
    days before it. How many points that are is looked up when it is sent.

    A worker has it to itself from the moment it raised `tries` until `next_try_at`. It ends once.
    """

    member = models.ForeignKey("parties.Member", models.CASCADE, related_name="+", verbose_name=_("member"))
    program = models.ForeignKey(
        "parties.Program", models.CASCADE, related_name="+", verbose_name=_("program")
    )
    last_day = models.DateField(_("last day of the points"))
    days_before = models.PositiveSmallIntegerField(_("days before"))
    queued_at = models.DateTimeField(_("queued at"))
    state = models.CharField(
        _("state"), max_length=8, choices=NoticeState.choices, default=NoticeState.WAITING
    )
    tries = models.PositiveSmallIntegerField(_("tries"), default=0)
    next_try_at = models.DateTimeField(_("next try at"))
    ended_at = models.DateTimeField(_("ended at"), null=True)

    class Meta:
        verbose_name = _("notice before points expire")
        verbose_name_plural = _("notices before points expire")
        constraints = [
            models.UniqueConstraint(
                fields=["member", "program", "last_day", "days_before"], name="parties_notice_once"
            ),
            models.CheckConstraint(
                condition=Q(state__in=NoticeState.values), name="parties_notice_state_known"
            ),
            models.CheckConstraint(
                condition=Q(state="waiting", ended_at=None)
                | (~Q(state="waiting") & Q(ended_at__isnull=False)),
                name="parties_notice_ends_once",
            ),
        ]
        indexes = [
            models.Index(
                fields=["next_try_at", "id"], condition=Q(state="waiting"), name="parties_notice_due"
            )
        ]

    def __str__(self) -> str:
        return f"{self.member} {self.last_day} -{self.days_before}"
