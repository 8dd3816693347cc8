from django.apps import AppConfig

from config import durability


class ConfigConfig(AppConfig):
    name = "config"
    checks = durability  # importing it registers the checks
