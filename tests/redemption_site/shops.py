"""A brand's shop as the tests' own relying party: what it is told it checks by PyJWT alone."""

import base64
import hashlib
import re
import secrets
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import jwt
from django.test import Client

from parties import site_services
from parties.models import Brand
from parties.site_models import BrandSite
from tests import make
from tests.redemption_site.visits import Answer

CALLBACK, HOME = "https://shop.example/callback?shop=1", "https://shop.example/"


def site(brand: Brand | None = None, *, learns_email: bool = True, **fields: Any) -> BrandSite:
    """A brand site that people can sign in to, without a secret."""
    made = site_services.add_site(
        brand=brand or make.brand(), name=fields.pop("name", "Aozora Shop"), at=datetime.now(UTC)
    )
    addresses = {"redirect_uris": [CALLBACK], "sign_out_uris": [HOME]} | fields
    site_services.set_addresses(site=made, learns_email=learns_email, **addresses)
    made.client.refresh_from_db()
    return made


def digest(text: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()


def parameters_of(address: str) -> dict[str, str]:
    return dict(parse_qsl(urlsplit(address).query))


class Shop:
    """The shop's server: it has a secret, begins sign-ins and ends them. It keeps no cookies."""

    def __init__(self, site: BrandSite | None = None) -> None:
        self.site = site or globals()["site"]()
        self.secret = site_services.renew_secret(site_id=self.site.pk, at=datetime.now(UTC))
        self.http = Client()
        self.verifier, self.nonce, self.state = (secrets.token_urlsafe(32) for _ in range(3))

    @property
    def metadata(self) -> dict[str, Any]:
        found: dict[str, Any] = self.http.get("/.well-known/openid-configuration").json()
        return found

    def path(self, name: str) -> str:
        return str(urlsplit(self.metadata[name]).path)

    def asking(self, **changes: str | None) -> str:
        """The address that a visitor is sent to; None leaves a parameter out."""
        asked = {
            "response_type": "code",
            "client_id": self.site.client_id,
            "redirect_uri": CALLBACK,
            "scope": "openid email",
            "state": self.state,
            "nonce": self.nonce,
            "code_challenge": digest(self.verifier),
            "code_challenge_method": "S256",
        } | changes
        given = {name: value for name, value in asked.items() if value is not None}
        return f"{self.path('authorization_endpoint')}?{urlencode(given)}"

    def ask(self, visitor: Client, **changes: str | None) -> Answer:
        return visitor.get(self.asking(**changes))

    def code_for(self, visitor: Client, **changes: str | None) -> str:
        """A code for a signed-in visitor, who agrees if they are asked."""
        answer = self.ask(visitor, **changes)
        if answer.status_code == 200:
            answer = agreed(visitor, answer)
        back = parameters_of(answer["Location"])
        assert answer["Location"].startswith(CALLBACK), answer["Location"]
        assert back["state"] == self.state
        return back["code"]

    def redeem(self, code: str, **changes: str | None) -> Answer:
        """The answer to the code; by the secret in the header unless one is given for the body."""
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": CALLBACK,
            "code_verifier": self.verifier,
        } | changes
        given = {name: value for name, value in form.items() if value is not None}
        headers = {} if "client_secret" in changes else {"authorization": self.basic()}
        return self.http.post(self.path("token_endpoint"), given, headers=headers)

    def basic(self, secret: str | None = None) -> str:
        pair = f"{self.site.client_id}:{self.secret if secret is None else secret}"
        return f"Basic {base64.b64encode(pair.encode()).decode()}"

    def claims_of(self, tokens: dict[str, Any]) -> dict[str, Any]:
        """What the identity says, if everything about it is sound."""
        metadata = self.metadata
        key_set = jwt.PyJWKSet.from_dict(self.http.get(urlsplit(metadata["jwks_uri"]).path).json())
        header = jwt.get_unverified_header(tokens["id_token"])
        assert header["alg"] in metadata["id_token_signing_alg_values_supported"]
        claims: dict[str, Any] = jwt.decode(
            tokens["id_token"],
            key_set[header["kid"]].key,
            algorithms=["RS256"],
            audience=self.site.client_id,
            issuer=metadata["issuer"],
            options={"require": ["exp", "iat", "iss", "aud", "sub"]},
        )
        assert claims["nonce"] == self.nonce
        half = hashlib.sha256(tokens["access_token"].encode()).digest()[:16]
        assert claims["at_hash"] == base64.urlsafe_b64encode(half).rstrip(b"=").decode()
        return claims

    def userinfo(self, token: str) -> Answer:
        return self.http.get(self.path("userinfo_endpoint"), headers={"authorization": f"Bearer {token}"})

    def tokens_of(self, visitor: Client) -> dict[str, Any]:
        found: dict[str, Any] = self.redeem(self.code_for(visitor)).json()
        return found

    def revoke(self, token: str) -> Answer:
        headers = {"authorization": self.basic()}
        return self.http.post(self.path("revocation_endpoint"), {"token": token}, headers=headers)


def act_on(visitor: Client, page: Answer, act: str) -> Answer:
    """Press a button of one of the pages, which carries the request with it."""
    query = page.context["query"]
    return visitor.post("/sso/decide/", {"query": query, "act": act})


def follow(visitor: Client, answer: Answer) -> Answer:
    """Through our own pages, as a browser goes: redirects within the site, and pages that lead on."""
    for _ in range(5):
        if answer.status_code in (302, 303) and answer["Location"].startswith("/"):
            answer = visitor.get(answer["Location"])
        elif answer.status_code == 200 and (target := leads_to(answer)):
            if not target.startswith("/"):
                return answer
            answer = visitor.get(target)
        else:
            break
    return answer


def leads_to(page: Answer) -> str | None:
    """Where a page leads by itself; its link leads to the same place."""
    text = page.content.decode()
    found = re.search(r'http-equiv="refresh" content="0;url=([^"]+)"', text)
    if found is None:
        return None
    assert f'href="{found[1]}"' in text
    return found[1].replace("&amp;", "&").replace("&#x27;", "'")


def agreed(visitor: Client, page: Answer) -> Answer:
    return follow(visitor, act_on(visitor, page, "agree"))


def error_of(answer: Answer) -> str:
    """The error that a shop is told, at its own address."""
    assert answer.status_code == 302
    assert answer["Location"].startswith(CALLBACK)
    return parameters_of(answer["Location"])["error"]
