"""The queue of notices is filled from indexes, a bounded step at a time, however many members there are."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from ledger import services as ledger
from ledger.expiry import JAPAN
from parties.notice_models import ExpiryNotice
from tests import make
from tests.make import NOON

pytestmark = [pytest.mark.django_db, pytest.mark.postgresql]

FIRST_DAY = NOON.astimezone(JAPAN).date() + timedelta(days=30)
_FILL = """
INSERT INTO parties_user
    (password, is_superuser, email, name, is_staff, is_active, date_joined, language)
    SELECT '', false, 'crowd-' || n || '@example.com', '', false, true, now(), ''
    FROM generate_series(1, {members}) n;
INSERT INTO parties_member (public_id, user_id, joined_at)
    SELECT gen_random_uuid(), id, now() FROM parties_user WHERE email LIKE 'crowd-%';
INSERT INTO ledger_account (program_id, kind, label, member_id, balance, floor, opened_at)
    SELECT {program}, 'wallet', 'wallet:' || id, id, 10, 0, now() FROM parties_member;
INSERT INTO ledger_transfer (id, key, reason, posted_at)
    SELECT md5('crowd' || id)::uuid, 'grant:crowd-' || id, 'grant', '{noon}'
    FROM ledger_account WHERE kind = 'wallet';
INSERT INTO ledger_lot
    (wallet_id, funder_id, transfer_id, granted_points, remaining_points, granted_at, expires_at)
    SELECT id, {funder}, md5('crowd' || id)::uuid, 10, 10, '{noon}',
        '{end}'::timestamptz + (member_id / 2 % {days}) * interval '1 day'
    FROM ledger_account WHERE kind = 'wallet';
INSERT INTO parties_consent (member_id, purpose, granted, given_at, wording, language)
    SELECT id, 'expiry_notice', id % 2 = 0, '{noon}', '', '' FROM parties_member;
ANALYZE parties_user; ANALYZE parties_member; ANALYZE ledger_account; ANALYZE ledger_lot;
ANALYZE parties_consent
"""


def crowd(*, members: int, days: int) -> None:
    """So many members with points that end on one of so many days. Every other wants notices."""
    funder = make.brand()
    sql = _FILL.format(
        members=members,
        days=days,
        program=funder.program_id,
        funder=funder.pk,
        noon=NOON.isoformat(),
        end=f"{FIRST_DAY.isoformat()} 15:00:00+00",  # midnight in Japan
    )
    with connection.cursor() as cursor:
        cursor.execute(sql)


def test_a_step_reads_its_lots_by_index_and_no_others() -> None:
    crowd(members=20_000, days=100)
    place = None
    with CaptureQueriesContext(connection) as captured:
        place = ledger.queue_notices(last_day=FIRST_DAY, days_before=30, at=NOON, limit=60)
    asked = [query["sql"] for query in captured if query["sql"].startswith("SELECT")]
    with connection.cursor() as cursor:
        plan = ""
        for sql in asked:
            cursor.execute("EXPLAIN ANALYZE " + sql)
            plan += "\n".join(line for (line,) in cursor.fetchall()) + "\n\n"
    print(plan)
    assert "ledger_lot_due" in plan
    assert "parties_consent_newest" in plan
    assert "Seq Scan on ledger_lot" not in plan
    assert "Seq Scan on parties_consent" not in plan
    assert ExpiryNotice.objects.count() == 30
    steps = 1
    while place := ledger.queue_notices(last_day=FIRST_DAY, days_before=30, at=NOON, after=place, limit=60):
        steps += 1
    assert (steps, ExpiryNotice.objects.count()) == (4, 100)
