"""What a load balancer asks: `/healthz`, is this process alone alive; `/readyz`, may it be sent people.

Answered before every other middleware: a balancer asks by address and over plain http, so that neither
ALLOWED_HOSTS nor the redirect to https may stand in its way. The answers take nothing from the request but
its path, and name the failed parts, never why: whoever wants to know reads the log.
"""

import logging
from collections.abc import Callable

from django.core.cache import cache
from django.db import Error, connection
from django.http import HttpRequest, JsonResponse
from django.http.response import HttpResponseBase
from redis.exceptions import RedisError

from campaigns.alert_queries import is_asleep, last_look
from giftcodes import keys
from giftcodes.errors import KeysMissing
from giftcodes.guarding import guard
from giftcodes.models import Batch, Series
from ledger.errors import SealKeyMissing
from ledger.keys import newest_seal_key_id, seal_key
from ledger.statements import database_time

logger = logging.getLogger(__name__)


class HealthMiddleware:
    """Answers GET and HEAD of the two addresses; everything else goes on."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        answer = _ANSWERS.get(request.path_info)
        if answer is None or request.method not in ("GET", "HEAD"):
            return self.get_response(request)
        return answer()


def healthz() -> JsonResponse:
    """200 from a process that answers at all. It looks at nothing else: a balancer or supervisor that kills
    what fails here would kill every process when the database is away, which helps nobody.
    """
    return _answer({"alive": True})


def readyz() -> JsonResponse:
    """200 if people can be served, 503 if a part without which nothing can be granted has failed.

    Three parts are named in `degraded` alone, and do not take the process out. Without the cache the code
    field and its pages still work, and what needs it answers 503 by itself. Without its Redis the limiter
    counts on the database, at a tenth of the limits. Without beat or a worker, files, mails and alerts wait:
    the watch, which looks each minute, has then not been there for ten; one that never was is not missed.
    """
    failed = [] if _has_database() else ["database"]
    if not failed and not _has_keys():
        failed.append("keys")
    degraded = [] if _has_cache() else ["cache"]
    if not guard.is_whole():
        logger.error("Degraded: the limiter's Redis does not answer; the database counts.")
        degraded.append("limiter")
    if not failed and _is_watch_asleep():
        degraded.append("worker")
    return _answer(
        {"ready": not failed, "failed": failed, "degraded": degraded}, status=503 if failed else 200
    )


_ANSWERS = {"/healthz": healthz, "/readyz": readyz}


def _answer(content: dict[str, object], *, status: int = 200) -> JsonResponse:
    return JsonResponse(content, status=status, headers={"Cache-Control": "no-store"})


def _has_database() -> bool:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except Error:
        logger.exception("Not ready: the database does not answer.")
        return False
    return True


def _has_keys() -> bool:
    """Whether the key of every series can be made, the newest batch be opened, and a day be sealed."""
    try:
        for series in Series.objects.all():
            keys.series_key(series)
        newest = Batch.objects.order_by("-pk").first()
        if newest is not None:
            keys.batch_key(newest)
        seal_key(newest_seal_key_id(), purpose="readiness")
    except (KeysMissing, SealKeyMissing, StopIteration, Error):
        logger.exception("Not ready: a key is missing, or is not the one that was used.")
        return False
    return True


def _is_watch_asleep() -> bool:
    looked_at = last_look()
    if looked_at is None or not is_asleep(looked_at, at=database_time()):
        return False
    logger.error("Degraded: background work was last seen at %s.", looked_at)
    return True


def _has_cache() -> bool:
    try:
        cache.get("readiness")
    except (RedisError, OSError):
        logger.exception("Degraded: the cache does not answer.")
        return False
    return True
