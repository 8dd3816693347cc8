"""What support looked up that is somebody's secret, kept for whoever audits support."""

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from parties.models import Brand, Member, User


class ActKind(models.TextChoices):
    CODE = "code", _("looked up a code")
    ADDRESS = "address", _("looked up an e-mail address")
    UNMASK = "unmask", _("saw a member's e-mail address")


class SupportAct(models.Model):
    """One look at what is masked, or one search by what is secret: who, when, for what, and why. Neither the
    code nor the address stands here; of an address, whose member was found, or which brand's gifts. Never
    edited, never deleted.

    A code of another brand leaves the same row as one that nobody issued.
    """

    kind = models.CharField(_("what"), max_length=10, choices=ActKind.choices)
    user = models.ForeignKey(User, models.PROTECT, related_name="+", verbose_name=_("who"), db_index=False)
    at = models.DateTimeField(_("when"))
    is_found = models.BooleanField(_("found"))
    brand = models.ForeignKey(Brand, models.PROTECT, null=True, related_name="+", verbose_name=_("brand"))
    serial_number = models.BigIntegerField(_("serial number"), null=True)
    member = models.ForeignKey(Member, models.PROTECT, null=True, related_name="+", verbose_name=_("member"))
    reason = models.CharField(_("reason"), max_length=200, blank=True)

    class Meta:
        verbose_name = _("look-up by support")
        verbose_name_plural = _("look-ups by support")
        constraints = [
            models.CheckConstraint(
                condition=Q(
                    kind="code",
                    member=None,
                    is_found=True,
                    brand__isnull=False,
                    serial_number__isnull=False,
                )
                | Q(kind="code", member=None, is_found=False, brand=None, serial_number=None)
                | Q(kind__in=["address", "unmask"], is_found=True, member__isnull=False)
                & Q(brand=None, serial_number=None)
                | Q(kind="address", is_found=True, member=None, brand__isnull=False, serial_number=None)
                | Q(kind="address", is_found=False, member=None, brand=None, serial_number=None),
                name="campaigns_supportact_says_what",
            ),
            models.CheckConstraint(
                condition=Q(kind="unmask") & ~Q(reason="") | ~Q(kind="unmask") & Q(reason=""),
                name="campaigns_supportact_unmasks_for_a_reason",
            ),
        ]
        indexes = [models.Index(fields=["user", "at"], name="campaigns_supportact_of_user")]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {self.at:%Y-%m-%d %H:%M}"
