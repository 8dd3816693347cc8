"""After a restore: every journaled claim is back where it was, once, and its code can't be claimed again."""

from collections.abc import Iterator
from datetime import timedelta
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from pytest_django.fixtures import Settings

from campaigns import audit as campaigns_audit
from giftcodes import audit as giftcodes_audit
from giftcodes import journal, restores
from giftcodes import services as giftcodes
from giftcodes.errors import CodeNotUsable, JournalBroken, JournalBusy, JournalMissing, ReplayRefused
from giftcodes.journal import Kind
from giftcodes.models import Activation, Batch, BatchState, Claim, ClaimTally, Series
from giftcodes.services import replays
from ledger import audit as ledger_audit
from ledger import queries as ledger_queries
from ledger.models import Lot, Transfer
from parties.models import Member
from tests import make
from tests.make import NOON
from tests.restoring import lost_by_a_restore

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def folder(settings: Settings, tmp_path: Path) -> Iterator[Path]:
    settings.CLAIM_JOURNAL_DIR = tmp_path / "journal"
    yield tmp_path / "journal"
    assert [
        *ledger_audit.differences(),
        *giftcodes_audit.differences(),
        *campaigns_audit.differences(),
    ] == []


def claim(batch: Batch, place: int, member: Member) -> int:
    return giftcodes.claim_code(text=make.code_of(batch, place), member=member, at=NOON).serial_number


def replay(*, is_trial: bool = False) -> giftcodes.Replay:
    return giftcodes.replay_claims(at=NOON + timedelta(hours=1), is_trial=is_trial)


def ship() -> int:
    return giftcodes.ship_claims(begin=True)


def balance(batch: Batch, member: Member) -> int:
    return ledger_queries.wallet_balance(member, batch.brand.program_id)


def everything() -> list[object]:
    """What the claims left in the database, but for the ids that are given out anew."""
    return [
        list(Claim.objects.order_by("pk").values("pk", "batch", "member__public_id", "points", "claimed_at")),
        list(Transfer.objects.order_by("pk").values("pk", "key", "reason", "posted_at")),
        list(
            Lot.objects.order_by("transfer").values(
                "transfer",
                "wallet__label",
                "funder",
                "granted_points",
                "remaining_points",
                "granted_at",
                "expires_at",
            )
        ),
        list(ClaimTally.objects.order_by("pk").values("limit_group", "member__public_id", "claims")),
    ]


def test_what_was_claimed_after_the_restored_moment_is_back_as_it_was(folder: Path) -> None:
    batch = make.live_batch(size=8, limit_per_member=3)
    old = make.member()
    claim(batch, 0, old)
    with lost_by_a_restore():
        new = make.member()
        for place, member in [(1, old), (2, new), (3, new)]:
            claim(batch, place, member)
        ship()
        before, number = everything(), new.public_id

    done = replay()

    assert (done.checked, done.present, done.replayed, done.lost, done.differences) == (4, 1, 3, {}, [])
    assert everything() == before
    again = Member.objects.get(public_id=number)
    assert again.user is None
    assert (balance(batch, old), balance(batch, again)) == (1_000, 1_000)
    assert restores.disagreement(folder) is None


def test_no_replayed_code_can_be_claimed_again_but_its_owner_is_told_so() -> None:
    batch, owner, other = make.live_batch(size=4), make.member(), make.member()
    with lost_by_a_restore():
        firsts = [
            giftcodes.claim_code(text=make.code_of(batch, place), member=owner, at=NOON) for place in range(4)
        ]
        ship()
    replay()

    for place, first in enumerate(firsts):
        with pytest.raises(CodeNotUsable):
            giftcodes.claim_code(text=make.code_of(batch, place), member=other, at=NOON)
        again = giftcodes.claim_code(text=make.code_of(batch, place), member=owner, at=NOON)
        assert again == first._replace(is_repeat=True, balance=2_000)
    assert (balance(batch, owner), balance(batch, other)) == (2_000, 0)


def test_control_without_a_replay_the_code_brings_points_again() -> None:
    batch, other = make.live_batch(size=1), make.member()
    with lost_by_a_restore():
        claim(batch, 0, make.member())
        ship()
    assert claim(batch, 0, other) == batch.first_claim_id


def test_a_limit_that_was_used_up_stays_used_up() -> None:
    batch, member = make.live_batch(size=4, limit_per_member=2), make.member()
    with lost_by_a_restore():
        claim(batch, 0, member)
        claim(batch, 1, member)
        ship()
    replay()
    with pytest.raises(CodeNotUsable):
        claim(batch, 2, member)


def test_running_it_again_changes_nothing(folder: Path) -> None:
    batch = make.live_batch()
    with lost_by_a_restore():
        claim(batch, 0, make.member())
        ship()
    replay()
    before = everything()
    done = replay()
    assert (done.present, done.replayed) == (1, 0)
    assert everything() == before
    assert ship() == 0


def test_a_dry_run_counts_and_changes_nothing(folder: Path) -> None:
    batch = make.live_batch()
    with lost_by_a_restore():
        claim(batch, 0, make.member())
        ship()
    before, lines = everything(), list(journal.lines(folder))
    assert replay(is_trial=True).replayed == 1
    assert everything() == before
    assert list(journal.lines(folder)) == lines
    assert restores.disagreement(folder) is not None


def test_a_replay_that_dies_on_the_way_goes_on_where_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replays, "CLAIMS_PER_STEP", 2)
    batch, members = make.live_batch(size=6), [make.member() for _ in range(6)]
    with lost_by_a_restore():
        for place, member in enumerate(members):
            claim(batch, place, member)
        ship()
    grant = replays._grant_again
    with monkeypatch.context() as patch:

        def die_at_the_fourth(entry: journal.Entry, batch: Batch, wallet_id: int) -> None:
            if entry.claim == batch.first_claim_id + 3:
                raise InterruptedError
            grant(entry, batch, wallet_id)

        patch.setattr(replays, "_grant_again", die_at_the_fourth)
        with pytest.raises(InterruptedError):
            replay()
    assert Claim.objects.count() == 2  # whole steps only
    assert replay().replayed == 4
    assert [balance(batch, member) for member in members] == [500] * 6


def test_new_claims_are_shipped_behind_a_replay_and_a_second_restore_is_replayed_too(folder: Path) -> None:
    batch, member = make.live_batch(size=8), make.member()
    with lost_by_a_restore():
        with lost_by_a_restore():
            claim(batch, 0, member)
            claim(batch, 1, member)
            ship()
        replay()
        assert ship() == 0
        claim(batch, 2, member)
        assert ship() == 1
        assert restores.disagreement(folder) is None
    assert restores.disagreement(folder) is not None

    assert replay().replayed == 3

    assert Claim.objects.count() == 3
    assert balance(batch, member) == 1_500
    assert restores.disagreement(folder) is None
    claim(batch, 3, member)
    assert ship() == 1
    kinds = [line.entry.kind for line in journal.lines(folder)]
    assert kinds == [
        Kind.BEGUN,
        *[Kind.CLAIM] * 2,
        Kind.RESTORED,
        Kind.CLAIM,
        Kind.RESTORED,
        Kind.CLAIM,
    ]


def test_a_restore_to_a_moment_between_two_replays_is_noticed(folder: Path) -> None:
    batch, member = make.live_batch(size=8), make.member()
    with lost_by_a_restore():
        claim(batch, 0, member)
        ship()
    with lost_by_a_restore():
        replay()
        assert restores.disagreement(folder) is None
    assert restores.disagreement(folder) is not None
    assert replay().replayed == 1


def test_a_batch_that_was_not_active_yet_is_active_since_its_first_claim() -> None:
    batch = make.live_batch()
    Batch.objects.filter(pk=batch.pk).update(state=BatchState.MINTED, activated_at=None)
    with lost_by_a_restore():
        giftcodes.activate_batch(batch_id=batch.pk, at=NOON)
        claim(batch, 0, make.member())
        ship()
    replay()
    batch.refresh_from_db()
    assert (batch.state, batch.activated_at) == (BatchState.ACTIVE, NOON)


@pytest.mark.parametrize("activation", Activation)
def test_a_batch_that_was_not_minted_yet_is_minted_first(activation: Activation) -> None:
    batch = make.batch(size=2_500, activation=activation)
    giftcodes.mint_next_chunk(batch_id=batch.pk, at=NOON)
    with lost_by_a_restore():
        while giftcodes.mint_next_chunk(batch_id=batch.pk, at=NOON):
            pass
        giftcodes.activate_batch(batch_id=batch.pk, at=NOON)
        claim(batch, 2_499, make.member())
        ship()
        batch.refresh_from_db()
        sealed = batch.delivery.sealed_sha256
    assert replay().replayed == 1
    batch = Batch.objects.get(pk=batch.pk)
    assert (batch.state, batch.activated_at) == (BatchState.ACTIVE, NOON)
    assert batch.delivery.sealed_sha256 == sealed  # the file that was handed over


def test_a_batch_that_can_not_be_minted_now_stops_the_replay(monkeypatch: pytest.MonkeyPatch) -> None:
    batch = make.batch(size=1_000)
    with lost_by_a_restore():
        while giftcodes.mint_next_chunk(batch_id=batch.pk, at=NOON):
            pass
        claim(batch, 0, make.member())
        ship()
    monkeypatch.setattr(replays, "mint_next_chunk", lambda **_: False)  # as if a worker had its file in hand
    with pytest.raises(ReplayRefused, match="stop the worker"):
        replay()
    assert Claim.objects.count() == 0


def test_a_batch_approved_after_the_restored_moment_is_named_and_its_serials_never_given_out_again() -> None:
    kept = make.live_batch()
    with lost_by_a_restore():
        gone = make.live_batch(size=100)
        number, end = gone.public_id.hex, gone.first_serial + gone.size
        claim(gone, 3, make.member())
        claim(gone, 9, make.member())
        claim(kept, 0, make.member())
        ship()

    done = replay()

    assert (done.replayed, done.differences) == (1, [])
    assert {batch: (lost.codes, lost.points) for batch, lost in done.lost.items()} == {number: (2, 1_000)}
    assert Series.objects.get(digit=1).next_serial == end
    assert make.live_batch().first_serial == end


def test_a_claim_that_another_member_has_by_now_is_named_and_nothing_is_released(folder: Path) -> None:
    batch, thief = make.live_batch(), make.member()
    with lost_by_a_restore():
        claim(batch, 0, make.member())
        claim(batch, 1, thief)
        ship()
    claim(batch, 0, thief)  # the doors were open before the replay: under the id of the posting that is lost
    assert restores.disagreement(folder) is not None

    said, complaints = StringIO(), StringIO()
    with pytest.raises(SystemExit):
        call_command("replay_claims", stdout=said, stderr=complaints)

    assert f"claim {batch.first_claim_id}" in complaints.getvalue()
    assert Claim.objects.get(pk=batch.first_claim_id).member == thief
    assert Claim.objects.count() == 2  # the other one is there again
    assert restores.disagreement(folder) is not None
    call_command("replay_claims", "--accept-differences", stdout=said, stderr=complaints)
    assert restores.disagreement(folder) is None


def test_a_claim_that_no_longer_fits_its_batch_is_named(folder: Path) -> None:
    batch = make.live_batch()
    with lost_by_a_restore():
        claim(batch, 0, make.member())
        ship()
    giftcodes.close_batch(batch_id=batch.pk, at=batch.claim_until)
    done = replay()
    assert [(difference.check, difference.found) for difference in done.differences] == [
        (replays.NO_ROOM, "closed")
    ]
    assert Claim.objects.count() == 0


def test_a_broken_journal_is_not_replayed_at_all(folder: Path) -> None:
    batch = make.live_batch()
    with lost_by_a_restore():
        for place in range(3):
            claim(batch, place, make.member())
        ship()
    path = folder / "journal-000001.jsonl"
    path.write_bytes(path.read_bytes().replace(b'"points":500', b'"points":900', 1))
    with pytest.raises(JournalBroken, match="line 2"):
        replay()
    with pytest.raises(CommandError, match="line 2"):
        call_command("replay_claims")
    assert Claim.objects.count() == 0


def test_a_replay_needs_a_journal_and_has_it_to_itself(folder: Path) -> None:
    with pytest.raises(JournalMissing):
        replay()
    ship()
    with journal.opened(folder), pytest.raises(JournalBusy):
        replay()


def test_the_command_says_what_it_did_and_ends_with_the_audit() -> None:
    batch = make.live_batch()
    with lost_by_a_restore():
        claim(batch, 0, make.member())
        ship()
    said = StringIO()
    call_command("replay_claims", "--dry-run", stdout=said)
    assert Claim.objects.count() == 0
    call_command("replay_claims", stdout=said)
    assert Claim.objects.count() == 1
    assert len(said.getvalue().splitlines()) == 5  # two counts, two durations, and the audit's line
