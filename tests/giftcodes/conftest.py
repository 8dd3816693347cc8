"""Files that several tests look at."""

import pytest

from tests.giftcodes.sealing_case import sealed_at_once


@pytest.fixture(scope="session")
def uninterrupted(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("uninterrupted") / "sealed.zip"
    sealed_at_once(path)
    return path.read_bytes()
