"""The claim of a gift in SQL: like that of a code of a file, but points and end are the gift's own, and its
own row decides.
"""

from datetime import datetime

from django.db import connection

from giftcodes.directory import KnownBatch
from ledger.statements import Statement, instant_sql
from parties.models import Member

# The whole decision, on the gift's own row: withdrawal and expiry change the same row, so one of them wins.
_END_GIFT = (
    "UPDATE giftcodes_gift SET state = 'claimed', ended_at = {now}"
    " WHERE id = %s AND state = 'issued' AND claim_until > {now}"
    " AND EXISTS (SELECT 1 FROM giftcodes_batch b WHERE b.id = %s AND b.state = 'active'"
    " AND b.claim_from <= {now} AND b.claim_until > {now})"
    " AND EXISTS (SELECT 1 FROM parties_member m WHERE m.id = %s AND m.closed_at IS NULL)"
    " RETURNING id, batch_id, points, ended_at"
)
_INSERT_CLAIM = (
    "INSERT INTO giftcodes_claim (id, batch_id, member_id, points, claimed_at)"
    " SELECT g.id, g.batch_id, %s, g.points, g.ended_at FROM {gift} g WHERE g.id = %s AND {is_ended}"
    " ON CONFLICT (id) DO NOTHING RETURNING claimed_at,"
    " (SELECT id FROM ledger_account WHERE member_id = %s AND program_id = %s AND kind = 'wallet'), points,"
    " (SELECT public_id FROM giftcodes_gift WHERE giftcodes_gift.id = giftcodes_claim.id)"
)


def claim_gift(gift_id: int, *, batch: KnownBatch, member: Member, at: datetime | None) -> list[Statement]:
    """Statements that end the gift and make its claim, each with a row if the claim is won; in the last one's
    are the claim's moment, the member's wallet (or NULL), the points and the gift's public number.
    PostgreSQL gets one statement, as for a code that nobody issued, which takes as long.
    """
    now, now_params = instant_sql(at)
    ending = [*now_params, gift_id, *now_params, batch.id, *now_params, *now_params, member.pk]
    making = [member.pk, gift_id, member.pk, batch.program_id]
    end = Statement(_END_GIFT.format(now=now), ending)
    if connection.vendor == "postgresql":
        insert = _INSERT_CLAIM.format(gift="ended", is_ended="true")
        return [Statement(f"WITH ended AS ({end.sql}) {insert}", [*ending, *making])]
    insert = _INSERT_CLAIM.format(gift="giftcodes_gift", is_ended="g.state = 'claimed'")
    return [end, Statement(insert, making)]
