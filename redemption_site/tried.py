"""Codes that people enter are counted by campaign and channel: once the answer has left."""

import logging
from datetime import datetime
from functools import partial

from django.db import DatabaseError
from django.http import HttpResponse
from django.views.decorators.debug import sensitive_variables

from campaigns import services as campaigns
from giftcodes.errors import KeysMissing

logger = logging.getLogger(__name__)


def count_when_answered(response: HttpResponse, code: str, *, address: str, at: datetime) -> None:
    """Count one entry of a normalised code from the client's address, whatever came of it, without letting
    the person wait for it: the time of the answer can't tell what was counted. A count that fails is lost,
    and the answer stands.
    """
    # What Django calls at the end of `close`, which a server calls when the answer has been sent.
    response._resource_closers.append(partial(_count, code, address, at))  # type: ignore[attr-defined]  # noqa: SLF001


@sensitive_variables()
def _count(code: str, address: str, at: datetime) -> None:
    try:
        campaigns.count_try(code=code, address=address, at=at)
    except (DatabaseError, KeysMissing) as failure:
        logger.warning("A try was not counted: %s.", type(failure).__name__)
