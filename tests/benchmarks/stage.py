"""A place like production for benchmarks: real servers, a database of its own, production settings."""

import os
import secrets
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import django
import psycopg
from psycopg import sql

from tests import servers

SITE = "points.example.com"
# What an operator would set on a small machine; fsync and synchronous_commit stay on, as they come.
POSTGRESQL_OPTIONS = {"shared_buffers": "512MB", "max_wal_size": "4GB", "checkpoint_timeout": "15min"}


@contextmanager
def production() -> Iterator[Path]:
    """Bring up PostgreSQL and Redis, set the environment of production, set Django up and migrate.

    Gives a folder for sockets and scripts. Once per process: settings are read once.
    """
    with ExitStack() as running:
        folder = Path(running.enter_context(tempfile.TemporaryDirectory(prefix="tokuten-bench-")))
        server_url = running.enter_context(servers.postgresql_server(POSTGRESQL_OPTIONS))
        redis_url = running.enter_context(servers.redis_server())
        database_url = running.enter_context(_own_database(server_url))
        os.environ |= {
            "TOKUTEN_ENV": "production",
            "DJANGO_SETTINGS_MODULE": "config.settings",
            "SECRET_KEY": secrets.token_urlsafe(64),
            "CODE_MASTER_KEYS": f"bench:{secrets.token_hex(32)}",
            "LEDGER_SEAL_KEYS": f"bench:{secrets.token_hex(32)}",
            "MEMBERSHIP_NUMBER_KEYS": f"bench:{secrets.token_hex(32)}",
            "SEALS_DIR": str(folder / "seals"),
            "CLAIM_JOURNAL_DIR": str(folder / "journal"),
            "SITE_URL": f"https://{SITE}",
            "ALLOWED_HOSTS": SITE,
            "BEHIND_TLS_PROXY": "1",
            "DATABASE_URL": database_url,
            "REDIS_URL": servers.redis_database(redis_url, 1),
            "CELERY_BROKER_URL": servers.redis_database(redis_url, 2),
            "EMAIL_URL": "smtp://127.0.0.1:25",  # no mail is sent
            "DEFAULT_FROM_EMAIL": f"points@{SITE}",
            "LOG_LEVEL": "WARNING",
            # One member claims thousands of codes; the guard counts them all the same.
            "CLAIM_TRIES_PER_MINUTE": str(10**9),
            "CLAIM_TRIES_PER_HOUR": str(10**9),
            "VAR_DIR": str(folder / "var"),
        }
        (folder / "var" / "static").mkdir(parents=True)
        django.setup()
        from django.core.management import call_command
        from django.db import connections

        running.callback(connections.close_all)
        call_command("migrate", verbosity=0)
        # A page that refuses a claim names these files; without them it would be a 500 that hides why.
        call_command("collectstatic", interactive=False, verbosity=0)
        # Without a journal no process would get a connection to a database with claims. Nothing ships here:
        # what that costs is measured apart (bench_journal).
        call_command("ship_claims", begin=True, verbosity=0)
        yield folder


@contextmanager
def _own_database(server_url: str) -> Iterator[str]:
    """An empty database on that server, dropped afterwards."""
    name = f"tokuten_bench_{os.getpid()}"
    with psycopg.connect(server_url, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    try:
        yield urlunsplit(urlsplit(server_url)._replace(path=f"/{name}"))
    finally:
        with psycopg.connect(server_url, autocommit=True) as connection:
            connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))
