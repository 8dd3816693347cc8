"""Calls that do something: named by an Idempotency-Key, answered the same for ever."""

from typing import Any

from drf_spectacular.utils import OpenApiParameter
from rest_framework.request import Request
from rest_framework.response import Response

from parties.act_models import Verb
from parties.api.base import client_of, idempotency_key
from parties.api_acts import Act, Answer

REPLAYED = "Idempotent-Replayed"
KEY_PARAMETER = OpenApiParameter(
    "Idempotency-Key",
    str,
    OpenApiParameter.HEADER,
    required=True,
    pattern=r"^[\x21-\x7e]{1,255}$",
    description="Your own name for this act: 1 to 255 visible ASCII characters, fresh for each new act. The"
    " same key with the same body does nothing more and gets the same answer, whenever it comes; with another"
    " body it is refused (`key_reused`). Keys of gifts are apart from those of all other acts.",
)
REPLAYED_HEADER = OpenApiParameter(
    REPLAYED,
    str,
    OpenApiParameter.HEADER,
    response=[200, 201],
    description="`true` if this is the answer to an earlier call with the same key.",
)


def act_of(request: Request, verb: Verb, **named: Any) -> Act:
    """The act that the call asks for; `named` is what stands in its address. IdempotencyKeyWrong."""
    said = {"body": request.data, **{name: str(value) for name, value in named.items()}}
    return Act(client_of(request), idempotency_key(request), verb, said)


def answer_with(answer: Answer) -> Response:
    """The answer, marked if it is an earlier one."""
    headers = {REPLAYED: "true"} if answer.is_replay else {}
    return Response(answer.body, status=answer.status, headers=headers)
