"""When points end. Pure; ends are exclusive instants, at midnight in Japan."""

from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

JAPAN = ZoneInfo("Asia/Tokyo")


def end_after_days(at: datetime, *, days: int) -> datetime:
    """The first instant at which points granted at `at` are no longer valid: they last through the `days`-th
    day after the day of the grant, in Japan time, so that the last valid minute shown to people is 23:59 of
    that day.
    """
    if days < 1:
        raise ValueError("points must live for at least one day")
    last_day = at.astimezone(JAPAN).date() + timedelta(days=days)
    return datetime.combine(last_day + timedelta(days=1), time(), tzinfo=JAPAN)
