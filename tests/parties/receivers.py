"""A partner's receiver of webhooks, written with the public `standardwebhooks` library and nothing else."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from standardwebhooks import Webhook, WebhookVerificationError

Answering = Callable[[BaseHTTPRequestHandler], None]


class Receiver:
    """Takes webhooks at `url`, verifies them with `secrets`, and answers with `status`.

    `received`: ids and bodies that were verified; `refused`: how many were not.
    """

    def __init__(self, port: int) -> None:
        self.host = f"127.0.0.1:{port}"
        self.url = f"http://{self.host}/hooks?from=tokuten"
        self.status = 204
        self.secrets: list[str] = []
        self.received: list[tuple[str, dict[str, Any]]] = []
        self.headers: list[dict[str, str]] = []
        self.refused = 0
        self.answer: Answering | None = None

    def take(self, handler: BaseHTTPRequestHandler) -> None:
        body = handler.rfile.read(int(handler.headers["content-length"]))
        headers = {name.lower(): value for name, value in handler.headers.items()}
        self.headers.append(headers)
        if self.answer is not None:
            self.answer(handler)
            return
        if 200 <= self.status < 300:
            self._verify(body, headers)
        handler.send_response(self.status)
        handler.end_headers()

    def _verify(self, body: bytes, headers: dict[str, str]) -> None:
        for secret in self.secrets:
            try:
                Webhook(secret).verify(body, headers)
            except WebhookVerificationError:
                continue
            self.received.append((headers["webhook-id"], json.loads(body)))
            return
        self.refused += 1


@contextmanager
def receiver() -> Iterator[Receiver]:
    """A receiver at a free port of this machine, until the block ends."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            it.take(self)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  # its name in the library
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        request_queue_size = 128  # several workers send at once

    with Server(("127.0.0.1", 0), Handler) as server:
        it = Receiver(server.server_address[1])
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        try:
            yield it
        finally:
            server.shutdown()
            thread.join()
