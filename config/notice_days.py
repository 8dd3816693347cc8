"""When members are told that points expire, from the environment; a broken value ends the start with what to
set.
"""

from collections.abc import Sequence

from django.core.exceptions import ImproperlyConfigured


def check_notices(days: Sequence[int], *, sender: Sequence[str]) -> None:
    """ImproperlyConfigured if the days are none, or notices are wanted and a part of their sender is missing:
    a mail has to say who sends it (特定電子メール法: name, postal address, whom to write to).
    """
    if not days:
        return
    if sorted(set(days), reverse=True) != days or not 3 <= days[-1] <= days[0] <= 90:
        raise ImproperlyConfigured("NOTICE_DAYS must be days from 90 to 3, the most first: NOTICE_DAYS=30,7")
    if not all(sender):
        raise ImproperlyConfigured(
            "NOTICE_DAYS is set: set NOTICE_SENDER_NAME, NOTICE_SENDER_ADDRESS and SUPPORT_EMAIL, too. Each"
            " notice has to say who sends it."
        )
