"""The Celery app. Tasks are nudges: what has to be done stands in tables."""

import os
import threading
import time

from celery import Celery
from celery.signals import beat_embedded_init, worker_init
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from config.durability import refuse_restored_on_connect, refuse_unsafe

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

app = Celery("tokuten")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks(["campaigns", "giftcodes", "ledger", "parties", "redemption_site"])


@worker_init.connect
def _start_on_safe_ground(**_: object) -> None:
    if settings.IS_PRODUCTION:
        try:
            refuse_unsafe(with_queue=True)
        except ImproperlyConfigured as weakness:
            raise SystemExit(str(weakness)) from None  # a signal would swallow any other exception
        refuse_restored_on_connect()


@beat_embedded_init.connect
def _leave_with_the_worker(**_: object) -> None:
    """A worker that is killed can't stop its embedded beat (`-B`), which would go on sending for ever."""
    worker = os.getppid()

    def watch() -> None:
        while os.getppid() == worker:
            time.sleep(0.5)
        os._exit(0)

    threading.Thread(target=watch, name="leave-with-the-worker", daemon=True).start()
