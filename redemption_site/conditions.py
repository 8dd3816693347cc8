"""The tick by which a person accepts a campaign's conditions: as forms and the pending cookie carry it, as
the page with the code field asks for it, and as a claim demands it.
"""

import re
from datetime import datetime
from typing import NamedTuple

from django.http import HttpRequest
from django.utils.functional import Promise
from django.utils.translation import get_language

from campaigns import conditions_queries
from campaigns import services as campaigns
from campaigns.conditions_models import ConditionsAcceptance, ConditionsLanguage, ConditionsVersion
from campaigns.models import Campaign
from campaigns.services import Tick
from giftcodes.services import Proviso
from parties.models import Member

FIELD = "accept"  # the name of the checkbox
ASKED = "asked"  # what a form says that has one


class Asked(NamedTuple):
    """What a page asks for: the version in force, and the person's acceptance, if they are known to have
    given it before.
    """

    version: ConditionsVersion
    acceptance: ConditionsAcceptance | None


class Ticked(NamedTuple):
    """What a form sent as the tick, and what is wrong with that, in words ("" if nothing is)."""

    text: str = ""
    error: str | Promise = ""


NOT_TICKED = Ticked()


def asked_by(campaign: Campaign | None, request: HttpRequest, *, at: datetime) -> Asked | None:
    """What the campaign asks of the person; None if it has no conditions."""
    version = conditions_queries.conditions_in_force(campaign, at=at) if campaign else None
    if version is None:
        return None
    member: Member | None = getattr(request.user, "member", None)
    acceptance = conditions_queries.acceptance_of(member, version) if member else None
    return Asked(version, acceptance)


def language_of(version: ConditionsVersion) -> ConditionsLanguage:
    """The language in which the reader is shown the text: theirs, or Japanese where it has no English."""
    is_english = get_language() == "en" and version.text_en
    return ConditionsLanguage.EN if is_english else ConditionsLanguage.JA


def mark_of(version: ConditionsVersion) -> str:
    """What the checkbox sends: the version, and the language in which it is shown."""
    return f"{version.pk}-{language_of(version).value}"


def tick_of(text: str) -> Tick | None:
    """What such a text says was accepted. It comes from a form, so it may be anything."""
    found = re.fullmatch(r"([0-9]{1,18})-(ja|en)", text, re.ASCII)
    return Tick(int(found[1]), ConditionsLanguage(found[2])) if found else None


def tick_in(request: HttpRequest) -> str:
    """What a form sent as the tick; "" for anything that no checkbox of ours sends, of any length."""
    text = request.POST.get(FIELD, "")
    return text if tick_of(text) else ""


def has_ticked(text: str, version_id: int) -> bool:
    """Whether the text accepts that version."""
    tick = tick_of(text)
    return tick is not None and tick.version_id == version_id


def proviso(member: Member, text: str) -> Proviso:
    """For `giftcodes.try_code`, whichever door the code came through: the member has to have accepted the
    conditions of the code's campaign, before or with the tick that `text` (request.POST[FIELD]) is.
    """
    return campaigns.unless_accepted(member=member, tick=tick_of(text))
