"""Every page has its content policy, and no page outside the admin a lax one."""

import pytest
from django.test import Client

STRICT = {
    "default-src": {"'self'"},
    "object-src": {"'none'"},
    "base-uri": {"'none'"},
    "form-action": {"'self'"},
    "frame-ancestors": {"'none'"},
}


def _policy(path: str) -> dict[str, set[str]]:
    directives = Client().get(path).headers["Content-Security-Policy"].split(";")
    return {name: set(values) for name, *values in (directive.split() for directive in directives)}


@pytest.mark.django_db
@pytest.mark.parametrize("path", ["/", "/c/nowhere/", "/sign-in/", "/nowhere/", "/administer/"])
def test_pages_load_from_their_own_host_alone_and_run_nothing_inline(path: str) -> None:
    assert _policy(path) == STRICT


@pytest.mark.django_db
def test_the_admin_alone_may_style_inline_and_evaluate() -> None:
    lax = {"script-src": {"'self'", "'unsafe-eval'"}, "style-src": {"'self'", "'unsafe-inline'"}}
    assert _policy("/admin/login/") == STRICT | lax | {"img-src": {"'self'", "data:"}}
