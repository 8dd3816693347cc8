"""What somebody typed at the support desk: which kind of thing it may be. Pure: nothing is looked up here."""

import re
import unicodedata
import uuid
from enum import StrEnum
from typing import NamedTuple

from giftcodes.codec import CODE_DIGITS

SERIAL_DIGITS = 10
_CODE_IN_A_LINK = re.compile(r"#c=([0-9]{16})\b")


class Kind(StrEnum):
    CODE = "code"
    SERIAL = "serial"
    ADDRESS = "address"
    NUMBER = "number"  # a UUID: of a member, or of a gift
    NAME = "name"  # whatever else: a partner's name for a recipient


class Wanted(NamedTuple):
    """What to look for. `text` is as typed for a code, and tidied for everything else."""

    kind: Kind
    text: str


def wanted_by(typed: str) -> Wanted | None:
    """What the text asks for; None if it says nothing. Ten digits are a serial number; digits that are nearly
    as many as a code has are a code, mistyped or not, so that no code is ever looked for as a name.
    """
    text = unicodedata.normalize("NFKC", typed).strip()
    if not text:
        return None
    if link := _CODE_IN_A_LINK.search(text):
        return Wanted(Kind.CODE, link[1])
    if "@" in text:
        return Wanted(Kind.ADDRESS, text)
    if _uuid_of(text):
        return Wanted(Kind.NUMBER, text)
    digits = sum(char.isdecimal() for char in text)
    if digits == SERIAL_DIGITS == len(text) and text.isascii():
        return Wanted(Kind.SERIAL, text)
    is_like_a_code = digits >= CODE_DIGITS - 3 and not any(char.isalpha() for char in text)
    return Wanted(Kind.CODE, typed) if is_like_a_code or digits >= CODE_DIGITS else Wanted(Kind.NAME, text)


def _uuid_of(text: str) -> bool:
    try:
        uuid.UUID(text)
    except ValueError:
        return False
    return True
