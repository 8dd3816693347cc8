"""Count that a code was tried."""

import random
from datetime import datetime

from django.db import connection

from campaigns.result_models import SLOTS
from giftcodes import directory
from giftcodes import services as giftcodes
from ledger.expiry import JAPAN
from ledger.statements import Statement, run_together

_DAY = {"postgresql": "CAST(%s AS date)", "sqlite": "%s"}
_NOBODYS = (-1, -1, -1)
_COUNT = (
    "INSERT INTO campaigns_trycount AS t (channel_id, day, slot, tries)"
    " VALUES ((SELECT id FROM giftcodes_channel WHERE batch_id = %s AND first_serial <= %s"
    " AND first_serial + size > %s), {day}, %s, 1)"
    " ON CONFLICT (COALESCE(channel_id, 0), day, slot) DO UPDATE SET tries = t.tries + 1"
)


def count_try(*, code: str, at: datetime, address: str | None = None) -> None:
    """One try more of a normalised code, for the channel that it was issued for, on the day in Japan that it
    is at `at`. Neither who tried nor which code.

    Nothing is counted from an `address` that has entered too many codes which nobody issued, or while all
    have: else whoever reads the results could have a bot guess, and see in them what exists.

    A code that nobody issued costs the same: one question for its batch, one row counted up. Still, a door
    calls this only once its answer has left. KeysMissing, or the database's errors: then nothing is counted.
    """
    reading = directory.read(code)
    if reading.batch is not None:
        directory.search(int(code[0]), reading.serial)
    is_unknown = not reading.is_genuine
    if address is not None and not giftcodes.may_count_entry(is_unknown=is_unknown, address=address):
        return
    place = (
        (reading.batch.id, reading.serial, reading.serial)
        if reading.is_genuine and reading.batch
        else _NOBODYS
    )
    day = at.astimezone(JAPAN).date().isoformat()
    slot = random.randrange(SLOTS)  # noqa: S311  # nothing hangs on who knows it
    run_together(Statement(_COUNT.format(day=_DAY[connection.vendor]), [*place, day, slot]))
