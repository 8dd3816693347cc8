from django.apps import AppConfig


class GiftcodesConfig(AppConfig):
    name = "giftcodes"
