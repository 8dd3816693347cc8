"""What happened, as partner systems are told: the outbox, written in the transaction of its cause."""

import uuid

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _


class EventType(models.TextChoices):
    """What can have happened. The values are the contract with partners: none is ever renamed."""

    GIFT_ISSUED = "gift.issued", _("a gift was issued")
    GIFT_CLAIMED = "gift.claimed", _("a gift was claimed")
    GIFT_VOIDED = "gift.voided", _("a gift was withdrawn")
    GIFT_EXPIRED = "gift.expired", _("a gift has expired")
    ORDER_MINTED = "order.minted", _("the codes of an order were made")
    POINTS_EARNED = "points.earned", _("points were given")
    POINTS_SPENT = "points.spent", _("points were spent")
    POINTS_HELD = "points.held", _("points were set aside")
    POINTS_RELEASED = "points.released", _("points set aside came back")
    POINTS_REVERSED = "points.reversed", _("points were taken back")
    BUDGET_LOW = "budget.low", _("a budget runs low")
    ALERT_OPENED = "alert.opened", _("something calls for attention")
    ALERT_ENDED = "alert.ended", _("what called for attention is over")
    WEBHOOK_TEST = "webhook.test", _("a test, asked for in the admin")


class Event(models.Model):
    """One thing that happened to one object of a brand. Never edited, never deleted; it holds no code, and of
    people nothing but opaque numbers.

    `transaction_number` is the one that PostgreSQL gave the writing transaction (0 on SQLite, where writers
    come one after the other). Readers follow (transaction_number, id): see `event_queries`.
    """

    public_id = models.UUIDField(_("event number"), default=uuid.uuid4, unique=True, editable=False)
    brand = models.ForeignKey("parties.Brand", models.PROTECT, related_name="events", verbose_name=_("brand"))
    type = models.CharField(_("what happened"), max_length=32, choices=EventType.choices)
    object_id = models.CharField(_("to what"), max_length=64)
    sequence = models.PositiveIntegerField(_("place among the events of that object"))
    data = models.JSONField(_("particulars"))
    occurred_at = models.DateTimeField(_("happened at"))
    transaction_number = models.BigIntegerField()

    class Meta:
        verbose_name = _("event")
        verbose_name_plural = _("events")
        constraints = [
            models.UniqueConstraint(
                fields=["brand", "object_id", "sequence"], name="parties_event_sequence_once"
            ),
            models.CheckConstraint(condition=Q(type__in=EventType.values), name="parties_event_type_known"),
            models.CheckConstraint(condition=Q(sequence__gte=1), name="parties_event_sequence_from_one"),
            models.CheckConstraint(condition=~Q(object_id=""), name="parties_event_has_object"),
        ]
        indexes = [models.Index(fields=["brand", "transaction_number", "id"], name="parties_event_in_order")]

    def __str__(self) -> str:
        return self.name

    @property
    def name(self) -> str:
        """What partners call it: `evt_` and 32 hex digits."""
        return f"evt_{self.public_id.hex}"
