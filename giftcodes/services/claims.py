"""A code becomes points: two round trips to the database, and no row that two members share."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from django.db import transaction

from giftcodes import codec, directory, locking, queries
from giftcodes.directory import KnownBatch
from giftcodes.errors import ClaimHeldBack, CodeNotUsable
from giftcodes.models import SANDBOX_SERIES, SERIALS_PER_SERIES, claim_id_of, claim_key
from giftcodes.services.gift_claims import claim_gift
from giftcodes.services.gift_events import tell_claimed
from ledger import queries as ledger_queries
from ledger import services as ledger
from ledger.errors import LimitExceeded
from ledger.expiry import end_after_days
from ledger.statements import Statement, as_instant, as_uuid, instant_sql, run_together
from parties.models import Member, Program

# What a door knows that may stand against a claim, as SQL for the same round trip: from the id of the code's
# batch (0 for a code that nobody issued) and the instant of the claim (None: the database's clock),
# statements of which the last one's rows hold the claim back. What the others write shares the claim's fate.
Proviso = Callable[[int, datetime | None], Sequence[Statement]]

_NO_BATCH = KnownBatch(
    first_serial=0,
    size=0,
    id=0,
    public_id=UUID(int=0),
    brand_id=0,
    program_id=0,
    unclaimed_id=0,
    key=b"",
    face_points=0,
    lot_life_days=0,
    limit_per_member=None,
    limit_group="",
    claim_url_base="",
    issues_gifts=False,
    is_sandbox=False,
)


class Claimed(NamedTuple):
    """What a claim brought. `balance` is the wallet's now; `is_repeat` if the member had claimed the code
    before.
    """

    serial_number: int
    points: int
    balance: int
    claimed_at: datetime
    expires_at: datetime
    program_id: int
    is_repeat: bool


def claim_code(
    *,
    text: object,
    member: Member,
    at: datetime | None = None,
    unless: Proviso | None = None,
    is_sandbox: bool = False,
) -> Claimed:
    """Turn the code that a person typed into points in the member's wallet, once.

    Of any number of claims of one code, exactly one wins. The member who won gets the same result again.
    NotACode if the text is no code (a typing error). For every other reason CodeNotUsable, and nothing has
    changed. KeysMissing if the keys are away. `at` None (what doors pass) means the database's own clock.
    ClaimHeldBack if `unless` stands against a claim that would have been won: nobody else ever hears of it.
    Codes of the sandbox work for doors that say `is_sandbox`, and others don't.
    """
    code = codec.normalise(text)
    found = directory.find(code)
    return claim_found(found, series=int(code[0]), member=member, at=at, unless=unless, is_sandbox=is_sandbox)


def claim_found(
    found: tuple[int, KnownBatch] | None,
    *,
    series: int,
    member: Member,
    at: datetime | None,
    unless: Proviso | None,
    is_sandbox: bool = False,
) -> Claimed:
    """`claim_code` for what `directory.find` gave. None goes the same way, to a batch that does not exist: to
    whoever measures it, a code that nobody issued takes as long as one that is used, void or expired, or of
    the sandbox at a door that is not.
    """
    if found is not None and {found[1].is_sandbox, series == SANDBOX_SERIES} != {is_sandbox}:
        found = None
    serial, batch = found or (0, _NO_BATCH)
    claim_id = claim_id_of(series if found else 0, serial)  # series 0 does not exist
    try:
        return _claim(claim_id=claim_id, batch=batch, member=member, at=at, unless=unless)
    except (CodeNotUsable, LimitExceeded) as refusal:
        earlier = _claimed_before(claim_id=claim_id, batch=batch, member=member)
        if earlier is None:
            raise CodeNotUsable from refusal
        return earlier


@transaction.atomic
def _claim(
    *, claim_id: int, batch: KnownBatch, member: Member, at: datetime | None, unless: Proviso | None
) -> Claimed:
    """Win the claim row and the member's tally, then grant, which commits; CodeNotUsable and ClaimHeldBack
    undo both.
    """
    hold = locking.share_claim(batch.id, member.pk)
    win = claim_gift if batch.issues_gifts else _claim_code
    decide = win(claim_id, batch=batch, member=member, at=at)
    place = len(decide) - 1
    if batch.limit_per_member is not None:
        decide.append(Statement(_COUNT_CLAIM, [batch.limit_group, member.pk, batch.limit_per_member]))
    proviso = unless(batch.id, at) if unless else ()
    answers = run_together(*hold, *proviso, *decide)
    rows = answers[-len(decide) :]
    if not all(rows):
        raise CodeNotUsable
    if proviso and (against := answers[len(hold) + len(proviso) - 1]):
        raise ClaimHeldBack(against)
    moment, wallet_id, points, *gift = rows[place][0]
    claimed_at = as_instant(moment)
    if gift:
        gift_id = as_uuid(gift[0])
        tell_claimed(batch.brand_id, gift_id, {"serial": str(claim_id), "points": points}, at=claimed_at)
    if wallet_id is None:
        wallet_id = _open_wallet(member, batch.program_id, claimed_at)
    expires_at = end_after_days(claimed_at, days=batch.lot_life_days)
    balance = ledger.grant_claimed(
        key=claim_key(claim_id),
        unclaimed_id=batch.unclaimed_id,
        wallet_id=wallet_id,
        funder_id=batch.brand_id,
        points=points,
        expires_at=expires_at,
        at=claimed_at,
    )
    return Claimed(
        serial_number=claim_id,
        points=points,
        balance=balance,
        claimed_at=claimed_at,
        expires_at=expires_at,
        program_id=batch.program_id,
        is_repeat=False,
    )


def _claim_code(claim_id: int, *, batch: KnownBatch, member: Member, at: datetime | None) -> list[Statement]:
    serial = claim_id % SERIALS_PER_SERIES
    now, now_params = instant_sql(at)
    values = [claim_id, member.pk, *now_params, batch.id, *now_params, *now_params, batch.id, serial, serial]
    values += [member.pk, member.pk, batch.program_id]
    return [Statement(_INSERT_CLAIM.format(now=now), values)]


# The whole decision in one statement: state, window, voids, that the member has not left, and, by the primary
# key, that nobody was first. On the way out it looks up the member's wallet. Voids of a batch don't overlap,
# so the last one that begins by the serial decides: one look into the index, however many there are.
_INSERT_CLAIM = (
    "INSERT INTO giftcodes_claim (id, batch_id, member_id, points, claimed_at)"
    " SELECT %s, b.id, %s, b.face_points, {now} FROM giftcodes_batch b"
    " WHERE b.id = %s AND b.state = 'active' AND b.claim_from <= {now} AND b.claim_until > {now}"
    " AND COALESCE((SELECT v.last_serial FROM giftcodes_void v WHERE v.batch_id = %s"
    " AND v.first_serial <= %s ORDER BY v.first_serial DESC LIMIT 1) < %s, TRUE)"
    " AND EXISTS (SELECT 1 FROM parties_member m WHERE m.id = %s AND m.closed_at IS NULL)"
    " ON CONFLICT (id) DO NOTHING RETURNING claimed_at,"
    " (SELECT id FROM ledger_account WHERE member_id = %s AND program_id = %s AND kind = 'wallet'), points"
)
# One row per member and group: at the limit the update finds no row, and the transaction is given up.
_COUNT_CLAIM = (
    "INSERT INTO giftcodes_claimtally (limit_group, member_id, claims) VALUES (%s, %s, 1)"
    " ON CONFLICT (limit_group, member_id)"
    " DO UPDATE SET claims = giftcodes_claimtally.claims + 1 WHERE giftcodes_claimtally.claims < %s"
    " RETURNING claims"
)


def _open_wallet(member: Member, program_id: int, at: datetime) -> int:
    program = Program.objects.get(pk=program_id)
    return ledger.open_wallet(member=member, program=program, at=at).pk


def _claimed_before(*, claim_id: int, batch: KnownBatch, member: Member) -> Claimed | None:
    claim = queries.claim_of(member, claim_id)
    if claim is None:
        return None
    return Claimed(
        serial_number=claim_id,
        points=claim.points,
        balance=ledger_queries.wallet_balance(member, batch.program_id),
        claimed_at=claim.claimed_at,
        expires_at=end_after_days(claim.claimed_at, days=batch.lot_life_days),
        program_id=batch.program_id,
        is_repeat=True,
    )
