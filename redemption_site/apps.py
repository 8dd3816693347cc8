from django.apps import AppConfig


class RedemptionSiteConfig(AppConfig):
    name = "redemption_site"
