"""How long ago the person has proved who they are, in this session."""

import time

from allauth.account.authentication import get_authentication_records
from django.http import HttpRequest

FRESH_SECONDS = 15 * 60
_CLOCKS_APART = 60


def is_fresh(request: HttpRequest) -> bool:
    """Whether the person signed in, by whatever way, within the last 15 minutes. allauth notes each proof in
    the session, with its user; without such a note it is not fresh.
    """
    moments = [float(record["at"]) for record in get_authentication_records(request, request.user)]
    return bool(moments) and -_CLOCKS_APART <= time.time() - max(moments) < FRESH_SECONDS
