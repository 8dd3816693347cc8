"""Moments and periods as people read them: Japan time, ends inclusive, in the language of the page."""

from datetime import datetime

from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from parties.forms import last_moment


def moment_text(moment: datetime) -> str:
    """One moment, to the minute."""
    return date_format(timezone.localtime(moment), _("j F Y, H:i"), use_l10n=False)


def end_text(end: datetime) -> str:
    """An exclusive end, as the last minute that is still within."""
    return _("until %(moment)s") % {"moment": moment_text(last_moment(end))}


def period_text(start: datetime, end: datetime) -> str:
    """From the first minute to the last, both within."""
    return _("%(start)s to %(end)s") % {"start": moment_text(start), "end": moment_text(last_moment(end))}
