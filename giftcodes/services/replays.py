"""After a restore to an earlier moment: claims from the journal back into the database, doors closed.

Each claim is made again as it was: same row, same transfer key, same moment, same end of its points, in the
same member's wallet. Codes that were withdrawn are withdrawn again, by the same people, at the moment of the
replay. What the journal does not hold (spending, orders, people) is not brought back.
"""

import itertools
import uuid
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from django.conf import settings
from django.db import transaction
from django.db.models import F, Max

from giftcodes import journal
from giftcodes.errors import JournalMissing, ReplayRefused
from giftcodes.gift_models import Gift
from giftcodes.journal import Entry, Journal, Kind
from giftcodes.models import SERIALS_PER_SERIES, Batch, BatchState, Claim, ClaimTally, Series, Void, claim_key
from giftcodes.restores import gifts_folder
from giftcodes.services.batches import activate_batch
from giftcodes.services.gift_replays import (
    claim_gifts_again,
    gifts_to_claim,
    journaled_gifts,
    obstacle_of_gift,
    replay_gifts,
    withdraw_gift_again,
)
from giftcodes.services.gift_shipping import release_gifts, ship_unjournaled_gifts
from giftcodes.services.minting import mint_next_chunk
from giftcodes.services.serial_sets import SerialSet
from giftcodes.services.shipping import mark, person_of, ship_unjournaled
from giftcodes.services.voids import void_codes
from ledger import services as ledger
from ledger.audit import Difference
from ledger.models import Account, AccountKind, ClosedDay, Posting
from parties.models import Member, User

CLAIMS_PER_STEP = 500
MAX_DIFFERENCES = 1_000
OTHER_CLAIM = "a journaled claim is the claim in the database"
NO_ROOM = "a journaled claim fits its batch"
WITHDRAWN = "what the journal says is withdrawn is withdrawn"
AGAIN = "withdrawn before a restore: from the claim journal"
_UNMINTED = (BatchState.APPROVED, BatchState.MINTING)


@dataclass
class LostBatch:
    """A batch that the database has never heard of, because its order was approved after the restore point.

    Its keys are lost with it, so none of its codes can be claimed again; what its members had is named here.
    """

    brand: str
    codes: int = 0
    points: int = 0


@dataclass
class Replay:
    """What a replay found and did, in claims."""

    checked: int = 0
    replayed: int = 0
    present: int = 0
    issued: int = 0  # gifts, again
    withdrawn: int = 0  # ranges of codes, again
    shipped: int = 0  # that the database had and the journal had not
    set_aside: Path | None = None  # where the manifests of days are that go on differently now
    lost: dict[str, LostBatch] = field(default_factory=dict)
    differences: list[Difference] = field(default_factory=list)

    def differ(self, difference: Difference) -> None:
        if len(self.differences) < MAX_DIFFERENCES:
            self.differences.append(difference)


@dataclass
class _JournaledBatch:
    """What the journal as a whole says of one batch."""

    first_claimed_at: datetime
    batch_end: int


class _Known(NamedTuple):
    """What the database says that claims have to fit in. Whoever opened before the replay may have withdrawn
    codes or closed a day since.
    """

    batches: dict[str, Batch]  # by number
    withdrawn: defaultdict[int, list[range]]  # serials, by batch
    closed_until: datetime | None
    gifts_to_come: SerialSet  # in a trial, which brings none back


@dataclass
class _Journaled:
    """What the journal as a whole says."""

    batches: dict[str, _JournaledBatch] = field(default_factory=dict)  # that have claims, by number
    claims: SerialSet = field(default_factory=SerialSet)
    gifts: SerialSet = field(default_factory=SerialSet)
    voids: list[Entry] = field(default_factory=list)
    gift_voids: list[Entry] = field(default_factory=list)

    def say_batch(self, entry: Entry) -> None:
        claimed_at = datetime.fromisoformat(entry.claimed_at)
        batch = self.batches.setdefault(entry.batch, _JournaledBatch(claimed_at, entry.batch_end))
        batch.first_claimed_at = min(batch.first_claimed_at, claimed_at)


def replay_claims(*, at: datetime, is_trial: bool, accept_differences: bool = False) -> Replay:
    """Bring back every journaled gift, claim and withdrawal that the database lacks, then ship what the
    journal lacks, set aside the manifests of days that are not sealed any more, and let the journal go on
    from here.

    Nothing else may write meanwhile. Interrupted at any moment, it can be run again. With `is_trial` it only
    says what it would do. A batch that was not minted or active yet becomes so; serials of batches that are
    lost are never given out again. As long as there are differences the journal is not released, unless
    `accept_differences`. Raises JournalMissing, JournalBroken (nothing is done), JournalBusy, SealKeyMissing,
    ReplayRefused (a batch can't be minted), LedgerError, OSError.
    """
    folder = Path(settings.CLAIM_JOURNAL_DIR)
    if not journal.tail(folder, limit=1):
        raise JournalMissing(f"there is no claim journal in {folder}")
    with journal.opened(folder) as book, journal.opened(gifts_folder(folder)) as gifts_book:
        journaled = _journaled(folder)  # reads the whole journal: a broken one stops here
        if not is_trial:
            _prepare(journaled.batches, at)
        replay = Replay()
        known = _known(journaled.gifts if is_trial else SerialSet())
        replay.issued, differences = replay_gifts(folder, known.batches, is_trial=is_trial)
        for difference in differences:
            replay.differ(difference)
        for step in _steps(_claims(folder)):
            _replay_step(step, known, replay, is_trial=is_trial)
        for entry in journaled.voids:
            _withdraw_again(entry, known, replay, None if is_trial else at)
        for entry in journaled.gift_voids:
            _withdraw_gift_again(entry, replay, None if is_trial else at)
        if not is_trial and (accept_differences or not replay.differences):
            replay.set_aside = ledger.set_aside_manifests(at=at)
            ranges = {(entry.claim, entry.batch_end) for entry in journaled.voids}
            ship_unjournaled_gifts(gifts_book, journaled.gifts.__contains__)
            release_gifts(gifts_book)
            gift_voids = {entry.claim for entry in journaled.gift_voids}
            replay.shipped = ship_unjournaled(book, journaled.claims.__contains__, ranges, gift_voids)
            _release(book)
        return replay


def _known(to_come: SerialSet) -> _Known:
    batches = {row.public_id.hex: row for row in Batch.objects.select_related("brand__program")}
    withdrawn: defaultdict[int, list[range]] = defaultdict(list)
    for batch_id, first, last in Void.objects.values_list("batch", "first_serial", "last_serial"):
        withdrawn[batch_id].append(range(first, last + 1))
    return _Known(batches, withdrawn, ClosedDay.objects.aggregate(until=Max("ends_at"))["until"], to_come)


def _claims(folder: Path) -> Iterator[Entry]:
    return (line.entry for line in journal.lines(folder) if line.entry.kind == Kind.CLAIM)


def _steps(entries: Iterable[Entry]) -> Iterator[list[Entry]]:
    rest = iter(entries)
    while step := list(itertools.islice(rest, CLAIMS_PER_STEP)):
        yield step


def _journaled(folder: Path) -> _Journaled:
    found = _Journaled()
    for line in journal.lines(folder):
        entry = line.entry
        if entry.kind == Kind.VOID:
            found.voids.append(entry)
        elif entry.kind == Kind.GIFT_VOID:
            found.gift_voids.append(entry)
        elif entry.kind == Kind.CLAIM:
            found.claims.add(entry.claim)
            found.say_batch(entry)
    for entry in journaled_gifts(folder):
        found.gifts.add(entry.claim)
        found.say_batch(entry)
    return found


def _prepare(journaled: dict[str, _JournaledBatch], at: datetime) -> None:
    """Batches to where they were when the first of their codes was claimed; series behind all serials."""
    known = {batch.public_id.hex: batch for batch in Batch.objects.all()}
    for public_id, said in journaled.items():
        batch = known.get(public_id)
        if batch is None:
            digit, end = divmod(said.batch_end - 1, SERIALS_PER_SERIES)
            Series.objects.filter(pk=digit, next_serial__lte=end).update(next_serial=end + 1)
        elif batch.state != BatchState.CLOSED:
            _open(batch, said.first_claimed_at, at)


def _open(batch: Batch, first_claimed_at: datetime, at: datetime) -> None:
    if batch.state in _UNMINTED:
        while mint_next_chunk(batch_id=batch.pk, at=at):
            pass
        batch.refresh_from_db()
        if batch.state in _UNMINTED:
            raise ReplayRefused(
                f"batch {batch.public_id} has claims in the journal and can't be minted now: stop the worker "
                "that has its file in hand, and run this again"
            )
    if batch.state == BatchState.MINTED:
        activate_batch(batch_id=batch.pk, at=first_claimed_at)
    late = Batch.objects.filter(pk=batch.pk, state=BatchState.ACTIVE, activated_at__gt=first_claimed_at)
    late.update(activated_at=first_claimed_at)


@transaction.atomic
def _replay_step(step: Sequence[Entry], known: _Known, replay: Replay, *, is_trial: bool) -> None:
    """Some claims in one transaction: all of them that are lacking, with everything that belongs to them."""
    there, gifts = _claims_there(step), gifts_to_claim(step, known.batches)
    lacking: dict[int, Entry] = {}
    for entry in step:
        replay.checked += 1
        batch = known.batches.get(entry.batch)
        earlier = there.get(entry.claim) or _told(lacking.get(entry.claim))
        if earlier is not None:
            replay.present += 1
            if earlier != _told(entry):
                replay.differ(
                    Difference(OTHER_CLAIM, f"claim {entry.claim}", str(_told(entry)), str(earlier))
                )
        elif batch is None:
            lost = replay.lost.setdefault(entry.batch, LostBatch(entry.brand))
            lost.codes, lost.points = lost.codes + 1, lost.points + entry.points
        elif obstacle := _obstacle(entry, batch, known, gifts):
            replay.differ(Difference(NO_ROOM, f"claim {entry.claim}", f"batch {batch.public_id}", obstacle))
        else:
            lacking[entry.claim] = entry
    replay.replayed += len(lacking)
    if lacking and not is_trial:
        _claim_again(list(lacking.values()), known.batches)


_Told = tuple[str, str, int]  # batch, member, points


def _told(entry: Entry | None) -> _Told | None:
    return None if entry is None else (entry.batch, entry.member, entry.points)


def _claims_there(step: Sequence[Entry]) -> dict[int, _Told]:
    rows = Claim.objects.filter(pk__in={entry.claim for entry in step}).values_list(
        "pk", "batch__public_id", "member__public_id", "points"
    )
    return {pk: (batch.hex, member.hex, points) for pk, batch, member, points in rows}


def _obstacle(entry: Entry, batch: Batch, known: _Known, gifts: dict[int, Gift]) -> str:
    place, closed_until = entry.claim - batch.first_claim_id, known.closed_until
    obstacles = {
        "closed": batch.state == BatchState.CLOSED,
        "serial outside its range": not 0 <= place < batch.size,
        f"{batch.face_points} points per code": not batch.issues_gifts and entry.points != batch.face_points,
        "withdrawn": any(batch.first_serial + place in part for part in known.withdrawn[batch.pk]),
        "its day was closed without it": closed_until is not None
        and datetime.fromisoformat(entry.claimed_at) < closed_until,
    }
    if batch.issues_gifts and entry.claim not in known.gifts_to_come:
        obstacle = obstacle_of_gift(entry, gifts.get(entry.claim))
        obstacles[obstacle] = bool(obstacle)
    return ", ".join(name for name, is_there in obstacles.items() if is_there)


def _claim_again(entries: Sequence[Entry], known: dict[str, Batch]) -> None:
    members = _members(entries)
    claim_gifts_again(entries, known)
    Claim.objects.bulk_create(
        Claim(
            pk=entry.claim,
            batch=known[entry.batch],
            member=members[entry.member],
            points=entry.points,
            claimed_at=datetime.fromisoformat(entry.claimed_at),
        )
        for entry in entries
    )
    wallets = _wallets(entries, known, members)
    for entry in entries:
        batch, member = known[entry.batch], members[entry.member]
        if batch.limit_per_member is not None:
            _count(batch.limit_group, member)
        _grant_again(entry, batch, wallets[member.pk, batch.brand.program_id])


def _members(entries: Sequence[Entry]) -> dict[str, Member]:
    """The members of the claims; one who joined after the restore point is made again, without a user."""
    wanted = {entry.member: entry for entry in reversed(entries)}
    there = {row.public_id.hex: row for row in Member.objects.filter(public_id__in=map(uuid.UUID, wanted))}
    for number, entry in wanted.items():
        if number not in there:
            joined_at = datetime.fromisoformat(entry.claimed_at)
            there[number] = Member.objects.create(public_id=uuid.UUID(number), joined_at=joined_at)
    return there


def _count(limit_group: str, member: Member) -> None:
    """One more claim of the member, whatever the limit: it was kept when the claim was made."""
    tally, is_new = ClaimTally.objects.get_or_create(
        limit_group=limit_group, member=member, defaults={"claims": 1}
    )
    if not is_new:
        ClaimTally.objects.filter(pk=tally.pk).update(claims=F("claims") + 1)


_Wallets = dict[tuple[int, int], int]  # account by member and program


def _wallets(entries: Sequence[Entry], known: dict[str, Batch], members: dict[str, Member]) -> _Wallets:
    rows = Account.objects.filter(kind=AccountKind.WALLET, member__in=members.values())
    there = {(member, program): pk for member, program, pk in rows.values_list("member", "program", "pk")}
    for entry in entries:
        member, program = members[entry.member], known[entry.batch].brand.program
        if (member.pk, program.pk) not in there:
            opened_at = datetime.fromisoformat(entry.claimed_at)
            wallet = ledger.open_wallet(member=member, program=program, at=opened_at)
            there[member.pk, program.pk] = wallet.pk
    return there


def _grant_again(entry: Entry, batch: Batch, wallet_id: int) -> None:
    with transaction.atomic(savepoint=False):  # inside the step's transaction, which the grant must not end
        ledger.grant_claimed(
            key=claim_key(entry.claim),
            unclaimed_id=batch.unclaimed_id,
            wallet_id=wallet_id,
            funder_id=batch.brand_id,
            points=entry.points,
            expires_at=datetime.fromisoformat(entry.expires_at),
            at=datetime.fromisoformat(entry.claimed_at),
        )


def _withdraw_again(entry: Entry, known: _Known, replay: Replay, at: datetime | None) -> None:
    """Withdraw, at `at`, what is not withdrawn of the range; without `at` only count it."""
    batch = known.batches.get(entry.batch)
    if batch is None or batch.state == BatchState.CLOSED:
        return  # nothing of it can be claimed
    first = entry.claim - batch.first_claim_id + batch.first_serial
    last = first + entry.batch_end - entry.claim - 1
    rest = first
    for part in sorted(known.withdrawn[batch.pk], key=lambda part: part.start):
        rest = max(rest, part.stop) if part.start <= rest else rest
    if rest > last:
        return
    requested_by, approved_by = (_person(said) for said in (entry.requested_by, entry.approved_by))
    if requested_by is None or approved_by is None:
        subject = f"serials {first} to {last} of batch {batch.public_id}"
        replay.differ(Difference(WITHDRAWN, subject, "withdrawn", "not, and who did it is not known here"))
        return
    replay.withdrawn += 1
    if at is not None:
        void_codes(
            batch_id=batch.pk,
            first_serial=first,
            last_serial=last,
            reason=AGAIN,
            requested_by=requested_by,
            approved_by=approved_by,
            at=at,
        )
        known.withdrawn[batch.pk].append(range(first, last + 1))


def _withdraw_gift_again(entry: Entry, replay: Replay, at: datetime | None) -> None:
    is_done, difference = withdraw_gift_again(entry, at)
    replay.withdrawn += is_done
    if difference is not None:
        replay.differ(difference)


def _person(said: str) -> User | None:
    number = said.partition("@")[0]
    user = User.objects.filter(pk=number).first() if number.isdecimal() else None
    return user if user is not None and person_of(user) == said else None


def _release(book: Journal) -> None:
    """From here on posting ids count anew; what was replayed is not shipped again."""
    newest = Posting.objects.aggregate(newest=Max("pk"))["newest"] or 0
    book.append([mark(Kind.RESTORED, newest)])
