"""What people read before they agree. With a changed word WORDING changes: it is kept with each consent."""

from typing import NamedTuple

from django.conf import settings
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from parties.models import Purpose

WORDING = "2026-11-28.3"


class ConsentText(NamedTuple):
    """What the box says, and the sentence below it."""

    purpose: Purpose
    label: str | Promise
    sentence: str | Promise


TEXTS = (
    ConsentText(
        Purpose.EXPIRY_NOTICE,
        _("Tell me by e-mail before my points expire"),
        _("Up to two e-mails for each day on which points of yours end: how many, and where to use them."),
    ),
    ConsentText(
        Purpose.MARKETING_MAIL,
        _("Send me news and offers by e-mail"),
        _("News of the companies at which you can use your points. Each e-mail has a link to stop them."),
    ),
    ConsentText(
        Purpose.STATISTICS,
        _("Use what I told about myself for statistics"),
        _(
            "Year of birth, prefecture and gender, if you told us, counted with those of many others."
            " Companies see groups of 10 people or more, never you, in the statistics of their campaigns."
        ),
    ),
)


def offered() -> list[ConsentText]:
    """What can be agreed to here: notices only where some are sent."""
    return [text for text in TEXTS if text.purpose != Purpose.EXPIRY_NOTICE or settings.NOTICE_DAYS]
