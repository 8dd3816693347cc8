"""Who is calling: the key in `Authorization: Bearer <key>`."""

from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import AuthenticationFailed, NotAuthenticated
from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from ledger.statements import run_prepared
from parties import api_services
from parties.api_models import ApiKey
from parties.client_addresses import client_address
from parties.errors import KeyNotValid, ScopeMissing


class Caller:
    """What stands for a person in a call of the API: nobody. The key says everything."""

    is_authenticated = True
    is_active = True
    is_staff = is_superuser = False
    pk = id = None


class BearerKey(BaseAuthentication):
    """The caller by their key; `request.auth` is the ApiKey. A session of the site opens nothing here."""

    def authenticate(self, request: Request) -> tuple[Caller, ApiKey] | None:
        header = request.headers.get("Authorization", "")
        if not header:
            return None
        kind, _, text = header.partition(" ")
        if kind.lower() != "bearer":
            raise NotAuthenticated
        try:
            key = api_services.authenticate(
                text=text.strip(), address=lambda: client_address(request), run=run_prepared
            )
        except KeyNotValid as refusal:
            raise AuthenticationFailed(code=refusal.code) from refusal
        return Caller(), key

    def authenticate_header(self, request: Request) -> str:  # noqa: ARG002
        return 'Bearer realm="api"'


class HasScope(BasePermission):
    """Refused unless the view (a PartnerView) names a scope for the method and the key has it."""

    def has_permission(self, request: Request, view: Any) -> bool:
        scopes = getattr(view, "scopes", {})
        method = "GET" if request.method == "HEAD" else str(request.method)
        if not isinstance(request.auth, ApiKey):
            return False
        if method not in scopes:
            return not hasattr(view, method.lower())  # there is no such method: the view says so
        scope = scopes[method]
        if scope is not None and scope.value not in request.auth.scopes:
            raise ScopeMissing(scope.value)
        return True


class BearerKeyScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """How the OpenAPI document says it."""

    target_class = "config.api.auth.BearerKey"
    name = "key"

    def get_security_definition(self, auto_schema: object) -> dict[str, str]:  # noqa: ARG002
        return {
            "type": "http",
            "scheme": "bearer",
            "description": "A key of your API client: `tk_live_…`, or `tk_test_…` for the sandbox.",
        }
