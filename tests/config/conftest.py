"""Starts with other settings."""

from collections.abc import Iterator

import pytest

from tests.config.starts import Start, starts


@pytest.fixture(scope="session")
def start() -> Iterator[Start]:
    with starts() as start:
        yield start
