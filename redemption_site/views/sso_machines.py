"""What a brand site's server asks the provider: metadata, keys, tokens and what it may know of a member.

These addresses read no cookie. The three that take a POST are excused from the CSRF check for that: a session
changes nothing about their answers.
"""

from collections.abc import Callable
from functools import wraps
from typing import Any

from allauth.idp.oidc.internal.oauthlib.utils import convert_response, extract_headers, get_uri
from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.urls import reverse
from django.utils.http import urlencode
from django.views.decorators.cache import cache_control, never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_GET, require_http_methods, require_POST
from oauthlib.oauth2.rfc6749 import errors

from parties.site_models import SCOPES
from redemption_site.guesses import SECONDS, TooManyGuesses
from redemption_site.sso_identities import ALGORITHM, public_keys
from redemption_site.sso_provider import Provider

CLAIMS = [
    "iss",
    "sub",
    "aud",
    "exp",
    "iat",
    "auth_time",
    "nonce",
    "at_hash",
    "locale",
    "email",
    "email_verified",
]

Answer = tuple[dict[str, str], Any, int]


def while_on(view: Callable[..., HttpResponseBase]) -> Callable[..., HttpResponseBase]:
    """The view, where there is a key to sign with; else there is no provider here (404)."""

    @wraps(view)
    def answer(request: HttpRequest, *args: object, **kwargs: object) -> HttpResponseBase:
        if not settings.IDP_OIDC_PRIVATE_KEYS:
            raise Http404
        return view(request, *args, **kwargs)

    return answer


def spoken(request: HttpRequest) -> tuple[str, str, str, dict[str, str]]:
    """The request as oauthlib reads it. What is sent twice stays twice: that is an error of the protocol."""
    body = urlencode([(name, value) for name, values in request.POST.lists() for value in values])
    return get_uri(request), request.method or "", body, extract_headers(request)


@while_on
@require_GET
@cache_control(public=True, max_age=3600)
def configuration(_request: HttpRequest) -> JsonResponse:
    """Discovery: what is spoken here and where. Whole addresses, made of SITE_URL."""

    def at(name: str) -> str:
        return f"{settings.SITE_URL}{reverse(name)}"

    data = {
        "issuer": settings.SITE_URL,
        "authorization_endpoint": at("sso_authorize"),
        "token_endpoint": at("sso_token"),
        "userinfo_endpoint": at("sso_userinfo"),
        "revocation_endpoint": at("sso_revoke"),
        "end_session_endpoint": at("sso_sign_out"),
        "jwks_uri": at("sso_keys"),
        "scopes_supported": SCOPES,
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "grant_types_supported": ["authorization_code"],
        "code_challenge_methods_supported": ["S256"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": [ALGORITHM],
        "token_endpoint_auth_methods_supported": settings.IDP_OIDC_AUTH_METHODS,
        "revocation_endpoint_auth_methods_supported": settings.IDP_OIDC_AUTH_METHODS,
        "claims_supported": CLAIMS,
        "prompt_values_supported": ["none", "login", "consent", "select_account"],
        "ui_locales_supported": [code for code, _name in settings.LANGUAGES],
        "claims_parameter_supported": False,
        "request_parameter_supported": False,
        "request_uri_parameter_supported": False,
        "service_documentation": f"{settings.SITE_URL}/",
    }
    return JsonResponse(data)


@while_on
@require_GET
@cache_control(public=True, max_age=3600)
def keys(_request: HttpRequest) -> JsonResponse:
    """The keys that identities are checked with."""
    return JsonResponse({"keys": public_keys()})


@csrf_exempt
@while_on
@require_POST
@never_cache
def token(request: HttpRequest) -> HttpResponse:
    """A code for tokens."""
    return _answered(request, Provider().create_token_response)


@csrf_exempt
@while_on
@require_http_methods(["GET", "POST"])
@never_cache
def userinfo(request: HttpRequest) -> HttpResponse:
    """What the site may know of the member behind its access token."""
    return _answered(request, Provider().create_userinfo_response)


@csrf_exempt
@while_on
@require_POST
@never_cache
def revoke(request: HttpRequest) -> HttpResponse:
    """Put an access token out."""
    return _answered(request, Provider().create_revocation_response)


def _answered(request: HttpRequest, ask: Callable[..., Answer]) -> HttpResponse:
    try:
        headers, body, status = ask(*spoken(request))
    except errors.OAuth2Error as refusal:
        headers, body, status = refusal.headers, refusal.json, refusal.status_code
    except TooManyGuesses:
        error = {"error": "temporarily_unavailable", "error_description": "Too many wrong secrets."}
        return JsonResponse(error, status=429, headers={"Retry-After": str(SECONDS)})
    except ValueError:  # oauthlib, of a text that can't be read
        error = {"error": "invalid_request", "error_description": "The request can't be read."}
        return JsonResponse(error, status=400)
    response: HttpResponse = convert_response(headers | {"Content-Type": "application/json"}, body, status)
    if status == 401 and "client" in str(body):
        response.headers["WWW-Authenticate"] = 'Basic realm="token", error="invalid_client"'
    del response.headers["Cache-Control"]  # never_cache says more
    return response
