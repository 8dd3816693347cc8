"""What is done to the database of the restore drill, step by step; each in a process of its own."""

from datetime import timedelta

from giftcodes import services as giftcodes
from giftcodes.errors import CodeNotUsable
from giftcodes.models import Batch, Claim
from giftcodes.services import Claimed
from ledger.statements import database_time
from parties.models import Member
from tests import make

Owners = dict[int, list[object]]
MEMBERS = 5


def before_the_backup(size: int, claims: int) -> int:
    """A batch that can be claimed, members, some claims, all shipped; how many were."""
    now = database_time()
    window = {"claim_from": now - timedelta(days=1), "claim_until": now + timedelta(days=30)}
    batch = make.live_batch(size=size, limit_per_member=size, approved_at=now, **window)
    Batch.objects.filter(pk=batch.pk).update(minted_at=now, activated_at=now)
    for _ in range(MEMBERS):
        make.member()
    _claim_all(0, claims)
    return giftcodes.ship_claims(begin=True)


def after_the_backup(start: int, shipped: int, unshipped: int) -> list[Owners]:
    """More claims, by new members too, the last of them not shipped; who has what in the journal, and in the
    database.
    """
    make.member()
    make.member()
    _claim_all(start, start + shipped)
    giftcodes.ship_claims(begin=False)
    journaled = owners()
    _claim_all(start + shipped, start + shipped + unshipped)
    return [journaled, owners()]


def owners() -> Owners:
    """Who has claimed what, when, for how much."""
    rows = Claim.objects.order_by("pk").values_list("pk", "member__public_id", "claimed_at", "points")
    return {pk: [str(member), at.isoformat(), points] for pk, member, at, points in rows}


def claim_everything_again(new: int) -> dict[str, int]:
    """Every claimed code once by another member and once by its own, how many were refused and known; then
    some new ones, and how many of these were shipped.
    """
    batch, stranger, claimed = Batch.objects.get(), make.member(), Claim.objects.select_related("member")
    places = {row.pk - batch.first_claim_id: row for row in claimed}
    refused = known = 0
    for place, row in places.items():
        try:
            _claim(place, stranger)
        except CodeNotUsable:
            refused += 1
        again = _claim(place, row.member)
        known += again.is_repeat and again.claimed_at == row.claimed_at
    _claim_all(len(places), len(places) + new)
    return {"refused": refused, "known": known, "shipped": giftcodes.ship_claims(begin=False)}


def _claim_all(start: int, end: int) -> None:
    """The codes from place `start` to before `end`, by all members in turn."""
    members = list(Member.objects.order_by("pk"))
    for place in range(start, end):
        assert not _claim(place, members[place % len(members)]).is_repeat


def _claim(place: int, member: Member) -> Claimed:
    return giftcodes.claim_code(text=make.code_of(Batch.objects.get(), place), member=member)
