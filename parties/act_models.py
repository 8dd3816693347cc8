"""What partner systems have done with members' points, and whose card they were shown."""

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _


class Verb(models.TextChoices):
    EARN = "earn", _("gave points")
    SPEND = "spend", _("spent points")
    HOLD = "hold", _("set points aside")
    CAPTURE = "capture", _("spent what was set aside")
    RELEASE = "release", _("gave back what was set aside")
    REVERSE = "reverse", _("took an act back")
    CLAIM = "claim", _("claimed a code")


class ApiAct(models.Model):
    """One act of a client under one Idempotency-Key, and what it was answered.

    The id is made of client and key, so that there can be one act for them, ever: the row that is written
    with the act decides between twins, and later answers for it. `fingerprint` is a keyed digest of the body,
    which may have held a code. Never edited, never deleted; it names no person.
    """

    id = models.UUIDField(primary_key=True, editable=False)
    client = models.ForeignKey(
        "parties.ApiClient", models.PROTECT, related_name="acts", verbose_name=_("API client"), db_index=False
    )
    verb = models.CharField(_("what"), max_length=10, choices=Verb.choices)
    fingerprint = models.CharField(_("fingerprint of the request"), max_length=64)
    status = models.PositiveSmallIntegerField(_("status of the answer"))
    answer = models.TextField(_("answer"))  # JSON as it was sent: jsonb would come back in another order
    transfer = models.UUIDField(_("transfer"), null=True, db_index=True)
    store = models.ForeignKey(
        "parties.Store",
        models.PROTECT,
        null=True,
        related_name="+",
        verbose_name=_("store"),
        db_index=False,
    )
    reference = models.CharField(_("reference of the caller"), max_length=64, blank=True)
    at = models.DateTimeField(_("time"))

    class Meta:
        verbose_name = _("act of an API client")
        verbose_name_plural = _("acts of API clients")
        constraints = [
            models.CheckConstraint(condition=Q(verb__in=Verb.values), name="parties_apiact_verb_known"),
            models.CheckConstraint(
                condition=~Q(fingerprint="") & ~Q(answer=""), name="parties_apiact_has_answer"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.verb} {self.id.hex[:8]}"


class CardShowing(models.Model):
    """A member's card was read at a till of the brand: until then the brand may ask for them by their id."""

    brand = models.ForeignKey(
        "parties.Brand", models.PROTECT, related_name="+", verbose_name=_("brand"), db_index=False
    )
    member = models.ForeignKey(
        "parties.Member", models.CASCADE, related_name="card_showings", verbose_name=_("member")
    )
    shown_at = models.DateTimeField(_("shown at"))
    until = models.DateTimeField(_("opens the member until"))

    class Meta:
        verbose_name = _("card shown to a brand")
        verbose_name_plural = _("cards shown to brands")
        constraints = [
            models.UniqueConstraint(fields=["brand", "member"], name="parties_cardshowing_once"),
            models.CheckConstraint(
                condition=Q(until__gt=models.F("shown_at")), name="parties_cardshowing_has_length"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.brand} {self.member}"
