"""What we say to a provider and what we believe of its answer (OpenID Connect Core 1.0, code flow).

django-allauth exchanges the code. It takes the token that comes back unread, knows no nonce and stores all
that is said; so reading the answer is ours: signature, issuer, audience, expiry and nonce are checked, and
nothing is kept but a constant name and a name to show.
"""

import hmac
from typing import Any
from urllib.parse import urlencode, urlsplit

import jwt
from allauth.socialaccount.adapter import DefaultSocialAccountAdapter, get_adapter
from allauth.socialaccount.models import SocialApp
from allauth.socialaccount.providers.oauth2.client import OAuth2Client, OAuth2Error
from allauth.socialaccount.providers.openid_connect.provider import OpenIDConnectProvider
from allauth.socialaccount.providers.openid_connect.views import OpenIDConnectOAuth2Adapter
from django.conf import settings
from django.core.cache import cache
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.http import HttpRequest
from django.urls import reverse
from requests import RequestException, Session

from parties.forms import plain_line
from redemption_site.identities import Identity
from redemption_site.provider import Provider
from redemption_site.round_trips import RoundTrip

SECONDS_KNOWN = 10 * 60  # how long a provider's own description is taken from the cache
SECONDS_ASKEW = 60  # between their clock and ours
_MOST_LETTERS = 80
_PUBLIC_KEY_SIGNATURES = {"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "EdDSA"}
_CLAIMS_NEEDED = ["iss", "sub", "aud", "exp", "iat"]


class ProviderAway(Exception):
    """The provider can't be reached, or does not say what it should."""


class AnswerRefused(Exception):
    """The answer is not one that this provider gave for this round trip."""


class ProviderAdapter(DefaultSocialAccountAdapter):  # type: ignore[misc]  # allauth ships no types
    """How allauth asks over the network: within its time limit, and only where it was told to."""

    def get_requests_session(self) -> Session:
        session: Session = super().get_requests_session()
        session.max_redirects = 0
        return session


class _Adapter(OpenIDConnectOAuth2Adapter):  # type: ignore[misc]  # allauth ships no types
    """allauth's client for one of our own providers; none is looked for in the database."""

    def __init__(self, request: HttpRequest, ours: Provider) -> None:
        super().__init__(request, ours.id)
        self.ours = ours

    def get_provider(self) -> OpenIDConnectProvider:
        app = SocialApp(
            provider="openid_connect",
            provider_id=self.ours.id,
            name=self.ours.name,
            client_id=self.ours.client_id,
            secret=self.ours.client_secret,
            settings={"server_url": self.ours.issuer.rstrip("/")},
        )
        return OpenIDConnectProvider(self.request, app=app)

    @property
    def openid_config(self) -> dict[str, Any]:
        """The provider's description of itself, which must be of the issuer that the settings name."""
        key = f"provider:{self.ours.id}:{self.ours.issuer}"
        config: dict[str, Any] | None = cache.get(key)
        if config is None:
            config = _fetched(self.get_provider().server_url)
            if str(config.get("issuer", "")).rstrip("/") != self.ours.issuer.rstrip("/"):
                raise ProviderAway("it describes another issuer")
            _check_places(config, is_secure=urlsplit(self.ours.issuer).scheme == "https")
            cache.set(key, config, SECONDS_KNOWN)
        return config


def providers() -> dict[str, Provider]:
    """Those that the settings name, by id."""
    named: dict[str, Provider] = settings.SIGN_IN_PROVIDERS
    return named


def address_to_ask(request: HttpRequest, provider: Provider, trip: RoundTrip, state: str) -> str:
    """Where the browser goes to ask the provider who somebody is. ProviderAway if it can't be found out."""
    query = {
        "response_type": "code",
        "client_id": provider.client_id,
        "redirect_uri": _way_back(request, provider),
        "scope": "openid profile email" if provider.is_email_trusted else "openid profile",
        "state": state,
        "nonce": trip.nonce,
        "code_challenge": trip.challenge,
        "code_challenge_method": "S256",
    }
    place = str(_Adapter(request, provider).openid_config["authorization_endpoint"])
    return f"{place}{'&' if '?' in place else '?'}{urlencode(query)}"


def identify(request: HttpRequest, provider: Provider, trip: RoundTrip, code: str) -> Identity:
    """Whom the provider names for the code that the browser brought back.

    ProviderAway if it can't be asked, AnswerRefused if what it says is not for this round trip.
    """
    adapter = _Adapter(request, provider)
    said_issuer = request.GET.get("iss")  # RFC 9207: against answers of one provider passed off as another's
    if said_issuer is not None and said_issuer.rstrip("/") != provider.issuer.rstrip("/"):
        raise AnswerRefused
    config = adapter.openid_config
    tokens = _tokens(request, adapter, code, trip)
    claims = _believed(provider, config, str(tokens.get("id_token") or ""), nonce=trip.nonce)
    if "name" not in claims and config.get("userinfo_endpoint"):
        claims = _told_besides(config, str(tokens["access_token"]), claims)
    return Identity(provider.id, str(claims["sub"]), _name_in(provider, claims), _email_in(provider, claims))


def _tokens(request: HttpRequest, adapter: _Adapter, code: str, trip: RoundTrip) -> dict[str, Any]:
    client = OAuth2Client(
        request,
        adapter.ours.client_id,
        adapter.ours.client_secret,
        "POST",
        adapter.openid_config["token_endpoint"],
        _way_back(request, adapter.ours),
        basic_auth=adapter.basic_auth,
    )
    try:
        tokens = client.get_access_token(code, pkce_code_verifier=trip.verifier)
    except OAuth2Error:
        raise AnswerRefused from None  # its text repeats what the provider said
    except (RequestException, ValueError, KeyError, TypeError) as reason:
        raise ProviderAway from reason
    if not isinstance(tokens, dict):
        raise ProviderAway
    return tokens


def _believed(provider: Provider, config: dict[str, Any], token: str, *, nonce: str) -> dict[str, Any]:
    """The claims of an id_token, each rule of OpenID Connect Core 3.1.3.7 kept. AnswerRefused otherwise."""
    try:
        header = jwt.get_unverified_header(token)
        claims: dict[str, Any] = jwt.decode(
            token,
            _key_for(provider, config, header),
            algorithms=[header["alg"]],
            audience=provider.client_id,
            issuer=config["issuer"],
            leeway=SECONDS_ASKEW,
            options={"require": _CLAIMS_NEEDED},
        )
    except (jwt.PyJWTError, KeyError, ValueError, TypeError) as reason:
        raise AnswerRefused from reason
    is_for_many = isinstance(claims["aud"], list) and len(claims["aud"]) > 1
    if claims.get("azp", None if is_for_many else provider.client_id) != provider.client_id:
        raise AnswerRefused
    said_nonce = claims.get("nonce")
    if not isinstance(said_nonce, str) or not hmac.compare_digest(said_nonce.encode(), nonce.encode()):
        raise AnswerRefused
    if not 0 < len(str(claims["sub"])) <= 191:
        raise AnswerRefused
    return claims


def _key_for(provider: Provider, config: dict[str, Any], header: dict[str, Any]) -> Any:
    """The key that may have made this signature: never none, and the shared secret for LINE alone."""
    if provider.signs_with_secret and header["alg"] == "HS256":
        return provider.client_secret.encode()
    if header["alg"] not in _PUBLIC_KEY_SIGNATURES:
        raise AnswerRefused
    keys = jwt.PyJWKSet.from_dict(_fetched(config["jwks_uri"])).keys
    usable = [key for key in keys if key.public_key_use in (None, "sig")]
    if "kid" in header:
        usable = [key for key in usable if key.key_id == header["kid"]]
    if len(usable) != 1:
        raise AnswerRefused
    return usable[0].key


def _told_besides(config: dict[str, Any], access_token: str, claims: dict[str, Any]) -> dict[str, Any]:
    more = _fetched(config["userinfo_endpoint"], {"Authorization": f"Bearer {access_token}"})
    if more.get("sub") != claims["sub"]:
        raise AnswerRefused
    return more | claims  # what was signed counts first


def _name_in(provider: Provider, claims: dict[str, Any]) -> str:
    said = claims.get("name") or claims.get("preferred_username")
    return plain_line(said)[:_MOST_LETTERS] if isinstance(said, str) and plain_line(said) else provider.name


def _email_in(provider: Provider, claims: dict[str, Any]) -> str | None:
    email = claims.get("email")
    if (
        not provider.is_email_trusted
        or claims.get("email_verified") is not True
        or not isinstance(email, str)
    ):
        return None
    try:
        validate_email(email)
    except ValidationError:
        return None
    return email.lower()


def _fetched(address: str, headers: dict[str, str] | None = None) -> dict[str, Any]:
    try:
        with get_adapter().get_requests_session() as session:
            answer = session.get(address, headers=headers)
            answer.raise_for_status()
            found = answer.json()
    except (RequestException, ValueError) as reason:
        raise ProviderAway from reason
    if not isinstance(found, dict):
        raise ProviderAway
    return found


def _check_places(config: dict[str, Any], *, is_secure: bool) -> None:
    for name in ("authorization_endpoint", "token_endpoint", "jwks_uri"):
        place = config.get(name)
        if not isinstance(place, str) or not place.startswith("https://" if is_secure else "http"):
            raise ProviderAway(f"it names no usable {name}")


def _way_back(request: HttpRequest, provider: Provider) -> str:
    return request.build_absolute_uri(reverse("provider_back", args=[provider.id]))
