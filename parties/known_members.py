"""How a brand's own systems say which member they mean: by id, by a number of the brand, by a name of theirs.

Reading says nothing about whether there is such a member, or whether the brand may ask for them.
"""

import re
import uuid
from enum import StrEnum
from typing import NamedTuple

from parties.errors import MemberNotNamed
from parties.models import Brand, NumberPattern
from parties.numbers import MOST_TYPED, NotANumber, read_number
from parties.services import NumberOf

LONGEST_NAMING = len("number:") + MOST_TYPED
_ID = re.compile(r"[0-9a-f]{32}|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII | re.IGNORECASE)
_REFERENCE = re.compile(r"[\x21-\x7e]{1,64}", re.ASCII)


class How(StrEnum):
    ID = "id"
    NUMBER = "number"
    REFERENCE = "ref"


class Named(NamedTuple):
    """A member as somebody spoke of them."""

    how: How
    text: str

    def __repr__(self) -> str:  # numbers are personal: not for a log or a traceback
        return f"Named({self.how.value})"

    @property
    def id(self) -> uuid.UUID | None:
        """The public id, of who is named by that."""
        return uuid.UUID(self.text) if self.how == How.ID else None


def read_naming(text: object) -> Named:
    """A public id as it is or without dashes, `number:` and a number, or `ref:` and 1 to 64 visible ASCII
    characters. MemberNotNamed for everything else; whether a number fits the brand is asked later.
    """
    if not isinstance(text, str) or len(text) > LONGEST_NAMING:
        raise MemberNotNamed("form")
    if _ID.fullmatch(text):
        return Named(How.ID, text)
    how, colon, rest = text.partition(":")
    if colon and how == How.NUMBER and rest:
        return Named(How.NUMBER, rest)
    if colon and how == How.REFERENCE and _REFERENCE.fullmatch(rest):
        return Named(How.REFERENCE, rest)
    raise MemberNotNamed("form")


def number_of(brand: Brand, named: Named) -> NumberOf:
    """Under which number of the brand the member is kept. A name of the brand's own is kept like a number,
    behind a prefix that no number can have: keyed, and erased with the person.

    MemberNotNamed if the brand has no numbers, or none that look like this one.
    """
    if named.how == How.REFERENCE:
        return NumberOf(brand.pk, f"ref:{named.text}")
    pattern = NumberPattern.objects.filter(brand=brand).first()
    if pattern is None:
        raise MemberNotNamed("no_numbers")
    try:
        return NumberOf(brand.pk, read_number(named.text, pattern.pattern))
    except NotANumber as refusal:
        raise MemberNotNamed(refusal.fault.value) from None
