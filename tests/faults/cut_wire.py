"""The wire between a web process and PostgreSQL, which is cut around a COMMIT when the test says so.

A proxy that reads what the client sends, as the protocol frames it (PostgreSQL's documentation, "Message
Formats"): simple queries, statements that are parsed, and the names by which they are run again.
"""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import quote, urlsplit, urlunsplit

from psycopg.conninfo import conninfo_to_dict

_TOLD = b"COMMIT\0"  # how the server says that it has committed


class CutWire:
    """`url` leads to the same database through here. `cuts` counts how often the wire was cut."""

    def __init__(self, url: str, folder: Path) -> None:
        parts, self._target = urlsplit(url), conninfo_to_dict(url)
        user, _, _ = parts.netloc.rpartition("@")
        self.url = urlunsplit(parts._replace(netloc=f"{user}@", query=f"host={quote(str(folder))}"))
        self.cuts = 0
        self._word, self._is_kept = b"", False

    def cut_at_the_commit_of(self, word: str, *, is_kept: bool) -> None:
        """Once: at the first COMMIT of a connection behind a statement with that word. `is_kept`: the server
        gets it, and its answer gets lost; else it never gets it.
        """
        self._word, self._is_kept = word.encode(), is_kept

    def carry(self, client: socket.socket) -> None:
        """Everything of one connection, until it ends."""
        server = self._connect()
        is_awaited = threading.Event()  # the answer to a COMMIT, which shall get lost
        answers = threading.Thread(target=self._carry_answers, args=(server, client, is_awaited), daemon=True)
        answers.start()
        with suppress(OSError):
            self._carry_queries(client, server, is_awaited)
        if not is_awaited.is_set():
            _close(client, server)

    def _connect(self) -> socket.socket:
        host, port = str(self._target.get("host") or "localhost"), self._target.get("port") or 5432
        if not host.startswith("/"):
            return socket.create_connection((host, int(port)))
        server = socket.socket(socket.AF_UNIX)
        server.connect(f"{host}/.s.PGSQL.{port}")
        return server

    def _carry_queries(
        self, client: socket.socket, server: socket.socket, is_awaited: threading.Event
    ) -> None:
        server.sendall(_start(client))
        known: dict[bytes, bytes] = {}  # statements by name
        is_near = False
        for kind, body in _messages(client):
            sql = _sql_of(kind, body, known)
            if self._word and self._word in sql:
                is_near = True
            if is_near and sql == b"COMMIT" and kind in b"QB":
                self._word, self.cuts = b"", self.cuts + 1
                if not self._is_kept:
                    return
                is_near = False
                is_awaited.set()
            server.sendall(kind + (len(body) + 4).to_bytes(4, "big") + body)

    def _carry_answers(
        self, server: socket.socket, client: socket.socket, is_awaited: threading.Event
    ) -> None:
        unheard = b""
        with suppress(OSError):
            while data := server.recv(65536):
                if not is_awaited.is_set():
                    client.sendall(data)
                    continue
                unheard += data
                if _TOLD in unheard:
                    break
        _close(client, server)


def _start(client: socket.socket) -> bytes:
    """The first message, which has no kind."""
    head = _exactly(client, 4)
    return head + _exactly(client, int.from_bytes(head, "big") - 4)


def _messages(client: socket.socket) -> Iterator[tuple[bytes, bytes]]:
    while True:
        kind = _exactly(client, 1)
        yield kind, _exactly(client, int.from_bytes(_exactly(client, 4), "big") - 4)


def _exactly(client: socket.socket, size: int) -> bytes:
    found = b""
    while len(found) < size:
        more = client.recv(size - len(found))
        if not more:
            raise ConnectionResetError
        found += more
    return found


def _sql_of(kind: bytes, body: bytes, known: dict[bytes, bytes]) -> bytes:
    if kind == b"Q":
        return body.rstrip(b"\0")
    if kind == b"P":
        name, sql, _ = body.split(b"\0", 2)
        known[name] = sql
        return sql
    if kind == b"B":
        _portal, name, _ = body.split(b"\0", 2)
        return known.get(name, b"")
    return b""


def _close(*ends: socket.socket) -> None:
    for end in ends:
        with suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)
        end.close()


@contextmanager
def cut_wire(url: str, folder: Path) -> Iterator[CutWire]:
    """A wire to that database for the time of the block. `folder` is for its socket, with a short path."""
    wire = CutWire(url, folder)
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(folder / ".s.PGSQL.5432"))
    listener.listen(64)

    def accept() -> None:
        with suppress(OSError):
            while True:
                client, _ = listener.accept()
                threading.Thread(target=wire.carry, args=(client,), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield wire
    finally:
        _close(listener)
