"""Where partner systems are told of events, and what became of each telling."""

import uuid

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy


class WebhookEndpoint(models.Model):
    """An address of a brand's partner system, which is told the events of `types` (all, if it names none).

    It is made, its secret is renewed, it is closed, and that is all: whether it had to be told an event
    follows from its row for ever. It is told what stands behind (begins_transaction, begins_id) among the
    events; up to (queued_transaction, queued_id) each has its delivery. Secrets are sealed under a key that
    is not in the database.
    """

    public_id = models.UUIDField(_("endpoint number"), default=uuid.uuid4, unique=True, editable=False)
    brand = models.ForeignKey(
        "parties.Brand", models.PROTECT, related_name="webhook_endpoints", verbose_name=_("brand")
    )
    url = models.CharField(_("address"), max_length=500)
    types = models.JSONField(_("is told of"), default=list, blank=True)
    created_at = models.DateTimeField(_("created at"), editable=False)
    created_by = models.ForeignKey(
        "parties.User", models.PROTECT, related_name="+", verbose_name=_("created by"), editable=False
    )
    sealed_secret = models.BinaryField(max_length=100, editable=False)
    key_id = models.CharField(_("master key"), max_length=16, editable=False)
    # Signs too for a day after a new one was made, so that the receiver can change over.
    old_sealed_secret = models.BinaryField(max_length=100, null=True, editable=False)
    old_key_id = models.CharField(max_length=16, blank=True, editable=False)
    old_secret_until = models.DateTimeField(_("old secret signs until"), null=True, editable=False)
    closed_at = models.DateTimeField(_("closed at"), null=True, editable=False)
    is_gone = models.BooleanField(_("closed by its answer (410 Gone)"), default=False, editable=False)
    # Failures in a row; after one, nothing is sent before `rests_until`.
    failures = models.PositiveIntegerField(_("failures in a row"), default=0, editable=False)
    rests_until = models.DateTimeField(_("rests until"), null=True, editable=False)
    begins_transaction = models.BigIntegerField(editable=False)
    begins_id = models.BigIntegerField(editable=False)
    queued_transaction = models.BigIntegerField(editable=False)
    queued_id = models.BigIntegerField(editable=False)

    class Meta:
        verbose_name = _("webhook endpoint")
        verbose_name_plural = _("webhook endpoints")
        constraints = [
            models.UniqueConstraint(
                fields=["brand", "url"], condition=Q(closed_at=None), name="parties_webhook_url_once_open"
            ),
            models.CheckConstraint(
                condition=Q(old_sealed_secret=None, old_key_id="", old_secret_until=None)
                | (Q(old_sealed_secret__isnull=False, old_secret_until__isnull=False) & ~Q(old_key_id="")),
                name="parties_webhook_old_secret_ends",
            ),
            models.CheckConstraint(
                condition=Q(is_gone=False) | Q(closed_at__isnull=False), name="parties_webhook_gone_is_closed"
            ),
            models.CheckConstraint(
                condition=Q(queued_transaction__gt=F("begins_transaction"))
                | Q(queued_transaction=F("begins_transaction"), queued_id__gte=F("begins_id")),
                name="parties_webhook_queue_goes_on",
            ),
        ]

    def __str__(self) -> str:
        return self.url


class DeliveryState(models.TextChoices):
    WAITING = "waiting", pgettext_lazy("delivery", "waiting")
    DELIVERED = "delivered", pgettext_lazy("delivery", "delivered")
    DEAD = "dead", pgettext_lazy("delivery", "given up")


class WebhookDelivery(models.Model):
    """One event on its way to one endpoint: the table is the queue.

    A worker has it to itself from the moment it raised `attempts` until `next_attempt_at`, however it ends.
    """

    public_id = models.UUIDField(_("delivery number"), default=uuid.uuid4, unique=True, editable=False)
    endpoint = models.ForeignKey(
        WebhookEndpoint, models.PROTECT, related_name="deliveries", verbose_name=_("endpoint")
    )
    event = models.ForeignKey(
        "parties.Event", models.PROTECT, related_name="deliveries", verbose_name=_("event")
    )
    state = models.CharField(
        _("state"), max_length=9, choices=DeliveryState.choices, default=DeliveryState.WAITING
    )
    attempts = models.PositiveIntegerField(_("attempts"), default=0)
    queued_at = models.DateTimeField(_("queued at"))
    next_attempt_at = models.DateTimeField(_("next attempt at"))
    gives_up_at = models.DateTimeField(_("is tried until"))
    ended_at = models.DateTimeField(_("ended at"), null=True)
    last_status = models.PositiveSmallIntegerField(_("last answer"), null=True)
    last_error = models.CharField(_("last failure"), max_length=200, blank=True)
    replayed_at = models.DateTimeField(_("replayed at"), null=True)
    replayed_by = models.ForeignKey(
        "parties.User", models.PROTECT, null=True, related_name="+", verbose_name=_("replayed by")
    )
    replay_reason = models.CharField(_("reason of the replay"), max_length=200, blank=True)

    class Meta:
        verbose_name = _("webhook delivery")
        verbose_name_plural = _("webhook deliveries")
        constraints = [
            models.UniqueConstraint(fields=["endpoint", "event"], name="parties_delivery_once"),
            models.CheckConstraint(
                condition=Q(state__in=DeliveryState.values), name="parties_delivery_state_known"
            ),
            models.CheckConstraint(
                condition=Q(state="waiting", ended_at=None)
                | (~Q(state="waiting") & Q(ended_at__isnull=False)),
                name="parties_delivery_ends_once",
            ),
            models.CheckConstraint(
                condition=Q(replayed_at=None, replayed_by=None, replay_reason="")
                | (Q(replayed_at__isnull=False, replayed_by__isnull=False) & ~Q(replay_reason="")),
                name="parties_delivery_replayed_by_somebody",
            ),
        ]
        indexes = [
            models.Index(
                fields=["endpoint", "next_attempt_at", "id"],
                condition=Q(state="waiting"),
                name="parties_delivery_due",
            )
        ]

    def __str__(self) -> str:
        return str(self.public_id)
