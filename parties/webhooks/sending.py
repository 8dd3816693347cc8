"""One POST to an address that somebody else has typed.

The name is looked up once, every address that it leads to is judged, and one of those is connected to: what a
second look-up would say is nobody's business (DNS rebinding). The certificate is that of the name. No
redirect is followed, no proxy of the environment asked. All of it has 15 seconds, however slowly the other
side drips, and 64 kB of its answer are read, of which nothing but the status is kept: what an address turns
out to be must not be read through us.
"""

import socket
import ssl
import threading
import time
from collections.abc import Iterable, Mapping
from enum import StrEnum
from functools import lru_cache
from typing import Any, NamedTuple

import httpcore

from parties.webhooks.addresses import AddressRefused, Target, check_found

SECONDS = 15.0
MOST_OF_AN_ANSWER = 64 * 1024
_SECONDS_TO_CONNECT = 5.0  # to one address: there may be a better one
_ADDRESSES_TRIED = 3


class Failure(StrEnum):
    """Why there was no good answer; words for people are chosen at the edge."""

    ADDRESS = "address"  # it leads where nothing is sent
    NAME = "name"  # it leads nowhere
    CONNECTION = "connection"  # nobody there, or the certificate is not that of the name
    TIME = "time"
    ANSWER = "answer"  # no HTTP
    STATUS = "status"  # none of 200 to 299
    KEYS = "keys"  # the secret could not be opened: ours to mend
    CLOSED = "closed"  # the endpoint was closed before


class Post(NamedTuple):
    """What is sent where."""

    target: Target
    headers: Mapping[str, str]
    body: bytes


class Answer(NamedTuple):
    """What came of it: a status, or why there is none."""

    status: int | None
    failure: Failure | None


def send(post: Post, *, seconds: float = SECONDS) -> Answer:
    """Send it, and wait for the whole answer, for so many seconds at most. Touches no database."""
    deadline = time.monotonic() + seconds
    try:
        status = _exchange(post, deadline)
    except AddressRefused as refusal:
        return Answer(None, Failure.NAME if refusal.reason == "name" else Failure.ADDRESS)
    except httpcore.TimeoutException:
        return Answer(None, Failure.TIME)
    except (httpcore.NetworkError, OSError):
        return Answer(None, Failure.CONNECTION)
    except httpcore.ProtocolError:
        return Answer(None, Failure.ANSWER)
    return Answer(status, None if 200 <= status <= 299 else Failure.STATUS)


def _exchange(post: Post, deadline: float) -> int:
    target = post.target
    url = httpcore.URL(scheme=target.scheme, host=target.host, port=target.port, target=target.path)
    headers = {"Host": target.place, "Connection": "close", **post.headers}
    network = _CheckedNetwork(target, deadline)
    with (
        httpcore.ConnectionPool(
            ssl_context=trusted(), max_connections=1, retries=0, network_backend=network
        ) as pool,
        pool.stream("POST", url, headers=list(headers.items()), content=post.body) as answer,
    ):
        read = 0
        for part in answer.iter_stream():
            read += len(part)
            if read >= MOST_OF_AN_ANSWER:
                break
        return int(answer.status)


@lru_cache(maxsize=1)
def trusted() -> ssl.SSLContext:
    """Whose certificates count: those of the system (SSL_CERT_FILE), and Mozilla's."""
    return httpcore.default_ssl_context()


class _CheckedNetwork(httpcore.NetworkBackend):
    """Looks the name up, judges what it finds, and connects to that."""

    def __init__(self, target: Target, deadline: float) -> None:
        self._target, self._deadline = target, deadline

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ARG002  # the deadline counts
        local_address: str | None = None,  # noqa: ARG002  # whichever fits
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        found = _look_up(host, port, _left(self._deadline))
        check_found(found, self._target)
        failure: Exception | None = None
        for address in found[:_ADDRESSES_TRIED]:
            patience = min(_left(self._deadline), _SECONDS_TO_CONNECT)
            try:
                stream = httpcore.SyncBackend().connect_tcp(
                    address, port, timeout=patience, socket_options=socket_options
                )
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failure = error
                continue
            return _HurriedStream(stream, self._deadline)
        raise failure or httpcore.ConnectError(host)


class _HurriedStream(httpcore.NetworkStream):
    """A connection whose every step ends at one deadline, however little the other side gives at a time."""

    def __init__(self, stream: httpcore.NetworkStream, deadline: float) -> None:
        self._stream, self._deadline = stream, deadline

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ARG002
        return self._stream.read(max_bytes, timeout=_left(self._deadline))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ARG002
        self._stream.write(buffer, timeout=_left(self._deadline))

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ARG002
    ) -> httpcore.NetworkStream:
        stream = self._stream.start_tls(ssl_context, server_hostname, timeout=_left(self._deadline))
        return _HurriedStream(stream, self._deadline)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


def _left(deadline: float) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise httpcore.ConnectTimeout("the time is up")
    return left


def _look_up(host: str, port: int, seconds: float) -> list[str]:
    """The addresses of the name, in the resolver's order; none if it has none. The resolver knows no time
    limit, so it is asked in a thread that is left behind if it takes too long.
    """
    found: list[list[str]] = []
    asker = threading.Thread(target=lambda: found.append(addresses_of(host, port)), daemon=True)
    asker.start()
    asker.join(seconds)
    if not found:
        raise httpcore.ConnectTimeout("the resolver took too long")
    return found[0]


def addresses_of(host: str, port: int) -> list[str]:
    """What the resolver of this machine says."""
    try:
        answers = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return []
    return list(dict.fromkeys(str(answer[4][0]) for answer in answers))
