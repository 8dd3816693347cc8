"""How often a client may call: its agreed rate, counted in one step that no other call can come between."""

from typing import Any

from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

from parties import api_limits
from parties.api_models import ApiKey
from parties.errors import TooManyCalls


class ClientThrottle(BaseThrottle):
    """Counts each call of a key once, whatever becomes of it.

    It leaves what is left at the request, for the headers of whatever the answer will be. DRF's own throttles
    read, change and write a cached list, so a burst slips through them. LimitsNotKnown if nobody can count.
    """

    def allow_request(self, request: Request, view: Any) -> bool:  # noqa: ARG002
        kept = vars(request._request)  # noqa: SLF001  # Django's own, which outlives the view
        if not isinstance(request.auth, ApiKey) or "allowance" in kept:
            return True
        try:
            kept["allowance"] = api_limits.take_call(client=request.auth.client)
        except TooManyCalls as refusal:
            kept["allowance"], self.seconds = refusal.allowance, refusal.retry_after
            return False
        return True

    def wait(self) -> float:
        """Whole seconds until the next call is there."""
        return self.seconds
