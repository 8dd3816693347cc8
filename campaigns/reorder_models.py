"""Which order takes the place of withdrawn codes."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from giftcodes.void_models import VoidRequest


class Reorder(models.Model):
    """An order that began as the draft for what a request withdrew; at most one per request. It goes with
    its order, if that is discarded as a draft.
    """

    order = models.OneToOneField(
        "campaigns.Order", models.CASCADE, primary_key=True, related_name="reorder", verbose_name=_("order")
    )
    request = models.OneToOneField(
        VoidRequest, models.PROTECT, related_name="reorder", verbose_name=_("withdrawal of codes")
    )

    class Meta:
        verbose_name = _("order for withdrawn codes")
        verbose_name_plural = _("orders for withdrawn codes")

    def __str__(self) -> str:
        return f"{self.order_id} for {self.request_id}"
