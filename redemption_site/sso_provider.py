"""The site as an OpenID Connect provider: which of the protocol is spoken, and who may learn what.

django-allauth keeps clients and tokens and speaks the protocol by oauthlib. Here it speaks less of it (the
authorization code with PKCE S256, nothing else), and asks the house's own rules: staff are nobody, only what
the member agreed to, each code once, and no guessing of secrets.
"""

import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, TypeGuard
from uuid import UUID, uuid4

from allauth.account.authentication import get_authentication_records
from allauth.core import context
from allauth.core.internal.httpkit import extract_basic_auth
from allauth.idp.oidc.adapter import DefaultOIDCAdapter, get_adapter
from allauth.idp.oidc.internal.oauthlib.request_validator import OAuthLibRequestValidator
from allauth.idp.oidc.internal.oauthlib.server import generate_opaque_token
from allauth.idp.oidc.internal.oauthlib.utils import get_validator_context
from allauth.idp.oidc.models import Client, Token
from django.conf import settings
from django.core.cache import cache
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import get_language
from oauthlib.common import Request
from oauthlib.oauth2.rfc6749 import endpoints, errors
from oauthlib.oauth2.rfc6749.grant_types.authorization_code import code_challenge_method_s256
from oauthlib.oauth2.rfc6749.tokens import BearerToken
from oauthlib.openid.connect.core.endpoints.userinfo import UserInfoEndpoint
from oauthlib.openid.connect.core.grant_types import AuthorizationCodeGrant

from parties import site_queries, site_services
from parties.access import Person, member_of
from parties.models import Member, User
from parties.site_models import BrandSite
from redemption_site.guesses import Guesses
from redemption_site.sign_in import is_mailbox_proved
from redemption_site.sso_identities import read_identity, sign_identity


def signs_in_here(user: Person) -> TypeGuard[User]:
    """Whether this is somebody whom a brand's site may know: signed in, active, and not of the staff."""
    return user.is_authenticated and user.is_active and not user.is_staff


def site_by_client_id(client_id: str) -> BrandSite | None:
    """The open brand site with that client ID, with its brand and its client."""
    if not _is_plain(client_id):
        return None
    rows = BrandSite.objects.select_related("brand", "client")
    return rows.filter(client=client_id, is_open=True).first()


def agreed_to(user: Person, client: Client) -> frozenset[str]:
    """What the person lets the client learn just now: nothing if either has no part in this any more."""
    site = site_by_client_id(client.pk)
    if site is None or not signs_in_here(user):
        return frozenset()
    return site_queries.scopes_agreed(member=member_of(user), site=site)


def signed_in_at(request: HttpRequest) -> int | None:
    """When the person of the session last proved who they are, in Unix seconds, if it is known."""
    records = get_authentication_records(request, request.user)
    return int(records[-1]["at"]) if records else None


class ProviderAdapter(DefaultOIDCAdapter):  # type: ignore[misc]  # allauth ships no types
    """Who we are, and who a member is: their public number, never the database's."""

    def get_issuer(self) -> str:
        """SITE_URL, whatever host a request was sent to."""
        return settings.SITE_URL

    def get_user_sub(self, client: Client, user: User) -> str:
        """The member's public number, alike for all sites: members belong to the program."""
        return str(member_of(user).public_id)

    def get_user_by_sub(self, client: Client, sub: str) -> User | None:
        """The person behind the number, while they may sign in here."""
        try:
            member = Member.objects.select_related("user").filter(public_id=UUID(sub)).first()
        except ValueError:
            return None
        return member.user if member and member.user and signs_in_here(member.user) else None

    def get_claims(
        self,
        purpose: str,
        user: User,
        client: Client,
        scopes: list[str],
        **told: Any,
    ) -> dict[str, Any]:
        """The member's number; the address where that was agreed and there is one. Nothing about points."""
        claims = {"sub": self.get_user_sub(client, user)}
        return claims | ({"email": user.email} if "email" in scopes and user.email else {})


class Validator(OAuthLibRequestValidator):  # type: ignore[misc]  # allauth ships no types
    """What oauthlib asks, answered by allauth's tables and the house's rules."""

    def _lookup_client(self, request: Request, client_id: str) -> Client | None:
        site = site_by_client_id(client_id or "")
        return site.client if site else None

    def validate_redirect_uri(self, client_id: str, redirect_uri: str, request: Request, *_: Any) -> bool:
        """To the letter: allauth's comparison lets further parameters and, for 127.0.0.1, any port pass."""
        return redirect_uri in request.client.get_redirect_uris()

    def is_pkce_required(self, client_id: str, request: Request) -> bool:
        return True

    # --- Clients and their secrets ---

    def authenticate_client(self, request: Request, *_: Any, **__: Any) -> bool:
        """By the secret, in the header or in the body, counted before it is compared."""
        client_id, secret = extract_basic_auth(request.headers)
        if not client_id:
            client_id, secret = request.client_id, request.client_secret
        if not client_id or not secret:
            return False
        guesses = Guesses.of(context.request, client_id)
        guesses.take()
        site = site_by_client_id(client_id)
        if not site_services.is_secret_of(site, secret, at=timezone.now()) or site is None:
            return False
        guesses.give_back()
        self._use_client(request, site.client)
        return True

    # --- Codes ---

    def save_authorization_code(
        self, client_id: str, code: dict[str, Any], request: Request, *args: Any, **kwargs: Any
    ) -> None:
        """With what is told later, when the person is no longer at hand."""
        asked = context.request
        code = code | {
            "auth_time": signed_in_at(asked),
            "locale": get_language(),
            "email_verified": is_mailbox_proved(asked),
        }
        super().save_authorization_code(client_id, code, request, *args, **kwargs)

    def validate_code(
        self, client_id: str, code: str, client: Client, request: Request, *args: Any, **kwargs: Any
    ) -> bool:
        """Of several who bring a code, however close together, one takes it; whether it is worth something
        is asked afterwards. Whoever brings one that was taken puts out the tokens that it was taken for.
        """
        if not _is_plain(code):
            return False
        self._lookup_authorization_code(request, client_id, code)  # kept for this request
        is_good = super().validate_code(client_id, code, client, request, *args, **kwargs)
        if not self._take_code(client_id, code):
            self._put_out(client, code)
            return False
        if not is_good or not agreed_to(request.user, client).issuperset(request.scopes):
            return False
        cache.set(_taken_key(code), request.user.pk, settings.IDP_OIDC_ACCESS_TOKEN_EXPIRES_IN)
        return True

    def _take_code(self, client_id: str, code: str) -> bool:
        """True for one asker alone: a cache deletes a key once."""
        return bool(cache.delete(code_key(client_id, code)))

    def _put_out(self, client: Client, code: str) -> None:
        user_id = cache.get(_taken_key(code))
        if user_id is not None:
            site_services.revoke_tokens(user_id=user_id, client=client)

    # --- Tokens ---

    def _code_of(self, request: Request) -> dict[str, Any]:
        kept = self._lookup_authorization_code(request, request.client_id, request.code)
        code: dict[str, Any] = kept["code"]
        return code

    def _prep_access_token(self, ctx: Any, token: dict[str, Any], request: Request) -> Token:
        """A row for the new token, and none any more for those of the same person that have ended."""
        Token.objects.expired().filter(user=request.user, client=request.client).delete()
        row: Token = super()._prep_access_token(ctx, token, request)
        code = self._code_of(request)
        row.data = {"locale": code["locale"], "email_verified": code["email_verified"]}
        return row

    def finalize_id_token(
        self, id_token: dict[str, Any], token: dict[str, Any], token_handler: Any, request: Request
    ) -> str:
        """As allauth's, with when the person signed in, and with a key that is parsed already."""
        code = self._code_of(request)
        claims = get_adapter().get_claims("id_token", request.user, request.client, request.scopes)
        id_token |= _told(code, claims)
        id_token |= {
            "iss": settings.SITE_URL,
            "exp": id_token["iat"] + settings.IDP_OIDC_ID_TOKEN_EXPIRES_IN,
            "jti": uuid4().hex,
        }
        if code["auth_time"] is not None:
            id_token["auth_time"] = code["auth_time"]
        return sign_identity(id_token)

    def validate_bearer_token(self, token: str, scopes: list[str], request: Request) -> bool:
        """A token works while its member would be let in, and lets the site learn all that it opens."""
        if not super().validate_bearer_token(token, scopes, request) or request.user is None:
            return False
        return agreed_to(request.user, request.client).issuperset(request.scopes)

    def get_userinfo_claims(self, request: Request) -> dict[str, Any]:
        claims: dict[str, Any] = super().get_userinfo_claims(request)
        return _told(get_validator_context().access_token.data, claims)

    def revoke_token(self, token: str, token_type_hint: str, request: Request, *_: Any, **__: Any) -> None:
        """The client's own: allauth's would put out anybody's."""
        rows: QuerySet[Token] = Token.objects.by_value(token)
        rows.filter(client=request.client, type=Token.Type.ACCESS_TOKEN).delete()

    # --- Without a page (prompt=none), and hints ---

    def validate_silent_login(self, request: Request) -> bool:
        request.user = context.request.user
        return signs_in_here(request.user) and not is_too_old(context.request, request.max_age)

    def validate_silent_authorization(self, request: Request) -> bool:
        """What was agreed with this client; allauth would take what another client was given."""
        return agreed_to(request.user, request.client).issuperset(request.scopes)

    def validate_user_match(self, id_token_hint: str, scopes: Any, claims: Any, request: Request) -> bool:
        """Whoever is signed in is whom the site means. If nobody is yet, it is asked later."""
        user = context.request.user
        if not id_token_hint or not signs_in_here(user):
            return True
        hint = read_identity(id_token_hint, audience=request.client.id)
        return hint.get("sub") == str(member_of(user).public_id)


class Provider(
    endpoints.AuthorizationEndpoint,  # type: ignore[misc]  # oauthlib ships no types
    endpoints.TokenEndpoint,  # type: ignore[misc]
    endpoints.RevocationEndpoint,  # type: ignore[misc]
    UserInfoEndpoint,  # type: ignore[misc]
):
    """The authorization code with PKCE S256: no other grant is here that a setting could let in."""

    def __init__(self) -> None:
        validator = Validator()
        grant = AuthorizationCodeGrant(
            validator,
            refresh_token=False,
            post_auth=[_refuse_unspoken],
            _code_challenge_methods={"S256": code_challenge_method_s256},
        )
        bearer = BearerToken(validator, generate_opaque_token, settings.IDP_OIDC_ACCESS_TOKEN_EXPIRES_IN)
        endpoints.AuthorizationEndpoint.__init__(self, "code", bearer, {"code": grant})
        endpoints.TokenEndpoint.__init__(self, "authorization_code", bearer, {"authorization_code": grant})
        endpoints.RevocationEndpoint.__init__(self, validator)
        UserInfoEndpoint.__init__(self, validator)


class NotSpoken(errors.OAuth2Error):  # type: ignore[misc]  # oauthlib ships no types
    """A part of the protocol that the standard lets a provider leave out, by the error it names for that."""


def _refuse_unspoken(request: Request) -> dict[str, Any]:
    """What would otherwise be passed over in silence, and change what the site relies on."""
    for name in ("request", "request_uri", "registration"):
        if getattr(request, name, None):
            refusal = NotSpoken(f"The parameter {name} is not supported.", request=request)
            refusal.error = f"{name}_not_supported"
            raise refusal
    if request.response_mode not in (None, "query"):
        request.response_mode = "query"  # of the refusal
        raise errors.InvalidRequestError("Only response_mode=query is supported.", request=request)
    if "openid" not in request.scopes:
        raise errors.InvalidScopeError("The scope openid is needed.", request=request)
    if request.max_age is not None and not _is_number(request.max_age):
        raise errors.InvalidRequestError("max_age must be a number of seconds.", request=request)
    request.claims = {}  # not supported, so not read
    return {}


def is_too_old(request: HttpRequest, max_age: str | None) -> bool:
    """Whether the person signed in longer ago than the site allows; unknown counts as long ago."""
    if max_age is None or not _is_number(max_age):
        return False
    at = signed_in_at(request)
    return at is None or at + int(max_age) < datetime.now(UTC).timestamp()


def code_key(client_id: str, code: str) -> str:
    """Where allauth keeps what a code stands for."""
    return f"allauth.idp.oidc.authorization_code[{client_id}:{code}]"


def _taken_key(code: str) -> str:
    return f"sso-code-taken:{hashlib.sha256(code.encode()).hexdigest()}"


def _told(kept: Mapping[str, Any], claims: dict[str, Any]) -> dict[str, Any]:
    """The claims with what was kept for them at the sign-in."""
    kept_for_address = {"email_verified": kept["email_verified"]} if "email" in claims else {}
    return claims | {"locale": kept["locale"]} | kept_for_address


def _is_plain(text: str) -> bool:
    """Whether it can be an ID or a code of ours: anything else is neither looked up nor kept."""
    return text.isascii() and text.isalnum() and len(text) <= 64


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 10
