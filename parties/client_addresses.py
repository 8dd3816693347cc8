"""Where a request comes from."""

from allauth.account.adapter import get_adapter
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest


def client_address(request: HttpRequest) -> str:
    """The client's address, through as many proxies as TRUSTED_PROXY_COUNT says; "" where there is none."""
    try:
        return str(get_adapter().get_client_ip(request))
    except PermissionDenied:
        return ""
