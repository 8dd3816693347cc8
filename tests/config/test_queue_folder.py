"""The embedded queue: whoever looks while a message is being written sees none, and none is lost."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from queue import Empty
from typing import cast

import pytest
from kombu import Connection
from kombu.transport import filesystem

from config import celery_app, queue_folder

MESSAGES = 2_000
_QUEUE = "celery"


@contextmanager
def _channels(transport: type[filesystem.Transport], folder: Path) -> Iterator[list[filesystem.Channel]]:
    """A writer's and a reader's channel on one folder."""
    place = str(folder)
    options = {"data_folder_in": place, "data_folder_out": place, "control_folder": place}
    url = "filesystem://localhost//"
    with Connection(url, transport=transport, transport_options=options) as connection:
        yield [cast("filesystem.Channel", connection.channel()) for _ in range(2)]


def test_control_the_stock_transport_hands_out_a_message_that_is_not_written_yet(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with _channels(filesystem.Transport, tmp_path) as (writer, reader):

        def look(*_: object) -> None:  # at the moment between creating the file and filling it
            with pytest.raises(json.JSONDecodeError):
                reader._get(_QUEUE)

        monkeypatch.setattr(filesystem, "lock", look)
        writer._put(_QUEUE, {"number": 1})
        with pytest.raises(Empty):
            reader._get(_QUEUE)  # and the message is lost


def test_under_a_reader_that_looks_all_the_time_every_message_arrives_whole(tmp_path: Path) -> None:
    arrived, done = [], threading.Event()
    with _channels(queue_folder.Transport, tmp_path) as (writer, reader):

        def write() -> None:
            for number in range(MESSAGES):
                writer._put(_QUEUE, {"number": number, "body": "x" * 4_000})
            done.set()

        thread = threading.Thread(target=write)
        thread.start()
        while True:
            is_last_look = done.is_set()
            try:
                arrived.append(reader._get(_QUEUE)["number"])
            except Empty:
                if is_last_look:
                    break
        thread.join()
    assert arrived == list(range(MESSAGES))


@pytest.mark.sqlite
def test_the_embedded_stack_uses_it() -> None:
    with celery_app.connection() as connection:
        assert isinstance(connection.transport, queue_folder.Transport)
