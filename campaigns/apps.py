from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class CampaignsConfig(AppConfig):
    name = "campaigns"
    verbose_name = _("campaigns and orders")

    def ready(self) -> None:
        # Tables can't be imported before the apps are there.
        from campaigns.tasks import fill_sandbox
        from parties.sandboxes import fill_with

        fill_with(fill_sandbox)
