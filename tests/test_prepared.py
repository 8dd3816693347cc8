"""The migrated database that tests start from is made once, and anew after whatever its tables come from."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest

from tests import prepared

Write = Callable[..., None]
ASKING = 4


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Write:
    """`write(name, text)` in a project with nothing in it but one migration."""
    monkeypatch.setattr(prepared, "ROOT", tmp_path)
    monkeypatch.setattr(prepared, "KEPT", tmp_path / "kept")

    def write(name: str, text: str) -> None:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    write("shop/migrations/0001_initial.py", "tables")
    return write


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """What was made, by a maker that takes no time."""
    paths: list[Path] = []

    def make(path: Path) -> None:
        paths.append(path)
        path.write_text(f"made {len(paths)}")

    monkeypatch.setitem(prepared._MAKERS, "sqlite", make)
    return paths


def test_it_is_made_once_for_all_who_ask_at_the_same_time(write: Write, made: list[Path]) -> None:
    together = Barrier(ASKING)

    def ask(_: int) -> str:
        together.wait()
        return prepared._kept("sqlite").read_text()

    with ThreadPoolExecutor(ASKING) as pool:
        assert list(pool.map(ask, range(ASKING))) == ["made 1"] * ASKING


@pytest.mark.parametrize(
    "name",
    [
        "shop/migrations/0001_initial.py",
        "shop/migrations/0002_more.py",
        "config/settings.py",
        "requirements/dev.lock",
    ],
)
def test_it_is_made_anew_when_its_tables_may_have_changed_and_the_old_one_goes(
    write: Write, made: list[Path], name: str
) -> None:
    before = prepared._kept("sqlite")

    write(name, "other tables")

    assert prepared._kept("sqlite").read_text() == "made 2"
    assert not before.exists()


def test_other_changes_leave_it_as_it_is(write: Write, made: list[Path]) -> None:
    prepared._kept("sqlite")
    write("shop/models.py", "no table changes without a migration")
    assert prepared._kept("sqlite").read_text() == "made 1"


def test_one_that_was_not_finished_is_made_again(
    write: Write, made: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop_halfway(path: Path) -> None:
        path.write_text("half")
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setitem(prepared._MAKERS, "sqlite", stop_halfway)
        with pytest.raises(KeyboardInterrupt):
            prepared._kept("sqlite")

    assert prepared._kept("sqlite").read_text() == "made 1"
