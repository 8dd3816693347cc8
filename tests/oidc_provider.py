"""An OpenID Connect provider on 127.0.0.1, for tests: discovery, keys, authorisation, token, userinfo.

It checks what a provider checks (client, secret, way back, PKCE, one use per code) and signs what it says
with RS256, or with the shared secret as LINE does. `tells` changes or adds claims; `bends` makes one answer
wrong, so that a test can see it refused.
"""

import base64
import html
import json
import re
import secrets
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from hashlib import sha256
from socketserver import ThreadingMixIn
from typing import Any
from urllib.parse import parse_qs, urlencode
from urllib.request import urlopen
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa

from redemption_site.provider import Provider, line

CLIENT_ID, CLIENT_SECRET = "points-site", "a-secret-that-two-know-and-no-others"
KEY_ID = "k1"
ACCESS_TOKEN = "an-access-token"
BEARER = f"Bearer {ACCESS_TOKEN}"
_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
_OTHER_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)

Claims = dict[str, Any]
Answer = tuple[str, str, bytes]  # status, content type, body


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True


class _Quiet(WSGIRequestHandler):
    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # its name there
        pass


class OidcProvider:
    """The provider, while its server runs. `asked` counts requests by path."""

    def __init__(self, issuer: str) -> None:
        self.issuer = issuer
        self.sub = "person-1"
        self.tells: Claims = {"name": "花子"}
        self.told_besides: Claims = {}
        self.is_line = False
        self.is_down = False
        self.has_userinfo = False
        self.bends: Callable[[Claims], str] | None = None
        self.asked: dict[str, int] = {}
        self.queries: list[dict[str, str]] = []
        self._codes: dict[str, dict[str, str]] = {}

    @property
    def as_provider(self) -> Provider:
        """What the settings of the site say about it."""
        if self.is_line:
            return line(CLIENT_ID, CLIENT_SECRET, issuer=self.issuer)
        return Provider("example", "Example ID", self.issuer, CLIENT_ID, CLIENT_SECRET)

    def ways_back(self, address: str) -> tuple[str, str]:
        """The two links of the page at the address: allow and deny."""
        with urlopen(address, timeout=10) as answer:  # noqa: S310  # our own server
            page = answer.read().decode()
        allow, deny = (html.unescape(link) for link in re.findall(r'href="([^"]+)"', page))
        return allow, deny

    def sign(self, claims: Claims, *, key: Any = _KEY, **header: Any) -> str:
        return jwt.encode(claims, key, algorithm="RS256", headers={"kid": KEY_ID} | header)

    def sign_with_another_key(self, claims: Claims) -> str:
        return self.sign(claims, key=_OTHER_KEY)

    # --- The server ---------------------------------------------------------------------------------
    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
        path = environ["PATH_INFO"]
        self.asked[path] = self.asked.get(path, 0) + 1
        if environ["REQUEST_METHOD"] == "POST":
            text = environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"] or 0)).decode()
        else:
            text = environ["QUERY_STRING"]
        query = {name: values[0] for name, values in parse_qs(text).items()}
        status, kind, body = self._answer(path, query, environ)
        start_response(status, [("Content-Type", kind), ("Content-Length", str(len(body)))])
        return [body]

    def _answer(self, path: str, query: dict[str, str], environ: dict[str, Any]) -> Answer:
        if self.is_down:
            return "503 Service Unavailable", "text/plain", b"down"
        bearer = environ.get("HTTP_AUTHORIZATION")
        places: dict[str, Callable[[], Answer]] = {
            "/.well-known/openid-configuration": lambda: _json(self._description()),
            "/jwks": lambda: _json({"keys": [_public_key()]}),
            "/authorize": lambda: self._authorize(query),
            "/token": lambda: self._token(query),
            "/userinfo": lambda: _json({"sub": self.sub} | self.told_besides if bearer == BEARER else {}),
        }
        return places.get(path, lambda: ("404 Not Found", "text/plain", b"nothing here"))()

    def _description(self) -> Claims:
        places = {"authorization_endpoint": "authorize", "token_endpoint": "token", "jwks_uri": "jwks"}
        if self.has_userinfo:
            places["userinfo_endpoint"] = "userinfo"
        described = {name: f"{self.issuer}/{path}" for name, path in places.items()}
        return described | {
            "issuer": self.issuer,
            "token_endpoint_auth_methods_supported": ["client_secret_post"],
        }

    def _authorize(self, query: dict[str, str]) -> Answer:
        self.queries.append(query)
        code = secrets.token_urlsafe(16)
        self._codes[code] = query
        back, state = query["redirect_uri"], {"state": query["state"]}
        links = [
            f"{back}?{urlencode({'code': code} | state)}",
            f"{back}?{urlencode({'error': 'access_denied'} | state)}",
        ]
        allow, deny = (html.escape(link) for link in links)
        page = (
            f'<!doctype html><title>Example ID</title><a href="{allow}">Allow</a> <a href="{deny}">Deny</a>'
        )
        return "200 OK", "text/html; charset=utf-8", page.encode()

    def _token(self, form: dict[str, str]) -> Answer:
        asked = self._codes.pop(form["code"], None)  # once
        verifier = form.get("code_verifier", "")
        digest = base64.urlsafe_b64encode(sha256(verifier.encode()).digest()).rstrip(b"=").decode()
        is_right = (
            asked is not None
            and (form.get("client_id"), form.get("client_secret")) == (CLIENT_ID, CLIENT_SECRET)
            and form["redirect_uri"] == asked["redirect_uri"]
            and (asked["code_challenge_method"], asked["code_challenge"]) == ("S256", digest)
        )
        if not is_right or asked is None:
            return "400 Bad Request", "application/json", b'{"error": "invalid_grant"}'
        now = int(time.time())
        claims: Claims = {"iss": self.issuer, "sub": self.sub, "aud": CLIENT_ID, "iat": now, "exp": now + 300}
        claims |= {"nonce": asked["nonce"]} | self.tells
        sign = self.bends or (self._sign_as_line if self.is_line else self.sign)
        return _json({"access_token": ACCESS_TOKEN, "token_type": "Bearer", "id_token": sign(claims)})

    def _sign_as_line(self, claims: Claims) -> str:
        return jwt.encode(claims, CLIENT_SECRET, algorithm="HS256")


def _public_key() -> Claims:
    jwk = jwt.algorithms.RSAAlgorithm.to_jwk(_KEY.public_key(), as_dict=True)
    return jwk | {"kid": KEY_ID, "use": "sig"}


def _json(content: Claims) -> Answer:
    return "200 OK", "application/json", json.dumps(content).encode()


@contextmanager
def oidc_provider() -> Iterator[OidcProvider]:
    """A provider whose server runs until the end of the block."""
    server = make_server("127.0.0.1", 0, lambda *_: [], server_class=_Server, handler_class=_Quiet)
    provider = OidcProvider(f"http://127.0.0.1:{server.server_port}")
    server.set_app(provider)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield provider
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
