"""The site, with faults that a call can ask for by its header X-Fault: for tests alone.

Where a process dies is told on its output first.
"""

import os
import signal
import uuid
from collections.abc import Callable, Iterable
from typing import Any
from unittest.mock import patch

from django.db.backends.postgresql.base import DatabaseWrapper

from config.wsgi import application as site
from giftcodes import directory
from ledger import pipeline
from parties import api_acts

DIES_BEFORE_COMMIT = "dies before the commit"
DIES_AFTER_COMMIT = "dies after the commit"
DIES_BEFORE_ANSWER = "dies before the answer"
TAKES_EACH_KEY_FOR_A_NEW_ONE = "takes each key for a new one"
FORGETS = "forgets what it knows of batches"  # tests share the process, not a database


def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    fault = environ.pop("HTTP_X_FAULT", "")
    if fault in (DIES_BEFORE_COMMIT, DIES_AFTER_COMMIT):
        _die_around_the_commit(fault)
    if fault == TAKES_EACH_KEY_FOR_A_NEW_ONE:
        environ["HTTP_IDEMPOTENCY_KEY"] += uuid.uuid4().hex
    if fault == FORGETS:
        directory.forget()
    answer = site(environ, start_response)
    if fault == DIES_BEFORE_ANSWER:
        _die(fault)
    return answer


def _die(step: str) -> None:
    print(step, flush=True)
    os.kill(os.getpid(), signal.SIGKILL)


def _die_around_the_commit(step: str) -> None:
    """At the commit that comes with the statements of a gift, or behind the row of another act."""
    database: Any = DatabaseWrapper
    run, keep, commit = pipeline.run, api_acts._keep, database._commit
    kept = []

    def run_and_die(link: Any, queries: Any) -> Any:
        others = [query for query in queries if query[0] != "COMMIT"]
        answers = run(link, others if step == DIES_BEFORE_COMMIT else queries)
        if len(others) < len(queries):
            _die(step)
        return answers

    def keep_and_note(*arguments: Any, **options: Any) -> None:
        keep(*arguments, **options)
        kept.append(True)

    def commit_and_die(self: Any) -> None:
        if kept and step == DIES_BEFORE_COMMIT:
            _die(step)
        commit(self)
        if kept:
            _die(step)

    patch.object(pipeline, "run", run_and_die).start()
    patch.object(api_acts, "_keep", keep_and_note).start()
    database._commit = commit_and_die
