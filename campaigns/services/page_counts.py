"""Count that a page was opened."""

import random
from datetime import datetime

from django.db import connection

from campaigns.result_models import SLOTS
from ledger.expiry import JAPAN
from ledger.statements import Statement, run_together

_DAY = {"postgresql": "CAST(%s AS date)", "sqlite": "%s"}
_COUNT = (
    "INSERT INTO campaigns_pagecount AS p (campaign_id, day, slot, opened)"
    " VALUES (%s, {day}, %s, 1)"
    " ON CONFLICT (campaign_id, day, slot) DO UPDATE SET opened = p.opened + 1"
)


def count_opening(*, campaign_id: int, at: datetime) -> None:
    """One opening more of the campaign's page, on the day in Japan that it is at `at`. Not who opened it."""
    day = at.astimezone(JAPAN).date().isoformat()
    slot = random.randrange(SLOTS)  # noqa: S311  # nothing hangs on who knows it
    run_together(Statement(_COUNT.format(day=_DAY[connection.vendor]), [campaign_id, day, slot]))
