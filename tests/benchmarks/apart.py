"""One benchmark in a process of its own: its memory, its settings and its imports touch no other."""

import importlib
import multiprocessing
from concurrent.futures import ProcessPoolExecutor

from tests.benchmarks.table import Row


def measured_apart(module: str, *arguments: object) -> list[Row]:
    """What `rows(*arguments)` of that module gives, run in a new process."""
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        return pool.submit(_measured, module, *arguments).result()


def _measured(module: str, *arguments: object) -> list[Row]:
    return [Row(*row) for row in importlib.import_module(module).rows(*arguments)]
