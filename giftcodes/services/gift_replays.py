"""After a restore to an earlier moment: gifts that were issued since, from their journal back into the
database, before their claims are. So no serial is issued a second time, and the same key still gives the same
gift.

A gift comes back without its recipient and metadata, which the journal does not hold. The client of a request
may be lost with the restore; then its requests are recorded under another client of the brand, with a digest
that no key has.
"""

import itertools
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from pathlib import Path
from uuid import UUID

from django.db import transaction
from django.db.models import Max, Sum

from giftcodes import journal, restores
from giftcodes.errors import GiftClaimed
from giftcodes.gift_models import Gift, GiftRequest, GiftState, GiftStrand
from giftcodes.journal import Entry, Kind
from giftcodes.models import Batch, BatchState, claim_id_of
from giftcodes.services.draws import spread_points
from giftcodes.services.gift_ends import void_gift
from giftcodes.services.gift_wishes import digest_of_key
from ledger.audit import Difference
from parties.api_models import ApiClient

OTHER_GIFT = "a journaled gift is the gift in the database"
NO_ROOM_FOR_GIFT = "a journaled gift fits its batch"
WITHDRAWN_GIFT = "a gift that the journal says is withdrawn is withdrawn"
AGAIN = "withdrawn before a restore: from the claim journal"


def journaled_gifts(folder: Path) -> Iterator[Entry]:
    """Every gift that the journal has, in the order of the requests."""
    lines = journal.lines(restores.gifts_folder(folder))
    return (line.entry for line in lines if line.entry.kind == Kind.GIFT)


def replay_gifts(folder: Path, known: dict[str, Batch], *, is_trial: bool) -> tuple[int, list[Difference]]:
    """Bring back every journaled gift that the database lacks, in batches that it knows; how many, and what
    stands against the others. Only while nothing else writes; can be run again.
    """
    differences: list[Difference] = []
    replayed, touched = 0, set()
    for _, group in itertools.groupby(journaled_gifts(folder), key=_request_of):
        gifts = list(group)
        batch = known.get(gifts[0].batch)
        if batch is None or len(gifts) != gifts[0].gifts:
            continue  # lost with its keys, or torn while it was written: nobody has claimed of it
        lacking = _lacking(gifts, differences)
        if obstacle := _obstacle(lacking, batch) if lacking else "":
            subject = f"gift {lacking[0].claim}"
            differences.append(Difference(NO_ROOM_FOR_GIFT, subject, f"batch {batch.public_id}", obstacle))
            continue
        replayed += len(lacking)
        if lacking and not is_trial:
            _issue_again(lacking, batch)
            touched.add(batch.pk)
    for batch in known.values():
        if batch.pk in touched:
            differences += _go_on(batch)
    return replayed, differences


def _request_of(entry: Entry) -> tuple[str, str]:
    return entry.client, entry.key_digest


def _lacking(gifts: Sequence[Entry], differences: list[Difference]) -> list[Entry]:
    there = Gift.objects.in_bulk([entry.claim for entry in gifts])
    for entry in gifts:
        row = there.get(entry.claim)
        if row is not None and (row.public_id.hex, row.points) != (entry.gift, entry.points):
            found = f"{row.public_id.hex} of {row.points} points"
            expected = f"{entry.gift} of {entry.points} points"
            differences.append(Difference(OTHER_GIFT, f"gift {entry.claim}", expected, found))
    return [entry for entry in gifts if entry.claim not in there]


def _obstacle(lacking: Sequence[Entry], batch: Batch) -> str:
    obstacles = {
        "closed": batch.state == BatchState.CLOSED,
        "codes of a file": not batch.issues_gifts,
        "serial outside its range": not all(
            batch.first_claim_id <= entry.claim < batch.end_claim_id for entry in lacking
        ),
        "no client of the brand is known": not ApiClient.objects.filter(brand=batch.brand_id).exists(),
    }
    return ", ".join(name for name, is_there in obstacles.items() if is_there)


@transaction.atomic
def _issue_again(lacking: Sequence[Entry], batch: Batch) -> None:
    first = lacking[0]
    client = ApiClient.objects.filter(public_id=UUID(first.client)).first()
    digest = first.key_digest
    if client is None:
        client = ApiClient.objects.filter(brand=batch.brand_id).order_by("pk")[0]
        digest = digest_of_key(f"{first.client}:{first.key_digest}")
    request, _is_new = GiftRequest.objects.get_or_create(
        client=client,
        key_digest=digest,
        defaults={
            "fingerprint": first.fingerprint,
            "batch": batch,
            "gifts": first.gifts,
            "requested_at": datetime.fromisoformat(first.claimed_at),
        },
    )
    Gift.objects.bulk_create(
        Gift(
            pk=entry.claim,
            public_id=UUID(entry.gift),
            brand_id=batch.brand_id,
            batch=batch,
            request=request,
            position=entry.position,
            points=entry.points,
            claim_until=datetime.fromisoformat(entry.expires_at),
            issued_at=datetime.fromisoformat(entry.claimed_at),
        )
        for entry in lacking
    )


@transaction.atomic
def _go_on(batch: Batch) -> list[Difference]:
    """Let the strands go on behind everything that was issued, with the points that are left."""
    strands = list(GiftStrand.objects.select_for_update().filter(batch=batch).order_by("place"))
    begin = batch.first_serial
    for strand in strands:
        base = claim_id_of(batch.series_id, 0)
        issued = Gift.objects.filter(pk__gte=base + begin, pk__lt=base + strand.end_serial)
        last = issued.aggregate(last=Max("pk"))["last"]
        strand.next_serial = max(strand.next_serial, begin if last is None else last - base + 1)
        begin = strand.end_serial
    issued_points = Gift.objects.filter(batch=batch).aggregate(points=Sum("points"))["points"] or 0
    left = batch.size * batch.face_points - issued_points
    spread_points(strands, max(left, 0))
    if left >= 0:
        return []
    subject = f"batch {batch.public_id}"
    return [Difference(NO_ROOM_FOR_GIFT, subject, "points for its gifts", f"{-left} points too few")]


def gifts_to_claim(entries: Iterable[Entry], known: dict[str, Batch]) -> dict[int, Gift]:
    """The gifts that the claims are of, by serial number."""
    ids = [entry.claim for entry in entries if entry.batch in known and known[entry.batch].issues_gifts]
    return Gift.objects.in_bulk(ids) if ids else {}


def obstacle_of_gift(entry: Entry, gift: Gift | None) -> str:
    """What stands against replaying the claim of a gift; "" if nothing does."""
    if gift is None:
        return "not issued"
    if gift.state != GiftState.ISSUED:
        return gift.get_state_display()
    return "" if gift.points == entry.points else f"{gift.points} points"


def claim_gifts_again(entries: Iterable[Entry], known: dict[str, Batch]) -> None:
    """End the gifts of claims that are being made again."""
    by_moment: dict[str, list[int]] = defaultdict(list)
    for entry in entries:
        if known[entry.batch].issues_gifts:
            by_moment[entry.claimed_at].append(entry.claim)
    for moment, ids in by_moment.items():
        Gift.objects.filter(pk__in=ids, state=GiftState.ISSUED).update(
            state=GiftState.CLAIMED, ended_at=datetime.fromisoformat(moment)
        )


def withdraw_gift_again(entry: Entry, at: datetime | None) -> tuple[bool, Difference | None]:
    """Withdraw the gift, at `at`; without `at` only say whether there is something to do."""
    gift = Gift.objects.filter(pk=entry.claim).first()
    if gift is None or gift.state in (GiftState.VOIDED, GiftState.EXPIRED):
        return False, None
    client = ApiClient.objects.filter(public_id=UUID(entry.client)).first()
    client = client or ApiClient.objects.filter(brand=gift.brand_id).order_by("pk").first()
    if client is not None and gift.state == GiftState.ISSUED:
        try:
            if at is not None:
                void_gift(gift=gift, client=client, reason=AGAIN, at=at)
            return True, None
        except GiftClaimed:
            pass
    found = "not, and no client is known" if client is None else "claimed"
    return False, Difference(WITHDRAWN_GIFT, f"gift {gift.pk}", "withdrawn", found)
