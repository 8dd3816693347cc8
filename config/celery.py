"""The Celery app. Tasks are nudges: what has to be done stands in tables."""

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

app = Celery("tokuten")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks(["giftcodes"])
