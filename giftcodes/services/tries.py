"""A claim with the guard against guessing in front of it: what every door to people calls."""

import logging
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import NamedTuple, TypeVar

from django.db import transaction
from django.db.models import Count, Q

from giftcodes import codec, directory
from giftcodes.directory import Reading
from giftcodes.errors import ClaimingLocked, CodeNotUsable, LiftRefused, ProofNeeded, TooManyTries
from giftcodes.guard_models import DAYS_KEPT, Alarm, AlarmKind, Attempt, ClaimLock, LockLift, Outcome
from giftcodes.guarding import guard, on_database
from giftcodes.guarding.rules import LEAK_SAMPLE, Level, Rule, Site, is_leak
from giftcodes.guarding.taken import Taken
from giftcodes.guarding.visitors import (
    STRANGERS_KEY,
    Visitor,
    client_rules,
    client_typo_rules,
    entry_rules,
    member_name,
    new_reference,
    try_rules,
    typo_rules,
    visitor,
    visitor_of_client,
)
from giftcodes.models import SERIALS_PER_SERIES, Series, claim_id_of
from giftcodes.services.claims import Claimed, Proviso, claim_found
from parties import audit_log
from parties.models import Member, User
from parties.staff_models import Act

Result = TypeVar("Result")

logger = logging.getLogger(__name__)

_KINDS = {Level.CHALLENGE: AlarmKind.CHALLENGE, Level.CLOSED: AlarmKind.CLOSED}
DAYS_BETWEEN_LEAK_ALARMS = 1
PRUNED_AT_ONCE = 10_000


class Asker(NamedTuple):
    """Who tries, from where, and the proof of work they brought ("" for none): its unique name, after the
    door has found it right. `address` is the client's, through trusted proxies only. With `is_sandbox` only
    codes of the sandbox work, else only others.
    """

    member: Member
    address: str
    proof_id: str = ""
    is_sandbox: bool = False


class Try(NamedTuple):
    """One try as the guard counts it. `person` is a name (`member_name`, `stranger_name`), `member` None for
    somebody who is not signed in. `client_id` is the partner system that asks for them: then no address
    counts. What is tried in a sandbox (`is_sandbox`) neither moves the site's breaker nor is held up by it.
    """

    person: str
    address: str
    member: Member | None
    proof_id: str = ""
    client_id: int | None = None
    is_sandbox: bool = False


def try_code(
    *, text: object, asker: Asker, at: datetime | None = None, unless: Proviso | None = None
) -> Claimed:
    """`claim_code` behind all layers of the guard, which cost one round trip to Redis.

    NotACode for a typing error, which is no try (see `count_typo`). TooManyTries, ClaimingLocked or
    ProofNeeded if the guard refuses: then nothing was tried. CodeNotUsable for every other reason, with a
    reference number. KeysMissing, or the database's error if nothing can count: then nothing is granted.
    ClaimHeldBack as for `claim_code`; the try counts, and is no strike.
    """
    attempt = Try(member_name(asker.member.pk), asker.address, asker.member, asker.proof_id)
    claim = partial(claim_found, member=asker.member, at=at, unless=unless, is_sandbox=asker.is_sandbox)
    return try_behind_guard(text=text, attempt=attempt, claim=claim, at=at)


def try_behind_guard(
    *, text: object, attempt: Try, claim: Callable[..., Result], at: datetime | None
) -> Result:
    """What every way to claim has in common: read, count, and let `claim` have a try that passed."""
    code = codec.normalise(text)
    reading = directory.read(code)
    found = reading.found
    by, rules = _rules(attempt, is_unknown=found is None)
    reference = new_reference()
    site = Site(is_unknown=found is None, most=Level.CLOSED if attempt.proof_id else Level.OPEN)
    taken = guard.take(
        rules,
        None if attempt.is_sandbox else site,
        token=reference,
        now_ms=None if at is None else guard.milliseconds(at),
    )
    _tell_of_breaker(taken)
    if not taken.is_passed:
        raise _refusal(taken, by)
    try:
        return claim(found, series=int(code[0]))
    except CodeNotUsable as refusal:
        if reading.batch is not None:
            directory.search(int(code[0]), reading.serial)
        _record(int(code[0]), reading, by, taken, reference)
        if taken.held:
            _lock(attempt.member, by, taken, reference)
        raise CodeNotUsable(reference) from refusal


def _rules(attempt: Try, *, is_unknown: bool) -> tuple[Visitor, list[Rule]]:
    if attempt.client_id is not None:
        by = visitor_of_client(person=attempt.person, client_id=attempt.client_id)
        return by, client_rules(by, is_unknown=is_unknown)
    by = visitor(person=attempt.person, address=attempt.address)
    is_stranger = attempt.member is None
    return by, try_rules(by, is_unknown=is_unknown, proof_id=attempt.proof_id, is_stranger=is_stranger)


def count_typo(*, address: str, at: datetime | None = None) -> None:
    """Count a wrong check digit. TooManyTries if this address has made too many."""
    _count_typo(typo_rules(visitor(person="", address=address)), at)


def count_typo_for_client(*, person: str, client_id: int, at: datetime | None = None) -> None:
    """The same for somebody (a name as in `Try`) for whom a partner system asks."""
    _count_typo(client_typo_rules(visitor_of_client(person=person, client_id=client_id)), at)


def _count_typo(rules: list[Rule], at: datetime | None) -> None:
    now_ms = None if at is None else guard.milliseconds(at)
    taken = guard.take(rules, None, token=new_reference(), now_ms=now_ms)
    if not taken.is_passed:
        raise TooManyTries(now=_moment(taken.now_ms), until=_moment(taken.until_ms))


def may_count_entry(*, is_unknown: bool, address: str, at: datetime | None = None) -> bool:
    """Whether what was entered from this address may still be counted for the results: not after too many
    codes that nobody issued, be it known itself or not. Counts those.
    """
    rules = entry_rules(visitor(person="", address=address), is_unknown=is_unknown)
    now_ms = None if at is None else guard.milliseconds(at)
    return guard.take(rules, None, token=new_reference(), now_ms=now_ms).is_passed


def lift_lock(*, lock_id: int, reason: str, user: User, at: datetime) -> LockLift:
    """End a lock early, and forget the strikes that led to it. Once: again gives the first lift.

    LiftRefused without a reason or after the lock's end. RedisError if the counters can't be reached: the
    lift is recorded then, and is to be repeated.
    """
    reason = reason.strip()
    lock = ClaimLock.objects.get(pk=lock_id)
    if not reason or at >= lock.locked_until:
        raise LiftRefused
    with transaction.atomic():
        lift, is_new = LockLift.objects.get_or_create(
            lock=lock, defaults={"reason": reason, "lifted_by": user, "lifted_at": at}
        )
        if is_new:
            audit_log.record(Act.LOCK_LIFTED, by=user, subject=lock, label="", reason=reason)
    guard.forget([f"strike:{lock.person}"])
    return lift


def prune_tries(*, at: datetime) -> int:
    """Delete refused tries older than DAYS_KEPT, and counts that no window reaches; how many went."""
    old = Attempt.objects.filter(at__lt=at - timedelta(days=DAYS_KEPT)).order_by("at")
    ids = list(old.values_list("pk", flat=True)[:PRUNED_AT_ONCE])
    gone = Attempt.objects.filter(pk__in=ids).delete()[0]
    return gone + on_database.prune(now_ms=guard.milliseconds(at), limit=PRUNED_AT_ONCE)


def _refusal(taken: Taken, by: Visitor) -> Exception:
    if taken.full is None or taken.full.key.startswith(("proof:", STRANGERS_KEY)):
        return ProofNeeded()
    now, until = _moment(taken.now_ms), _moment(taken.until_ms)
    if taken.full.key == by.strike_key:
        standing = ClaimLock.objects.filter(person=by.person, locked_until__gt=now, lift=None)
        lock = standing.order_by("-locked_until").first()
        return ClaimingLocked(now=now, until=until, reference=lock.reference if lock else "")
    return TooManyTries(now=now, until=until)


def _record(series: int, reading: Reading, by: Visitor, taken: Taken, reference: str) -> None:
    found, is_in_range = reading.found, reading.batch is not None
    Attempt.objects.create(
        reference=reference,
        at=_moment(taken.now_ms),
        **by._asdict(),
        outcome=Outcome.UNKNOWN if found is None else Outcome.NOT_USABLE,
        series=series,
        is_in_issued_range=is_in_range,
        serial_number=None if found is None else claim_id_of(series, found[0]),
    )
    if found is None and is_in_range:
        _look_for_leak(series, _moment(taken.now_ms))


def _lock(member: Member | None, by: Visitor, taken: Taken, reference: str) -> None:
    if taken.held is None or not taken.held.hold:
        return
    now = _moment(taken.now_ms)
    until = now + timedelta(seconds=taken.held.hold)
    ClaimLock.objects.create(
        reference=reference, person=by.person, member=member, locked_at=now, locked_until=until
    )


def _look_for_leak(series: int, now: datetime) -> None:
    """Guesses without the key of the series land in issued ranges by chance; with it, always."""
    sample = Attempt.objects.filter(series=series, outcome=Outcome.UNKNOWN).order_by("-pk")[:LEAK_SAMPLE]
    counts = Attempt.objects.filter(pk__in=list(sample.values_list("pk", flat=True))).aggregate(
        unknown=Count("pk"), in_range=Count("pk", filter=Q(is_in_issued_range=True))
    )
    issued_share = Series.objects.get(digit=series).next_serial / SERIALS_PER_SERIES
    if not is_leak(**counts, issued_share=issued_share):
        return
    recent = now - timedelta(days=DAYS_BETWEEN_LEAK_ALARMS)
    if Alarm.objects.filter(kind=AlarmKind.KEY_LEAK, series=series, at__gt=recent).exists():
        return
    Alarm.objects.create(
        kind=AlarmKind.KEY_LEAK, at=now, tries=counts["unknown"], unknown=counts["in_range"], series=series
    )
    logger.error(
        "of the last %d unknown codes of series %d, %d are of issued ranges: its key may have leaked",
        counts["unknown"],
        series,
        counts["in_range"],
    )


def _tell_of_breaker(taken: Taken) -> None:
    now = _moment(taken.now_ms)
    if taken.is_calm:
        Alarm.objects.create(kind=AlarmKind.CALM, at=now, tries=0, unknown=0)
        logger.warning("claiming is back to normal")
    if taken.tripped:
        kind = _KINDS[taken.tripped]
        Alarm.objects.create(kind=kind, at=now, tries=taken.tries, unknown=taken.unknown)
        logger.error("%d of %d codes in 5 minutes are unknown: %s", taken.unknown, taken.tries, kind.value)


def _moment(milliseconds: int) -> datetime:
    return datetime.fromtimestamp(milliseconds / 1000, UTC)
