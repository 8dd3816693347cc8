"""What a partner's own code must be able to bear, staged in sandboxes: an answer that takes long, and one
that is lost after the work was done. Sending the same again with the same key gets the answer at once.
"""

import threading
import time
from collections.abc import Callable
from enum import Enum, auto

from rest_framework.exceptions import Throttled
from rest_framework.response import Response

from parties.api.acts import REPLAYED
from parties.errors import AnswerLost

SECONDS = 5  # that a slow answer takes
MOST_WAITING = 2  # slow answers at once in one process: each holds a thread that others could have

_room = threading.BoundedSemaphore(MOST_WAITING)
pause = time.sleep


class Staging(Enum):
    """How the first answer of an act is to go wrong."""

    SLOW = auto()
    LOST = auto()


def answer_staged(staging: Staging | None, act: Callable[[], Response]) -> Response:
    """The answer of `act`, which has committed what it did before it gives it.

    SLOW: after SECONDS more; Throttled, and `act` is not called, if MOST_WAITING others wait in this process.
    LOST: AnswerLost. Earlier answers, which `act` marks as such, and what it raises go out as they are.
    """
    if staging is None:
        return act()
    if staging is Staging.LOST:
        response = act()
        if REPLAYED not in response.headers:
            raise AnswerLost
        return response
    if not _room.acquire(blocking=False):
        raise Throttled(wait=SECONDS)
    try:
        response = act()
        if REPLAYED not in response.headers:
            pause(SECONDS)
        return response
    finally:
        _room.release()
