"""The queue of notices: who has one in hand, and how it ended."""

from datetime import datetime, timedelta

from parties.notice_models import ExpiryNotice, NoticeState

MOST_TRIES = 8
FIRST_WAIT = timedelta(minutes=10)  # doubled at each try: the last one is most of a day after the first


def due_notices(*, at: datetime, limit: int) -> list[ExpiryNotice]:
    """The next notices to be tried, the longest due first, with member, user and program."""
    waiting = ExpiryNotice.objects.filter(state=NoticeState.WAITING, next_try_at__lte=at)
    return list(waiting.select_related("member__user", "program").order_by("next_try_at", "pk")[:limit])


def take_notice(notice: ExpiryNotice, *, at: datetime) -> bool:
    """Have the notice to oneself until its next try is due. False if somebody else was faster.

    The filtered update decides: of any number who found the notice as it was, one gets it.
    """
    tries, until = notice.tries + 1, at + FIRST_WAIT * 2**notice.tries
    found = ExpiryNotice.objects.filter(pk=notice.pk, state=NoticeState.WAITING, tries=notice.tries)
    if not found.update(tries=tries, next_try_at=until):
        return False
    notice.tries, notice.next_try_at = tries, until
    return True


def end_notice(notice: ExpiryNotice, state: NoticeState, *, at: datetime) -> None:
    """What became of it. A notice that has ended stays as it is."""
    waiting = ExpiryNotice.objects.filter(pk=notice.pk, state=NoticeState.WAITING)
    waiting.update(state=state, ended_at=at)


def is_last_try(notice: ExpiryNotice) -> bool:
    """Whether a notice that could not be sent is given up."""
    return notice.tries >= MOST_TRIES
