"""Real threads, each on its own connection, let go at the same moment."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from django.db import connections

Result = TypeVar("Result")


def race(*calls: Callable[[], Result]) -> list[Result | Exception]:
    """Run the calls at once; their results and refusals, in the order of the calls."""
    gate = threading.Barrier(len(calls), timeout=30)

    def run(call: Callable[[], Result]) -> Result | Exception:
        try:
            gate.wait()
            return call()
        except Exception as refusal:  # noqa: BLE001  # a refusal is an outcome here, and the test looks at each
            return refusal
        finally:
            connections.close_all()

    with ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(run, calls))
