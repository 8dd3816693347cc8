"""Settlement: one person of the operator's finance prepares a statement, another one closes it."""

import hmac
from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import datetime, time, timedelta

from django.db import OperationalError, transaction
from django.db.models import Max, Min

from ledger.access import reachable_settlements
from ledger.counting import Mark, Place, Tally, counted_uses
from ledger.errors import KeyReused, SettlementRefused
from ledger.expiry import JAPAN
from ledger.files.content import content_of, line_of, mark_of, recounted_content
from ledger.files.csv import fingerprint
from ledger.locking import still
from ledger.models import (
    MAX_POINTS,
    Adjustment,
    AdjustmentKind,
    LotUse,
    Reason,
    Settlement,
    SettlementLine,
    SettlementNote,
    SettlementState,
    Transfer,
    UseKind,
)
from ledger.services.accounts import open_accepted, open_cleared
from ledger.services.posting import Move, accounts_of, begin, moves_of, post, post_transfer
from parties import audit_log, second_factor
from parties.access import is_operator
from parties.errors import NotReachable
from parties.models import Brand, Program, Role, Store, User
from parties.staff_models import Act

MAX_NOTE_LENGTH = 2_000


@transaction.atomic
def prepare_settlement(*, program_id: int, ends_at: datetime, user: User, at: datetime) -> Settlement:
    """Count what brands owe each other up to `ends_at` (exclusive, midnight in Japan) and write it down for
    another person to close. Nothing is posted yet.

    Counts every use with an acceptor that is committed by now, was posted before `ends_at` and stands in no
    closed statement; nobody's spending waits longer than for a moment. A repeat by the same person gives back
    the statement that still waits. NotReachable for anybody but the operator's finance, and for a sandbox, in
    which nobody owes anything. SettlementRefused by rule: `midnight`, `future`, `order` (not after the
    statement before), `waiting` (another one is not decided yet), `limit` (two brands owe each other more
    than 10^12 points), `busy` (try again).
    """
    _operators_finance(user)
    # One statement at a time is prepared in a program; the constraints of the table say the same.
    live = Program.objects.filter(pk=program_id, is_sandbox=False)
    program = live.select_for_update(no_key=True).first()
    if program is None:
        raise NotReachable
    waiting = Settlement.objects.filter(program=program, state=SettlementState.PREPARED).first()
    if waiting is not None:
        return _same_preparation(waiting, ends_at, user)
    previous = Settlement.objects.filter(program=program, state=SettlementState.CLOSED, next=None).first()
    _refuse_odd_end(ends_at, previous, at)
    until = Mark(_last_use_committed(), ends_at)
    after = None if previous is None else mark_of(previous)
    settlement = Settlement(
        program=program,
        previous=previous,
        program_name=program.name,
        starts_at=previous.ends_at if previous else _first_start(program, until),
        ends_at=ends_at,
        last_use_id=until.last_use_id,
        yen_per_point=program.yen_per_point,
        prepared_by=user,
        prepared_at=at,
    )
    _write(settlement, counted_uses(program.pk, until=until, after=after))
    return settlement


def _operators_finance(user: User) -> None:
    if not is_operator(user, Role.FINANCE):
        raise NotReachable


def _same_preparation(waiting: Settlement, ends_at: datetime, user: User) -> Settlement:
    if waiting.ends_at == ends_at and waiting.prepared_by_id == user.pk:
        return waiting
    raise SettlementRefused("another statement waits to be closed or rejected", rule="waiting")


def _refuse_odd_end(ends_at: datetime, previous: Settlement | None, at: datetime) -> None:
    if ends_at.astimezone(JAPAN).time() != time():
        raise SettlementRefused("a statement ends at midnight in Japan", rule="midnight")
    if ends_at > at:
        raise SettlementRefused("a statement is of a period that has ended", rule="future")
    if previous is not None and ends_at <= previous.ends_at:
        raise SettlementRefused("a statement ends after the one before", rule="order")


def _last_use_committed() -> int:
    """The highest id of a use, at a moment at which no lower one is under way.

    PostgreSQL gives a lock back when the savepoint before it is rolled back to: writers wait while this looks
    at one id, not while a million rows are counted, and the statement is still all or nothing.
    """
    savepoint = transaction.savepoint()
    try:
        still(LotUse)
    except OperationalError as busy:
        raise SettlementRefused("somebody has been writing for too long: try again", rule="busy") from busy
    last = LotUse.objects.aggregate(last=Max("pk"))["last"]
    transaction.savepoint_rollback(savepoint)
    return last or 0


def _first_start(program: Program, until: Mark) -> datetime:
    """The first instant of the month of the first use, or of the last month that ended, if there is none."""
    uses = LotUse.objects.filter(
        program=program, acceptor__isnull=False, pk__lte=until.last_use_id, posted_at__lt=until.ends_at
    )
    first = uses.aggregate(first=Min("posted_at"))["first"] or until.ends_at - timedelta(microseconds=1)
    return datetime.combine(first.astimezone(JAPAN).date().replace(day=1), time(), tzinfo=JAPAN)


def _write(settlement: Settlement, tallies: Mapping[Place, Tally]) -> None:
    lines = _lines(settlement, tallies)
    for points in _points_of_pairs(lines).values():
        if abs(points) > MAX_POINTS:
            raise SettlementRefused("two brands owe each other more than 10^12 points", rule="limit")
    settlement.sha256 = fingerprint(content_of(settlement, map(line_of, lines)))
    settlement.save(force_insert=True)
    SettlementLine.objects.bulk_create(lines, batch_size=1_000)


def _lines(settlement: Settlement, tallies: Mapping[Place, Tally]) -> list[SettlementLine]:
    brands = Brand.objects.in_bulk({brand for place in tallies for brand in place[:2]})
    stores = Store.objects.filter(brand__in={place.acceptor_id for place in tallies}).in_bulk()
    lines = []
    for place, tally in tallies.items():
        funder, acceptor = brands[place.funder_id], brands[place.acceptor_id]
        store = stores[place.store_id] if place.store_id else None
        line = SettlementLine(
            settlement=settlement,
            **place._asdict(),
            **tally._asdict(),
            yen=tally.points * settlement.yen_per_point,
            funder_slug=funder.slug,
            funder_name=_full_name(funder),
            acceptor_slug=acceptor.slug,
            acceptor_name=_full_name(acceptor),
            store_code=store.code if store else "",
            store_name=store.name if store else "",
        )
        lines.append(line)
    return lines


def _full_name(brand: Brand) -> str:
    """Both names, if there are two: members know the brand, banks know the company."""
    if brand.legal_name in ("", brand.name):
        return brand.name
    return f"{brand.name}（{brand.legal_name}）"


def _points_of_pairs(lines: Iterable[SettlementLine]) -> Counter[tuple[int, int]]:
    """Points by funder and acceptor."""
    pairs: Counter[tuple[int, int]] = Counter()
    for line in lines:
        pairs[line.funder_id, line.acceptor_id] += line.points
    return pairs


def close_settlement(
    *, settlement_id: int, user: User, sha256: str, verified_at: datetime | None, at: datetime
) -> Settlement:
    """Close a prepared statement, once: its points go from what acceptors took to what funders have cleared.

    `sha256` is the fingerprint that this person saw, `verified_at` when they showed their second factor last:
    FactorStale if that is more than five minutes ago. The uses are counted again, and must give it. A repeat
    by the same person gives back the closed statement. NotReachable for anybody but the operator's finance.
    SettlementRefused by rule: `decided` (before, by somebody else or otherwise), `same_person` (who prepared
    it), `fingerprint` (another statement was seen), `changed` (the uses no longer give it).
    """
    before = _access(settlement_id, user)
    second_factor.refuse_stale(verified_at=verified_at, at=at)
    if not hmac.compare_digest(sha256.encode(), before.sha256.encode()):
        raise SettlementRefused("this is not the statement that was looked at", rule="fingerprint")
    if before.state == SettlementState.PREPARED:
        _refuse_preparer(before, user)
        recounted = fingerprint(recounted_content(before))
        if not hmac.compare_digest(recounted.encode(), before.sha256.encode()):
            raise SettlementRefused("the uses do not give this statement any more", rule="changed")
    return _close(before, user, at)


@transaction.atomic
def _close(before: Settlement, user: User, at: datetime) -> Settlement:
    waiting = Settlement.objects.filter(pk=before.pk, state=SettlementState.PREPARED)
    if not waiting.update(state=SettlementState.CLOSED, decided_by=user, decided_at=at):
        return _same_decision(before.pk, SettlementState.CLOSED, user)
    moves = _moves(before, at)
    if moves:
        post_transfer(key=settlement_key(before), reason=Reason.SETTLE, moves=moves, at=at)
    audit_log.record(Act.CLOSED, by=user, subject=before)
    return Settlement.objects.get(pk=before.pk)


def settlement_key(settlement: Settlement) -> str:
    """The key of the transfer that a closed statement makes; one whose pairs are all zero makes none."""
    return f"settle:{settlement.public_id.hex}"


def _moves(settlement: Settlement, at: datetime) -> list[Move]:
    pairs = _points_of_pairs(settlement.lines.all())
    brands = Brand.objects.in_bulk({brand for pair in pairs for brand in pair})
    moves = []
    for (funder_id, acceptor_id), points in sorted(pairs.items()):
        if points:
            accepted = open_accepted(brand=brands[acceptor_id], at=at).pk
            cleared = open_cleared(brand=brands[funder_id], at=at).pk
            moves.append(signed_move(accepted, cleared, points))
    return moves


def signed_move(source_id: int, target_id: int, points: int) -> Move:
    """That many points from source to target; the other way, if fewer than none."""
    return Move(source_id, target_id, points) if points > 0 else Move(target_id, source_id, -points)


@transaction.atomic
def reject_settlement(*, settlement_id: int, user: User, at: datetime) -> Settlement:
    """Set a prepared statement aside; another one can then be prepared. A repeat by the same person is
    harmless.

    NotReachable for anybody but the operator's finance; SettlementRefused by rule `decided` or `same_person`.
    """
    before = _access(settlement_id, user)
    if before.state == SettlementState.PREPARED:
        _refuse_preparer(before, user)
    waiting = Settlement.objects.filter(pk=before.pk, state=SettlementState.PREPARED)
    if not waiting.update(state=SettlementState.REJECTED, previous=None, decided_by=user, decided_at=at):
        return _same_decision(before.pk, SettlementState.REJECTED, user)
    audit_log.record(Act.REJECTED, by=user, subject=before)
    return Settlement.objects.get(pk=before.pk)


def _access(settlement_id: int, user: User) -> Settlement:
    _operators_finance(user)
    settlement = Settlement.objects.select_related("previous").filter(pk=settlement_id).first()
    if settlement is None:
        raise NotReachable
    return settlement


def _refuse_preparer(settlement: Settlement, user: User) -> None:
    if settlement.prepared_by_id == user.pk:
        raise SettlementRefused("another person decides", rule="same_person")


def _same_decision(settlement_id: int, state: SettlementState, user: User) -> Settlement:
    settlement = Settlement.objects.get(pk=settlement_id)
    if settlement.state != state or settlement.decided_by_id != user.pk:
        raise SettlementRefused(f"the statement is {settlement.state} already", rule="decided")
    return settlement


def note_settlement(*, settlement_id: int, user: User, text: str, at: datetime) -> SettlementNote:
    """Add what somebody has to say about a statement: finance of the operator, or of a brand that a closed
    one names.

    NotReachable for anybody else; SettlementRefused by rule `text` for nothing, or more than 2,000
    characters.
    """
    settlement = reachable_settlements(user, Role.FINANCE).filter(pk=settlement_id).first()
    if settlement is None:
        raise NotReachable
    if not 0 < len(text.strip()) <= MAX_NOTE_LENGTH:
        raise SettlementRefused(f"a note has 1 to {MAX_NOTE_LENGTH:,} characters", rule="text")
    return SettlementNote.objects.create(settlement=settlement, author=user, text=text.strip(), written_at=at)


@transaction.atomic
def correct_settlement(*, adjustment: Adjustment, at: datetime) -> Transfer:
    """Book the correction of a closed statement: it counts in the next one, under the pair and the store it
    names. Once per adjustment; KeyReused if it was another one then.

    The caller has decided it with two people. SettlementRefused by rule: `kind` (no correction), `open` (the
    statement is not closed), `program` (a brand of another program), `store` (of another brand).
    """
    acceptor = _refuse_odd_correction(adjustment)
    key, points = f"correct:{adjustment.public_id.hex}", adjustment.points or 0
    cleared = open_cleared(brand=adjustment.brand, at=at).pk
    accepted = open_accepted(brand=acceptor, at=at).pk
    moves = [signed_move(cleared, accepted, points)]
    transfer, is_new = begin(key=key, reason=Reason.CORRECT, at=at, original=None)
    if is_new:
        post(transfer, moves, accounts_of(moves))
        LotUse.objects.create(
            program_id=acceptor.program_id,
            transfer=transfer,
            kind=UseKind.CORRECTION,
            funder=adjustment.brand,
            acceptor=acceptor,
            store=adjustment.store,
            points=points,
            posted_at=at,
        )
    elif moves_of(transfer) != Counter(moves):
        raise KeyReused(key)
    return transfer


def _refuse_odd_correction(adjustment: Adjustment) -> Brand:
    settlement, acceptor, store = adjustment.settlement, adjustment.acceptor, adjustment.store
    if adjustment.kind != AdjustmentKind.CORRECT or settlement is None or acceptor is None:
        raise SettlementRefused("this adjustment corrects no statement", rule="kind")
    if settlement.state != SettlementState.CLOSED:
        raise SettlementRefused("a statement that is not closed can be prepared anew", rule="open")
    if {adjustment.brand.program_id, acceptor.program_id} != {settlement.program_id}:
        raise SettlementRefused("the brands are not of the program of the statement", rule="program")
    if store is not None and store.brand_id != acceptor.pk:
        raise SettlementRefused("the store is not one of the acceptor's", rule="store")
    return acceptor
