"""A caller in a process of its own, that is killed at a step of an issue.

    python -m tests.giftcodes.gift_child STEP CLIENT GROUP KEY GIFTS

Where the process dies is told on its output first; the code never is.
"""

import itertools
import os
import pkgutil
import signal
import sys
from datetime import datetime
from typing import Any
from unittest.mock import patch

import django

NOON = "2026-11-02T03:00:00+00:00"


def die(step: str) -> None:
    print(step, flush=True)
    os.kill(os.getpid(), signal.SIGKILL)


def kill_at(step: str) -> None:
    """Let the process die at the step, whichever way the draw goes."""
    from ledger import pipeline

    sends, exchange = itertools.count(1), pipeline._exchange
    before = {"before the look": 1, "before the draw": 2, "before the quick issue": 1}.get(step)
    behind = {"after the look": 1, "after the commit": 2, "after the quick issue": 1}.get(step)

    def count(link: Any, calls: Any) -> Any:
        number = next(sends)
        if number == before:
            die(step)
        answers = exchange(link, calls)
        if number == behind:
            die(step)
        return answers

    patch.object(pipeline, "_exchange", count).start()
    if step == "drawn and not committed":
        # Without its COMMIT the statement has done everything, and nothing of it is kept.
        run = pipeline.run
        uncommitted = itertools.count(1)

        def run_without_commit(link: Any, queries: Any) -> Any:
            answers = run(link, [query for query in queries if query[0] != "COMMIT"])
            if next(uncommitted) == 2:
                die(step)
            return answers

        patch.object(pipeline, "run", run_without_commit).start()
    for name, place in _STEPS_FROM_ALL.items():
        if name == step:
            _die_behind(step, place)


_STEPS_FROM_ALL = {
    "drawn from all": "giftcodes.services.draws.draw",
    "request written": "giftcodes.services.gifts.GiftRequest.objects.create",
    "gifts written": "giftcodes.services.gifts.Gift.objects.bulk_create",
}


def _die_behind(step: str, place: str) -> None:
    call = pkgutil.resolve_name(place)

    def called(*arguments: Any, **options: Any) -> None:
        call(*arguments, **options)
        die(step)

    patch(place, called).start()


def main(step: str, client: str, group: str, key: str, number: str) -> None:
    django.setup()
    from django.db import connection

    from giftcodes import services as giftcodes
    from giftcodes.services import GiftWanted
    from parties.api_models import ApiClient

    who = ApiClient.objects.select_related("brand").get(pk=int(client))
    asked: dict[str, Any] = {"client": who, "group": group, "at": datetime.fromisoformat(NOON)}
    if "quick" in step:  # whoever has issued once knows where from
        giftcodes.issue_gifts(key="first", gifts=[GiftWanted()], **asked)
    connection.close()
    kill_at(step)
    giftcodes.issue_gifts(key=key, gifts=[GiftWanted()] * int(number), **asked)
    print("done", flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
