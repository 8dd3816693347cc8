"""Posts requests over keep-alive connections to a Unix socket and clocks the answers.

A process of its own (`python -m tests.benchmarks.load < plan.json`), without a framework and with the bytes
of its requests prepared, so that it takes little of the machine from the servers it measures: one `send` and
one `recv` per request. Every connection has one request under way at a time.
"""

import json
import re
import selectors
import socket
import sys
import time
from collections import Counter
from itertools import cycle
from typing import Any, NamedTuple, TypedDict

_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)


class Plan(TypedDict):
    """Where to, for how long (seconds, the first `warm_up` of which are not counted), and what.

    A request is the head of its connection and the next of the tails. Connections take the paths in turn.
    """

    paths: list[str]
    seconds: float
    warm_up: float
    heads: list[str]
    tails: list[str]


class Outcome(NamedTuple):
    """`statuses` counts every answer; `rate` (per second) and the latencies (ms) leave the warm-up out."""

    statuses: dict[str, int]
    rate: float
    p50: float
    p95: float
    p99: float


class _Connection:
    def __init__(self, path: str, head: str) -> None:
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect(path)
        self.head = head.encode()
        self.sent_at = 0.0

    def send(self, tail: bytes) -> None:
        request = self.head + tail
        self.sent_at = time.perf_counter()
        self.socket.sendall(request)

    def receive(self) -> bytes:
        """The whole answer: servers write small ones in one piece, so the loop runs once."""
        answer = self.socket.recv(65536)
        while (end := answer.find(b"\r\n\r\n")) < 0 or len(answer) < end + 4 + _body_length(answer[:end]):
            more = self.socket.recv(65536)
            if not more:
                raise ConnectionError("the server closed a connection")
            answer += more
        return answer


def _body_length(head: bytes) -> int:
    found = _LENGTH.search(head)
    if found is None:
        raise ValueError(f"an answer without a length: {head!r}")
    return int(found[1])


def run(plan: Plan) -> Outcome:
    """Post until the time is over, then wait for the answers under way: all that is done is answered."""
    connections = [
        _Connection(path, head) for path, head in zip(cycle(plan["paths"]), plan["heads"], strict=False)
    ]
    tails = map(str.encode, plan["tails"])
    statuses: Counter[str] = Counter()
    latencies: list[float] = []
    with selectors.DefaultSelector() as selector:
        for connection in connections:
            selector.register(connection.socket, selectors.EVENT_READ, connection)
        begin = time.perf_counter()
        counted_from, end = begin + plan["warm_up"], begin + plan["seconds"]
        for connection in connections:
            connection.send(next(tails))
        under_way = len(connections)
        while under_way:
            for key, _ in selector.select():
                connection = key.data
                status = connection.receive()[9:12].decode()
                now = time.perf_counter()
                statuses[status] += 1
                if counted_from <= now < end:
                    latencies.append((now - connection.sent_at) * 1000)
                if now < end:
                    connection.send(next(tails))
                else:
                    under_way -= 1
    return summary(statuses, latencies, end - counted_from)


def summary(statuses: dict[str, int], latencies: list[float], seconds: float) -> Outcome:
    """The outcome of requests that were answered within `seconds`, with their latencies in ms."""
    ordered = sorted(latencies)
    p50, p95, p99 = (ordered[int(len(ordered) * share)] for share in (0.5, 0.95, 0.99))
    return Outcome(dict(statuses), len(ordered) / seconds, p50, p95, p99)


def main() -> None:
    plan: Any = json.load(sys.stdin)
    json.dump(run(plan), sys.stdout)


if __name__ == "__main__":
    main()
