"""The WSGI application for the web server."""

import os

from django.conf import settings
from django.core.wsgi import get_wsgi_application

from config.durability import refuse_restored_on_connect, refuse_unsafe

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

application = get_wsgi_application()
if settings.IS_PRODUCTION:
    refuse_unsafe(with_queue=False)
    refuse_restored_on_connect()
