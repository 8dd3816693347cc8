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

from giftcodes.services import gifts, quick_gifts  # noqa: E402
from ledger.statements import Statement, as_instant, instant_sql, run_together  # noqa: E402

_begin, _end = "), asked AS (", ") INSERT INTO giftcodes_gift "
_values = "%s::bigint, %s::text, %s::text, %s::bigint, %s::integer"


def _look(request: Any, at: datetime | None) -> tuple[datetime, list[Any], None]:
    now, now_params = instant_sql(at)
    values = [*now_params, request.client.brand_id, request.group, *now_params, *now_params]
    [rows] = run_together(Statement(gifts._FIND_ORDERS.format(now=now), values))
    return as_instant(rows[0][0]), [gifts._order(row) for row in rows if row[1] is not None], None


def _with(sql: str, begin: str, end: str, instead: str) -> str:
    before, _, rest = sql.partition(begin)
    _, _, after = rest.partition(end)
    if not after:
        raise RuntimeError(f"the service's statement has no {begin!r} with {end!r} any more")
    return f"{before}{begin}{instead}{end}{after}"


_no_row = f"SELECT CAST(NULL AS bigint) AS id, {_values}, %s::timestamptz"
_nothing = "SELECT %s::bigint AS id, %s::text AS fingerprint WHERE false"
_quick = _with(quick_gifts._ISSUE, "WITH earlier AS (", "), free AS (", _nothing)
_quick = _with(_quick, "SELECT {now} AS now WHERE", "), newest AS (", " %s::bigint IS NOT NULL")
_no_quick_row = f"SELECT CAST(NULL AS bigint) AS id, {_values}, chosen.now AS requested_at FROM drawn, chosen"

patch.multiple(
    gifts,
    _look=_look,
    _ISSUE=_with(gifts._ISSUE, _begin, _end, _no_row),
    digest_of_key=lambda _key: "none",
    fingerprint_of=lambda _group, _gifts, **_kind: "none",
).start()
patch.object(quick_gifts, "_ISSUE", _with(_quick, _begin, "), issued AS (", _no_quick_row)).start()
