"""The clock of the database, for pages that ask it, and a folder of their own for sealed days."""

from pathlib import Path

import pytest
from pytest_django.fixtures import Settings

from tests.campaigns.conftest import SetClock, set_database_clock
from tests.ledger.town import DAY
from tests.make import NOON

__all__ = ["set_database_clock"]


@pytest.fixture
def december(set_database_clock: SetClock, settings: Settings, tmp_path: Path) -> None:
    """It is December for the database."""
    set_database_clock(NOON + 40 * DAY)
    settings.SEALS_DIR = tmp_path
