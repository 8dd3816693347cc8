"""The audit log: one row per act of staff that matters, written in the transaction of the act.

Whence somebody asks is known to the doors alone: they say it once per request (`asked_from`), and what is
recorded meanwhile carries it. Commands and tasks have no address.
"""

import re
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from django.db.models import Model, QuerySet

from parties.access import Person
from parties.models import Brand, User
from parties.staff_models import Act, AuditRecord

_ADDRESS: ContextVar[str] = ContextVar("address", default="")
# Sixteen digits or more that no letter parts, but for the long-vowel mark, which people type for a hyphen.
# Whatever else is so long goes with them: nothing here needs so many digits.
_CODE = re.compile(r"(?:\d(?:[^\w]|[_ー])*){16,}")
_ESCAPED_DIGIT = re.compile(r"%3([0-9])")  # as links write them
_MOST_LETTERS = 4_000  # that are looked at
_MOST = {field.name: field.max_length or 0 for field in AuditRecord._meta.concrete_fields if field.max_length}


@contextmanager
def asked_from(address: str) -> Iterator[None]:
    """What is recorded inside came from this address; "" for none."""
    token = _ADDRESS.set(address)
    try:
        yield
    finally:
        _ADDRESS.reset(token)


def record(
    act: Act,
    *,
    by: Person | None,
    subject: Model | None = None,
    label: str | None = None,
    brand: Brand | None = None,
    reason: str = "",
) -> None:
    """Write what `by` did with the subject, and why. `label` tells the subject to people (default: itself, of
    a user only the number); `brand` is that whose auditors read it (default: the subject's own, if any).

    What looks like a code in the texts is masked, whoever wrote it there. Those who stand for people in
    sandboxes are no staff, and leave no record.
    """
    if by is not None and not by.is_staff:
        return
    told = label if label is not None else _told(subject)
    AuditRecord.objects.create(
        act=act,
        actor_id=by.pk if by is not None else None,
        brand_id=brand.pk if brand is not None else brand_of(subject),
        subject_type=subject._meta.label_lower[: _MOST["subject_type"]] if subject is not None else "",
        subject_id=str(subject.pk)[: _MOST["subject_id"]] if subject is not None else "",
        subject=without_codes(told)[: _MOST["subject"]],
        reason=without_codes(reason)[: _MOST["reason"]],
        address=_ADDRESS.get() or None,
    )


def sign_ins_of(user: User) -> QuerySet[AuditRecord]:
    """When somebody signed in to the admin, or tried to in their name; newest first."""
    acts = [Act.SIGN_IN, Act.SIGN_IN_FAILED, Act.FACTOR_ADDED, Act.FACTOR_REMOVED, Act.FACTORS_WITHDRAWN]
    found = AuditRecord.objects.filter(act__in=acts, subject_type=User._meta.label_lower)
    return found.filter(subject_id=str(user.pk)).order_by("-pk")


def without_codes(text: str) -> str:
    """The text on one line, with sixteen digits or more, however they are set apart, masked.

    >>> without_codes("sent 1234-5678-9012-3456 twice")
    'sent •••• twice'
    """
    whole = _ESCAPED_DIGIT.sub(r"\1", unicodedata.normalize("NFKC", text[:_MOST_LETTERS]))
    plain = "".join(sign if sign.isprintable() else " " for sign in whole)
    return " ".join(_CODE.sub("•••• ", plain).split())


def brand_of(subject: Model | None) -> int | None:
    """The id of the brand that the subject belongs to, if it says so itself or through what it is part of."""
    if isinstance(subject, Brand):
        return int(subject.pk)
    for _step in range(3):
        if subject is None:
            return None
        if (found := getattr(subject, "brand_id", None)) is not None:
            return int(found)
        parts = (getattr(subject, name, None) for name in ("campaign", "client", "endpoint", "batch"))
        subject = next((part for part in parts if isinstance(part, Model)), None)
    return None


def _told(subject: Model | None) -> str:
    return "" if subject is None or isinstance(subject, User) else str(subject)
