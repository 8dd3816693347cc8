"""After a restore to an earlier moment: claims from the journal back into the database, doors closed.

Each claim is made again as it was: same row, same transfer key, same moment, same end of its points, in the
same member's wallet. What the journal does not hold (spending, orders, people) is not brought back.
"""

import itertools
import uuid
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from django.conf import settings
from django.db import transaction
from django.db.models import F, Max

from giftcodes import journal
from giftcodes.errors import JournalMissing, ReplayRefused
from giftcodes.journal import Entry, Journal, Kind
from giftcodes.models import SERIALS_PER_SERIES, Batch, BatchState, Claim, ClaimTally, Series, claim_key
from giftcodes.services.batches import activate_batch
from giftcodes.services.minting import mint_next_chunk
from giftcodes.services.shipping import mark
from ledger import services as ledger
from ledger.audit import Difference
from ledger.models import Account, AccountKind, Posting
from parties.models import Member

CLAIMS_PER_STEP = 500
MAX_DIFFERENCES = 1_000
OTHER_CLAIM = "a journaled claim is the claim in the database"
NO_ROOM = "a journaled claim fits its batch"
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


def replay_claims(*, at: datetime, is_trial: bool, accept_differences: bool = False) -> Replay:
    """Bring back every journaled claim that the database lacks, then let the journal go on from here.

    Nothing else may write meanwhile. Interrupted at any moment, it can be run again. With `is_trial` it only
    says what it would do. A batch that was not minted or active yet becomes so; serials of batches that are
    lost are never given out again. As long as there are differences the journal is not released, unless
    `accept_differences`. Raises JournalMissing, JournalBroken (nothing is done), JournalBusy, SealKeyMissing,
    ReplayRefused (a batch can't be minted), LedgerError, OSError.
    """
    folder = Path(settings.CLAIM_JOURNAL_DIR)
    if not journal.tail(folder, limit=1):
        raise JournalMissing(f"there is no claim journal in {folder}")
    with journal.opened(folder) as book:
        journaled = _journaled_batches(folder)  # reads the whole journal: a broken one stops here
        if not is_trial:
            _prepare(journaled, at)
        replay = Replay()
        known = {row.public_id.hex: row for row in Batch.objects.select_related("brand__program")}
        for step in _steps(_claims(folder)):
            _replay_step(step, known, replay, is_trial=is_trial)
        if not is_trial and (accept_differences or not replay.differences):
            _release(book)
        return replay


def _claims(folder: Path) -> Iterator[Entry]:
    return (line.entry for line in journal.lines(folder) if line.entry.kind == Kind.CLAIM)


def _steps(entries: Iterable[Entry]) -> Iterator[list[Entry]]:
    rest = iter(entries)
    while step := list(itertools.islice(rest, CLAIMS_PER_STEP)):
        yield step


def _journaled_batches(folder: Path) -> dict[str, _JournaledBatch]:
    found: dict[str, _JournaledBatch] = {}
    for entry in _claims(folder):
        claimed_at = datetime.fromisoformat(entry.claimed_at)
        batch = found.setdefault(entry.batch, _JournaledBatch(claimed_at, entry.batch_end))
        batch.first_claimed_at = min(batch.first_claimed_at, claimed_at)
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
def _replay_step(step: Sequence[Entry], known: dict[str, Batch], replay: Replay, *, is_trial: bool) -> None:
    """Some claims in one transaction: all of them that are lacking, with everything that belongs to them."""
    there = _claims_there(step)
    lacking: dict[int, Entry] = {}
    for entry in step:
        replay.checked += 1
        batch = known.get(entry.batch)
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
        elif obstacle := _obstacle(entry, batch):
            replay.differ(Difference(NO_ROOM, f"claim {entry.claim}", f"batch {batch.public_id}", obstacle))
        else:
            lacking[entry.claim] = entry
    replay.replayed += len(lacking)
    if lacking and not is_trial:
        _claim_again(list(lacking.values()), known)


_Told = tuple[str, str, int]  # batch, member, points


def _told(entry: Entry | None) -> _Told | None:
    return None if entry is None else (entry.batch, entry.member, entry.points)


def _claims_there(step: Sequence[Entry]) -> dict[int, _Told]:
    rows = Claim.objects.filter(pk__in={entry.claim for entry in step}).values_list(
        "pk", "batch__public_id", "member__public_id", "points"
    )
    return {pk: (batch.hex, member.hex, points) for pk, batch, member, points in rows}


def _obstacle(entry: Entry, batch: Batch) -> str:
    if batch.state == BatchState.CLOSED:
        return "closed"
    if not batch.first_claim_id <= entry.claim < batch.end_claim_id:
        return "serial outside its range"
    return "" if entry.points == batch.face_points else f"{batch.face_points} points per code"


def _claim_again(entries: Sequence[Entry], known: dict[str, Batch]) -> None:
    members = _members(entries)
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


def _release(book: Journal) -> None:
    """From here on posting ids count anew; what was replayed is not shipped again."""
    newest = Posting.objects.aggregate(newest=Max("pk"))["newest"] or 0
    book.append([mark(Kind.RESTORED, newest)])
