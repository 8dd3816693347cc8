from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class GiftcodesConfig(AppConfig):
    name = "giftcodes"
    verbose_name = _("code engine")
