"""A start on a database or a queue that may lose what it acknowledged ends with a sentence that says what to
set.
"""

from collections.abc import Iterator
from pathlib import Path

import redis
from django.conf import settings
from django.core import checks
from django.core.checks import CheckMessage, Error, Tags, register
from django.core.exceptions import ImproperlyConfigured
from django.db import OperationalError, connection, connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.signals import connection_created
from redis.exceptions import RedisError, ResponseError

from giftcodes.restores import disagreement

# Values under which a commit is acknowledged before it is safe on this machine's disk.
_UNSAFE = {"fsync": {"off"}, "full_page_writes": {"off"}, "synchronous_commit": {"off"}}
ON_CONNECT = "older than the claim journal"  # what the receiver of refuse_restored_on_connect is known by
_SQLITE = {"journal_mode": ("wal",), "synchronous": (2, 3), "foreign_keys": (1,)}  # 2 is FULL, 3 is EXTRA


def weaknesses() -> Iterator[str]:
    """What may lose an acknowledged claim or a queued message, each as a sentence that says what to set."""
    yield from _of_database()
    yield from _of_journal()
    if settings.CELERY_BROKER_URL.startswith("redis"):
        yield from _of_broker(settings.CELERY_BROKER_URL)


def _of_database() -> Iterator[str]:
    yield from _of_postgresql() if connection.vendor == "postgresql" else _of_sqlite()


def _of_postgresql() -> Iterator[str]:
    for name, unsafe in _UNSAFE.items():
        if (value := _first(f"SHOW {name}")) in unsafe:
            yield f"PostgreSQL runs with {name} = {value}: set it to on, or a crash may lose claims."


def _of_sqlite() -> Iterator[str]:
    for name, safe in _SQLITE.items():
        if (value := _first(f"PRAGMA {name}")) not in safe:
            yield f"SQLite runs with {name} = {value}: set it to {safe[0]} in init_command of the settings."


def _of_journal() -> Iterator[str]:
    if sentence := disagreement(Path(settings.CLAIM_JOURNAL_DIR)):
        yield sentence


def _first(sql: str) -> object:
    with connection.cursor() as cursor:
        cursor.execute(sql)
        return cursor.fetchone()[0]


def _of_broker(url: str) -> Iterator[str]:
    with redis.Redis.from_url(
        url, socket_timeout=5, socket_connect_timeout=5, decode_responses=True
    ) as client:
        try:
            policy = client.config_get("maxmemory-policy").get("maxmemory-policy", "noeviction")
        except ResponseError:
            return  # a hosted Redis that does not tell: its owner has to know
        except RedisError as error:
            reason = type(error).__name__
            yield f"The Redis of CELERY_BROKER_URL is away ({reason}): start it, or mend the address."
            return
    if policy != "noeviction":
        yield f"The Redis of CELERY_BROKER_URL evicts ({policy}): set its maxmemory-policy to noeviction."


@register(Tags.database)
def check_durability(**_: object) -> list[CheckMessage]:
    """The same for `manage.py check --database default` and before every migration."""
    return [Error(sentence, id="config.E001") for sentence in _of_database()]


@register(Tags.database)
def check_journal(**_: object) -> list[CheckMessage]:
    """Whether the database is older than the claim journal. A warning only: a restored database may have to
    be migrated before its claims can be replayed.
    """
    return [checks.Warning(sentence, id="config.W001") for sentence in _of_journal()]


def refuse_restored_on_connect() -> None:
    """From now on no connection of this process to a database that is older than the claim journal.

    Web server and workers call it when they start in production. They outlive a restore, which ends every
    connection: without this they would go on with the next one, and claim journaled codes again.
    """
    connection_created.connect(_refuse_restored, dispatch_uid=ON_CONNECT)


def _refuse_restored(*, connection: BaseDatabaseWrapper, **_: object) -> None:
    sentences = list(_of_journal())
    if sentences:
        connection.close()
        raise OperationalError(sentences[0])  # the site says that it is away (503), a task tries again


def refuse_unsafe(*, with_queue: bool) -> None:
    """ImproperlyConfigured, with every weakness; web server and workers call it when they start in
    production.

    A web process starts without looking at the queue: messages are nudges, and claims need none.
    """
    found = list(weaknesses() if with_queue else (*_of_database(), *_of_journal()))
    connections.close_all()
    if found:
        raise ImproperlyConfigured(" ".join(found))
