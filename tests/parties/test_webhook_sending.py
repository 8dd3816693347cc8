"""What the other side may do to whoever sends it a webhook: hang, drip, flood, redirect, pretend."""

import ipaddress
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from parties.webhooks import sending
from parties.webhooks.addresses import read_address
from parties.webhooks.sending import Answer, Failure, Post, send
from tests.parties.receivers import Receiver, receiver


@pytest.fixture
def shop() -> Iterator[Receiver]:
    with receiver() as it:
        it.answer = lambda handler: None
        yield it


def post_to(url: str, *tests: str) -> Post:
    return Post(read_address(url, tests=tests), {"webhook-id": "evt_1"}, b"{}")


def sent_to(it: Receiver, answer: Callable[[BaseHTTPRequestHandler], None], *, seconds: float = 15) -> Answer:
    it.answer = answer
    return send(post_to(it.url, it.host), seconds=seconds)


def status(code: int, **headers: str) -> Callable[[BaseHTTPRequestHandler], None]:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(code)
        for name, value in headers.items():
            handler.send_header(name, value)
        handler.end_headers()

    return answer


@pytest.mark.parametrize("code", [200, 201, 202, 204, 299])
def test_a_good_status_is_a_success(shop: Receiver, code: int) -> None:
    assert sent_to(shop, status(code)) == Answer(code, None)
    assert shop.headers[0]["host"] == shop.host
    assert shop.headers[0]["webhook-id"] == "evt_1"


@pytest.mark.parametrize("code", [300, 400, 404, 410, 429, 500, 503])
def test_any_other_is_not(shop: Receiver, code: int) -> None:
    assert sent_to(shop, status(code)) == Answer(code, Failure.STATUS)


@pytest.mark.parametrize("code", [301, 302, 303, 307, 308])
def test_no_redirect_is_followed(shop: Receiver, code: int) -> None:
    with receiver() as inside:
        assert sent_to(shop, status(code, Location=inside.url)) == Answer(code, Failure.STATUS)
        assert inside.headers == []


def test_an_endless_answer_is_read_for_64_kilobytes(shop: Receiver) -> None:
    written = 0

    def flood(handler: BaseHTTPRequestHandler) -> None:
        nonlocal written
        status(200, **{"Content-Length": str(10 * 1024**3)})(handler)
        while True:
            try:
                written += handler.wfile.write(b"x" * 65_536)
            except OSError:
                return

    assert sent_to(shop, flood) == Answer(200, None)
    assert written < 64 * 1024**2  # what the buffers of two sockets took, of ten gigabytes


def drip(prelude: bytes, drop: bytes) -> Callable[[BaseHTTPRequestHandler], None]:
    """Always the next byte in time for whoever waits for each byte anew."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.wfile.write(prelude)
        for _drop in range(2_000):
            try:
                handler.wfile.write(drop)
            except OSError:
                return
            time.sleep(0.02)

    return answer


@pytest.mark.parametrize(
    ("prelude", "drop"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n", b"x"),
        (b"HTTP/1.1 200 OK\r\nX-Slow: ", b"x"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n"),
        (b"", b"H"),
    ],
    ids=["body", "header", "chunks", "status"],
)
def test_whoever_drips_is_left_when_the_time_is_up(shop: Receiver, prelude: bytes, drop: bytes) -> None:
    assert sent_to(shop, drip(prelude, drop), seconds=0.5) in [
        Answer(None, Failure.TIME),
        Answer(None, Failure.ANSWER),  # what has dripped so far was no HTTP
    ]


def test_whoever_says_nothing_is_left_when_the_time_is_up() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        host = f"127.0.0.1:{server.getsockname()[1]}"
        for scheme in ("http", "https"):
            answer = send(post_to(f"{scheme}://{host}/", host), seconds=0.3)
            assert answer == Answer(None, Failure.TIME)


def test_nobody_there() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        host = f"127.0.0.1:{server.getsockname()[1]}"
    assert send(post_to(f"http://{host}/", host)) == Answer(None, Failure.CONNECTION)


def test_what_is_no_http_is_no_answer(shop: Receiver) -> None:
    def greet(handler: BaseHTTPRequestHandler) -> None:
        handler.wfile.write(b"SSH-2.0-OpenSSH\r\n")

    assert sent_to(shop, greet) in [Answer(None, Failure.ANSWER), Answer(None, Failure.CONNECTION)]


def test_a_resolver_that_hangs_is_left_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    let_go = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: let_go.wait(30) and [])
    assert send(post_to("https://hooks.example.com/"), seconds=0.2) == Answer(None, Failure.TIME)
    let_go.set()


class Resolver:
    """Says something else at each look-up, and writes down where connections would have gone."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *answers: list[str]) -> None:
        self.answers, self.asked = list(answers), 0
        self.connected: list[tuple[str, int]] = []
        monkeypatch.setattr(socket, "getaddrinfo", self.look_up)
        monkeypatch.setattr(socket, "create_connection", self.connect)

    def look_up(self, _host: str, port: int, **_: object) -> list[tuple[object, ...]]:
        found = self.answers[min(self.asked, len(self.answers) - 1)]
        self.asked += 1
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in found]

    def connect(self, address: tuple[str, int], *_: object, **__: object) -> socket.socket:
        self.connected.append(address)
        raise OSError("no network in tests")


def test_a_name_that_is_rebound_is_connected_to_where_it_was_judged(monkeypatch: pytest.MonkeyPatch) -> None:
    resolver = Resolver(monkeypatch, ["8.8.8.8"], ["127.0.0.1"])
    post = post_to("https://hooks.example.com/")
    assert send(post) == Answer(None, Failure.CONNECTION)
    assert (resolver.asked, resolver.connected) == (1, [("8.8.8.8", 443)])
    assert send(post) == Answer(None, Failure.ADDRESS)  # the next attempt judges anew
    assert (resolver.asked, resolver.connected) == (2, [("8.8.8.8", 443)])


def test_without_the_check_a_name_of_this_machine_would_be_connected_to(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    resolver = Resolver(monkeypatch, ["127.0.0.1"])
    monkeypatch.setattr(sending, "check_found", lambda found, target: None)
    assert send(post_to("https://hooks.example.com/")) == Answer(None, Failure.CONNECTION)
    assert resolver.connected == [("127.0.0.1", 443)]


@pytest.mark.parametrize("found", [["127.0.0.1"], ["8.8.8.8", "10.0.0.1"], ["::1"], ["::ffff:127.0.0.1"]])
def test_a_name_that_leads_inside_is_not_connected_to(
    monkeypatch: pytest.MonkeyPatch, found: list[str]
) -> None:
    resolver = Resolver(monkeypatch, found)
    assert send(post_to("https://hooks.example.com/")) == Answer(None, Failure.ADDRESS)
    assert resolver.connected == []


def test_further_addresses_are_tried_and_not_many(monkeypatch: pytest.MonkeyPatch) -> None:
    resolver = Resolver(monkeypatch, [f"8.8.8.{number}" for number in range(1, 9)])
    assert send(post_to("https://hooks.example.com:8443/")) == Answer(None, Failure.CONNECTION)
    assert resolver.connected == [("8.8.8.1", 8443), ("8.8.8.2", 8443), ("8.8.8.3", 8443)]


def test_a_name_without_addresses(monkeypatch: pytest.MonkeyPatch) -> None:
    Resolver(monkeypatch, [])
    assert send(post_to("https://hooks.example.com/")) == Answer(None, Failure.NAME)


def test_no_proxy_of_the_environment_is_asked(shop: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    with receiver() as proxy:
        for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, f"http://{proxy.host}")
        assert sent_to(shop, status(204)) == Answer(204, None)
        assert proxy.headers == []


class Authority:
    """Certificates for names, and a server that shows one."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._key = folder, ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Tests")])
        self.certificate = self._signed(self._name, self._key, None)
        self.file = folder / "authority.crt"
        self.file.write_bytes(self.certificate.public_bytes(Encoding.PEM))

    def context_for(self, name: str) -> ssl.SSLContext:
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        shown, secret = self._folder / "server.crt", self._folder / "server.secret"
        shown.write_bytes(self._signed(subject, key, name).public_bytes(Encoding.PEM))
        secret.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(shown, secret)
        return context

    def _signed(
        self, subject: x509.Name, key: ec.EllipticCurvePrivateKey, name: str | None
    ) -> x509.Certificate:
        now = datetime.now(UTC)
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=1))
            .not_valid_after(now + timedelta(days=1))
            .add_extension(x509.BasicConstraints(ca=name is None, path_length=None), critical=True)
        )
        if name is not None:
            builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        return builder.sign(self._key, hashes.SHA256())


@pytest.fixture
def authority(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Authority]:
    """One whom this machine trusts."""
    it = Authority(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(it.file))
    sending.trusted.cache_clear()
    yield it
    sending.trusted.cache_clear()


class TlsServer:
    """Answers one connection at 127.0.0.1 with 204, and notes the name that was asked for."""

    def __init__(self, context: ssl.SSLContext) -> None:
        self._server, self.asked_for, self.request = socket.create_server(("127.0.0.1", 0)), "", b""
        self.port = self._server.getsockname()[1]
        context.sni_callback = self._note
        self._context = context
        self.thread = threading.Thread(target=self._serve, daemon=True)
        self.thread.start()

    def _note(self, _socket: object, name: str | None, _context: object) -> None:
        self.asked_for = name or ""

    def _serve(self) -> None:
        plain, _ = self._server.accept()
        with self._server, plain:
            try:
                with self._context.wrap_socket(plain, server_side=True) as connection:
                    while not self.request.endswith(b"{}") and (part := connection.recv(65_536)):
                        self.request += part
                    connection.sendall(b"HTTP/1.1 204 No Content\r\n\r\n")
            except OSError:
                pass


def leads_here(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every name leads to this machine."""
    monkeypatch.setattr(sending, "addresses_of", lambda host, port: ["127.0.0.1"])


@pytest.mark.parametrize("shown", ["hooks.example.com", "other.example.com"])
def test_the_certificate_is_that_of_the_name_and_not_of_the_address(
    authority: Authority, monkeypatch: pytest.MonkeyPatch, shown: str
) -> None:
    leads_here(monkeypatch)
    server = TlsServer(authority.context_for(shown))
    host = f"hooks.example.com:{server.port}"
    answer = send(post_to(f"https://{host}/in", host))
    server.thread.join(10)
    assert server.asked_for == "hooks.example.com"
    if shown == "hooks.example.com":
        assert answer == Answer(204, None)
        assert server.request.startswith(b"POST /in HTTP/1.1\r\n")
        assert f"Host: {host}\r\n".encode() in server.request
    else:
        assert (answer, server.request) == (Answer(None, Failure.CONNECTION), b"")


def test_a_certificate_of_nobody_we_trust_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    leads_here(monkeypatch)
    server = TlsServer(Authority(tmp_path).context_for("hooks.example.com"))
    host = f"hooks.example.com:{server.port}"
    assert send(post_to(f"https://{host}/in", host)) == Answer(None, Failure.CONNECTION)
    server.thread.join(10)
    assert server.request == b""


def test_what_the_resolver_says_is_told_once_each() -> None:
    found = sending.addresses_of("localhost", 80)
    assert found
    assert len(set(found)) == len(found)
    assert all(ipaddress.ip_address(address).is_loopback for address in found)
    assert sending.addresses_of("no-such-name.invalid", 80) == []
