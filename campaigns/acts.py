"""A door of the admin asks a service for something, and tells the person what came of it."""

from collections.abc import Callable
from typing import TypeVar, cast

from django.contrib import messages
from django.http import Http404, HttpRequest

from campaigns.errors import CampaignsError
from campaigns.wording import words_of
from giftcodes.errors import GiftcodesError
from parties.errors import NotReachable
from parties.models import User

Result = TypeVar("Result")


def act(request: HttpRequest, ask: Callable[[User], Result], done: str = "") -> Result | None:
    """What the service gives; None if it refused, and the person is told why. Out of reach is 404."""
    try:
        result = ask(cast(User, request.user))  # the admin's sign-in stands before every door
    except NotReachable as refusal:
        raise Http404 from refusal
    except (CampaignsError, GiftcodesError) as refusal:
        messages.error(request, words_of(refusal))
        return None
    if done:
        messages.success(request, done)
    return result
