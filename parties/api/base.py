"""What every call of the partner API stands on: a key with a scope, an idempotency key, a page of a list."""

import base64
import binascii
import json
import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any, ClassVar, Protocol

from django.http import HttpRequest
from django.utils import translation
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.utils.translation.trans_real import parse_accept_lang_header
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from parties.api_models import ApiClient, ApiKey, Scope
from parties.errors import IdempotencyKeyWrong
from parties.limiting.rules import Allowance
from parties.models import Brand

DEFAULT_PAGE, LARGEST_PAGE = 50, 200
MAX_CURSOR = 200
_NO_CURSOR = gettext_lazy("Give next_cursor of an earlier page, as it came.")
_IDEMPOTENCY_KEY = re.compile(r"[\x21-\x7e]{1,255}", re.ASCII)


class PartnerView(APIView):
    """One address of the API. `scopes` says per method what the key must be allowed to do; None: any key.

    A method without an entry is refused: what is forgotten stays closed.
    """

    scopes: ClassVar[Mapping[str, Scope | None]] = {}
    http_method_names = ["get", "post", "head"]

    def dispatch(self, request: Any, *args: Any, **kwargs: Any) -> Any:
        """In the language that is asked for by name; English, not the site's own, if none is."""
        language = language_asked(request)
        with translation.override(language):
            response = super().dispatch(request, *args, **kwargs)
            response.headers["Content-Language"] = language
            response.headers["Cache-Control"] = "no-store"
            for name, value in limit_headers(request).items():
                response.headers[name] = value
            return response.render() if isinstance(response, Response) else response

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """First whose call it is, and that it counts: whatever else is wrong with it."""
        self.perform_authentication(request)
        self.check_throttles(request)
        super().initial(request, *args, **kwargs)


def language_asked(request: HttpRequest) -> str:
    """The language that Accept-Language names first among ours; English if it names none. Django would give
    the site's own, Japanese, to whoever asks for French.
    """
    for name, _weight in parse_accept_lang_header(request.headers.get("Accept-Language", "").lower()):
        with suppress(LookupError):  # none of ours, or *, which is no name
            return translation.get_supported_language_variant(name)
    return "en"


def limit_headers(request: HttpRequest) -> dict[str, str]:
    """What the caller has left of its calls; nothing if nobody knows who is calling."""
    left: Allowance | None = vars(request).get("allowance")
    if left is None:
        return {}
    return {
        "RateLimit-Limit": str(left.limit),
        "RateLimit-Remaining": str(left.remaining),
        "RateLimit-Reset": str(left.reset_seconds),
    }


def key_of(request: Request) -> ApiKey:
    """The key of an authenticated call."""
    if not isinstance(request.auth, ApiKey):
        raise TypeError("a call without a key came past the authentication")
    return request.auth


def client_of(request: Request) -> ApiClient:
    """Whose call it is."""
    return key_of(request).client


def brand_of(request: Request) -> Brand:
    """The brand whose rows the call may reach, and no others."""
    return key_of(request).client.brand


def idempotency_key(request: Request) -> str:
    """The caller's own name for this act, by which asking twice is harmless; IdempotencyKeyWrong."""
    text = request.headers.get("Idempotency-Key", "")
    if not _IDEMPOTENCY_KEY.fullmatch(text):
        raise IdempotencyKeyWrong("missing" if not text else "form")
    return text


class Rows(Protocol):
    """Gives up to `limit` rows behind the place that `after` names, from the beginning if it is None."""

    def __call__(self, *, after: list[Any] | None, limit: int) -> Sequence[Any]: ...


def page_of(
    request: Request, rows: Rows, *, place_of: Callable[[Any], list[Any]], shown: Callable[[Any], Any]
) -> Response:
    """One page of a list: `data`, `has_more`, and `next_cursor` (null at the end).

    A cursor is opaque to callers and names a place, not a page: what is added meanwhile moves nothing.
    ValidationError names `cursor` or `limit` if it can't be used.
    """
    limit = limit_of(request)
    found = list(rows(after=place_in(request), limit=limit + 1))
    following = place_of(found[limit - 1]) if len(found) > limit else None
    return page_answer([shown(row) for row in found[:limit]], following)


def page_answer(data: list[Any], following: Sequence[int] | None) -> Response:
    """A page of a list; `following` is the place behind which the next one begins, None at the end."""
    cursor = None if following is None else cursor_to(following)
    return Response({"data": data, "has_more": following is not None, "next_cursor": cursor})


def limit_of(request: Request, *, most: int = LARGEST_PAGE) -> int:
    """How many rows a page shall have at most; ValidationError."""
    text = request.query_params.get("limit", str(DEFAULT_PAGE))
    if not (text.isascii() and text.isdigit() and len(text) <= 3 and 1 <= int(text) <= most):
        raise ValidationError({"limit": [_("Give a whole number from 1 to %(most)s.") % {"most": most}]})
    return int(text)


def place_in(request: Request, name: str = "cursor", *, parts: int | None = None) -> list[Any] | None:
    """The place that the cursor names, of so many numbers; None without one. ValidationError."""
    place = _place(request.query_params.get(name), name)
    if place is not None and parts is not None and len(place) != parts:
        raise ValidationError({name: [_NO_CURSOR]})
    return place


def cursor_to(place: Sequence[int]) -> str:
    """The cursor that names the place: opaque to callers."""
    text = json.dumps(list(place), separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def _place(cursor: str | None, name: str) -> list[Any] | None:
    if cursor is None:
        return None
    try:
        if len(cursor) > MAX_CURSOR:
            raise ValueError
        text = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        place = json.loads(text)
        if not isinstance(place, list) or not all(type(part) is int for part in place):
            raise ValueError
        if not place or any(abs(part) >= 2**63 for part in place):
            raise ValueError
    except (binascii.Error, ValueError, UnicodeError, RecursionError):
        raise ValidationError({name: [_NO_CURSOR]}) from None
    return place
