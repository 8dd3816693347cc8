"""The mail of a mailing: its merge fields, and how it reads for one recipient. Nothing here looks at a table.

A field is written {{name}}. Four are always there, the others are columns of the list.
"""

import re
import unicodedata
from collections.abc import Mapping
from datetime import datetime
from typing import NamedTuple, Protocol

from django.template.loader import render_to_string
from django.utils import translation

from parties.forms import plain_line
from parties.periods import end_text

POINTS, LAST_DAY, LINK, NAME = "points", "last_day", "link", "name"
OWN_FIELDS = (NAME, POINTS, LAST_DAY, LINK)
FALSE_CODE = "0000000000000000"  # no code begins with 0, and nothing else makes one of this
_FIELD = re.compile(r"\{\{([^{}]*)\}\}")
_BRACES = re.compile(r"\{\{|\}\}")


class Texts(Protocol):
    """What a mailing says; a mailing, or what stands in its form."""

    @property
    def subject_ja(self) -> str: ...
    @property
    def body_ja(self) -> str: ...
    @property
    def subject_en(self) -> str: ...
    @property
    def body_en(self) -> str: ...


class Mail(NamedTuple):
    """As the person reads it."""

    subject: str
    body: str

    def __repr__(self) -> str:  # the code and the name must not reach a log or a traceback
        return "Mail()"


def plain_field(name: str) -> str:
    """The name of a field as it is compared: without regard to case, width and blanks."""
    return "".join(unicodedata.normalize("NFKC", name).split()).casefold()


def fields_in(text: str) -> set[str]:
    """The fields that a text uses."""
    return {plain_field(name) for name in _FIELD.findall(text)}


def has_stray_braces(text: str) -> bool:
    """Whether something looks like a field and is none."""
    return bool(_BRACES.search(_FIELD.sub("", text)))


def columns_used(texts: Texts) -> set[str]:
    """Fields of the list that the texts use in any language."""
    used = fields_in(f"{texts.subject_ja} {texts.body_ja} {texts.subject_en} {texts.body_en}")
    return used - {POINTS, LAST_DAY, LINK}


def mail_for(
    texts: Texts,
    *,
    language: str,
    fields: Mapping[str, str],
    points: int,
    claim_until: datetime,
    link: str,
    opt_out: str,
) -> Mail:
    """The mail to one recipient: English where that is their language and there is an English text.

    Below the text stand, as the law on marketing mail asks for, who sends it, where they are reached, and how
    to have no more of them.
    """
    is_english = language == "en" and bool(texts.body_en)
    subject, body = (texts.subject_en, texts.body_en) if is_english else (texts.subject_ja, texts.body_ja)
    with translation.override("en" if is_english else "ja"):
        values = dict(fields) | {POINTS: f"{points:,}", LAST_DAY: end_text(claim_until), LINK: link}
        context = {"texts": texts, "body": _filled(body, values), "opt_out": opt_out}
        text = render_to_string("campaigns/mail/mailing_message.txt", context).strip()
    return Mail(plain_line(_filled(subject, values | {LINK: ""})), text)


def _filled(text: str, values: Mapping[str, str]) -> str:
    return _FIELD.sub(lambda field: plain_line(values.get(plain_field(field[1]), "")), text)
