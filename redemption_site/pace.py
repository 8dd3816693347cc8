"""Refusals leave at a fixed pace, so that the time they take tells nothing about a code."""

import time

STEP_SECONDS = 0.05  # longer than any refusal takes by itself on a server that keeps up


def now() -> float:
    """When the work on an answer began, for `wait_for_step`."""
    return time.perf_counter()


def wait_for_step(begun: float) -> None:
    """Wait for the next whole step since then. Only tries that passed the guard come here, so no more threads
    wait than the guard lets through.
    """
    time.sleep(STEP_SECONDS - (time.perf_counter() - begun) % STEP_SECONDS)
