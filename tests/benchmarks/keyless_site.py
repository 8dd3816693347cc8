"""The same site, in which an Idempotency-Key is nothing: what it costs is the difference to the real one.

No lock of the key, no look for an earlier request, no digest, no fingerprint, and no request row: for a copy
of the database in which gifts need none. It shows what is lost, too: a repeat would be a second gift.
"""

import os
from datetime import datetime
from typing import Any
from unittest.mock import patch

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
application = get_wsgi_application()

from giftcodes.services import gifts  # noqa: E402
from ledger.statements import Statement, as_instant, instant_sql, run_together  # noqa: E402

_begin, _end = "), asked AS (", ") INSERT INTO giftcodes_gift "
_values = "%s::bigint, %s::text, %s::text, %s::bigint, %s::integer, %s::timestamptz"


def _look(request: Any, at: datetime | None) -> tuple[datetime, list[Any], None]:
    now, now_params = instant_sql(at)
    values = [*now_params, request.client.brand_id, request.group, *now_params, *now_params]
    [rows] = run_together(Statement(gifts._FIND_ORDERS.format(now=now), values))
    return as_instant(rows[0][0]), [gifts._order(row) for row in rows if row[1] is not None], None


def _without_row(issue: str) -> str:
    before, _, rest = issue.partition(_begin)
    _, _, after = rest.partition(_end)
    return f"{before}{_begin}SELECT CAST(NULL AS bigint) AS id, {_values}{_end}{after}"


patch.multiple(
    gifts,
    _look=_look,
    _ISSUE=_without_row(gifts._ISSUE),
    digest_of_key=lambda _key: "none",
    fingerprint_of=lambda _group, _gifts, **_kind: "none",
).start()
