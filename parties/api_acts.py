"""An act of a partner system happens once for its Idempotency-Key, and answers the same ever after.

The row that keeps the answer is written in the transaction of the act, under an id that is made of client and
key: there is no act without its row, no row without its act, and of twins at once one writes it; the others
are undone and give its answer. Nothing waits for a marker of something unfinished, so no crash leaves one.
"""

import hashlib
import hmac
import json
import uuid
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import datetime
from functools import lru_cache
from typing import Any, NamedTuple

from django.conf import settings
from django.db import IntegrityError, transaction

from parties.act_models import ApiAct, Verb
from parties.api_models import ApiClient
from parties.errors import ActKeyReused


class Act(NamedTuple):
    """What a client asks for: `key` is its Idempotency-Key, `said` the whole of what it sent."""

    client: ApiClient
    key: str
    verb: Verb
    said: Mapping[str, Any]

    def __repr__(self) -> str:  # what was said may hold a code: not for a log or a traceback
        return f"Act({self.client.pk}, {self.verb.value})"

    @property
    def name(self) -> str:
        """What services below may use as the key of what this act does: it fits a transfer of the ledger."""
        return f"api:{self.client.pk}:{hashlib.sha256(self.key.encode()).hexdigest()}"

    @property
    def id(self) -> uuid.UUID:
        """The id of the one row that client and key can ever make."""
        return uuid.UUID(bytes=hashlib.sha256(f"act:{self.name}".encode()).digest()[:16])


class Done(NamedTuple):
    """What an act did: the body of its answer, as JSON holds it, and what the row keeps beside it."""

    answer: dict[str, Any]
    status: int = 200
    transfer: uuid.UUID | None = None
    store_id: int | None = None
    reference: str = ""


class Answer(NamedTuple):
    """The answer, and whether it is that of an earlier call."""

    body: dict[str, Any]
    status: int
    is_replay: bool


def earlier_answer(act: Act) -> Answer | None:
    """What the act was answered before, None if it was not done; ActKeyReused if the key stands for another
    act.
    """
    row = ApiAct.objects.filter(pk=act.id).first()
    if row is None:
        return None
    if row.verb != act.verb or not hmac.compare_digest(row.fingerprint, fingerprint_of(act)):
        raise ActKeyReused
    return Answer(json.loads(row.answer), row.status, is_replay=True)


def do_once(act: Act, perform: Callable[[], Done], *, at: datetime) -> Answer:
    """`perform` in one transaction with the row that answers for it, once for client and key.

    A repeat gives back the first answer and does nothing; another act under the key is ActKeyReused. What
    `perform` raises goes up and nothing has changed, unless a twin has done the act meanwhile, or this one
    was done and only the word of it got lost: then its answer comes back.
    """
    earlier = earlier_answer(act)
    if earlier is not None:
        return earlier
    try:
        return _do(act, perform, at)
    except Exception:
        earlier = earlier_answer(act)
        if earlier is None:
            raise
        return earlier


@transaction.atomic
def _do(act: Act, perform: Callable[[], Done], at: datetime) -> Answer:
    done = perform()
    _keep(act, done, at)  # IntegrityError after a twin: all that was done here is undone
    return Answer(done.answer, done.status, is_replay=False)


def keep_refusal(act: Act, done: Done, *, at: datetime) -> None:
    """Note how an act was refused, where asking again is to get the same word and cost nothing. What a twin
    has noted before stands.
    """
    with suppress(IntegrityError), transaction.atomic():
        _keep(act, done, at)


def _keep(act: Act, done: Done, at: datetime) -> None:
    ApiAct.objects.create(
        id=act.id,
        client=act.client,
        verb=act.verb,
        fingerprint=fingerprint_of(act),
        status=done.status,
        answer=json.dumps(done.answer, separators=(",", ":"), ensure_ascii=False),
        transfer=done.transfer,
        store_id=done.store_id,
        reference=done.reference,
        at=at,
    )


def fingerprint_of(act: Act) -> str:
    """A keyed digest of everything that was said. Keyed, because a code has few enough digits to be found by
    trying all of them against a plain one.
    """
    text = json.dumps(act.said, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hmac.digest(_key(settings.SECRET_KEY), f"{act.verb.value}:{text}".encode(), "sha256").hex()


@lru_cache(maxsize=2)
def _key(secret: str) -> bytes:
    return hmac.digest(secret.encode(), b"parties/v1/api-acts", "sha256")
