"""A replay that comes late, or not alone: the doors were open, a worker was at it, days were sealed, or the
journal was behind. Nothing that either of the two knows is lost by it.
"""

from collections.abc import Iterator
from datetime import timedelta
from io import StringIO
from pathlib import Path

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command

from giftcodes import audit as giftcodes_audit
from giftcodes import journal, restores
from giftcodes import services as giftcodes
from giftcodes.errors import CodeNotUsable
from giftcodes.journal import Kind
from giftcodes.models import Batch, Claim, Void
from giftcodes.services import replays
from ledger import audit as ledger_audit
from ledger import queries as ledger_queries
from ledger import seal_audit, seals
from ledger import services as ledger
from ledger.errors import SealRefused
from parties.models import Member, Role, User
from tests import make
from tests.giftcodes import withdrawals
from tests.make import NOON
from tests.restoring import lost_by_a_restore

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def folder() -> Iterator[Path]:
    yield settings.CLAIM_JOURNAL_DIR
    assert [*ledger_audit.differences(), *giftcodes_audit.differences()] == []


def claim(batch: Batch, place: int, member: Member) -> int:
    return giftcodes.claim_code(text=make.code_of(batch, place), member=member, at=NOON).serial_number


def replay() -> giftcodes.Replay:
    return giftcodes.replay_claims(at=NOON + timedelta(hours=1), is_trial=False)


def ship() -> int:
    return giftcodes.ship_claims(begin=True)


def test_claims_that_the_journal_has_not_seen_yet_are_shipped_before_it_goes_on(folder: Path) -> None:
    batch, member = make.live_batch(size=8), make.member()
    claim(batch, 0, member)
    ship()
    unshipped = [claim(batch, 5, member), claim(batch, 2, member)]  # the journal's disk was away
    with lost_by_a_restore():
        done = replay()
        assert (done.replayed, done.shipped) == (0, 2)
        assert ship() == 0
        assert [line.entry.claim for line in journal.lines(folder)][2:] == [*unshipped, 0]
        assert replay().shipped == 0


def test_claims_made_before_the_replay_with_the_doors_open_are_shipped_too(folder: Path) -> None:
    batch, member = make.live_batch(size=8), make.member()
    with lost_by_a_restore():
        claim(batch, 0, member)
        claim(batch, 1, member)
        ship()
    with lost_by_a_restore():
        early = claim(batch, 7, member)
        done = replay()
        assert (done.replayed, done.shipped) == (2, 1)
    assert replay().replayed == 3  # a second restore loses none of them
    assert Claim.objects.filter(pk=early).exists()


def test_a_claim_whose_code_was_withdrawn_since_is_named_and_not_made_again() -> None:
    batch = make.live_batch(size=4)
    with lost_by_a_restore():
        claim(batch, 1, make.member())
        claim(batch, 2, make.member())
        ship()
    first = batch.first_serial
    giftcodes.void_codes(
        batch_id=batch.pk,
        first_serial=first + 2,
        last_serial=first + 3,
        reason="lost in the post",
        requested_by=make.user(),
        approved_by=make.user(),
        at=NOON,
    )
    done = replay()
    assert [(one.subject, one.found) for one in done.differences] == [
        (f"claim {batch.first_claim_id + 2}", "withdrawn")
    ]
    assert (done.replayed, Claim.objects.count()) == (1, 1)


def test_a_claim_of_a_day_that_was_closed_since_is_named_and_the_sealed_day_stays_as_it_is(
    folder: Path,
) -> None:
    batch = make.live_batch()
    with lost_by_a_restore():
        claim(batch, 0, make.member())
        ship()
    ledger.seal_due_days(at=NOON + timedelta(days=2), limit=9)  # by a worker that nobody had stopped

    done = replay()

    assert [(one.check, one.found) for one in done.differences] == [
        (replays.NO_ROOM, "its day was closed without it")
    ]
    assert not Claim.objects.exists()
    assert restores.disagreement(folder) is not None
    assert list(seal_audit.differences()) == []


def test_days_that_were_sealed_after_the_restored_moment_are_set_aside_and_sealed_anew() -> None:
    batch, member = make.live_batch(size=4), make.member()
    tomorrow = NOON + timedelta(days=1)
    ledger.seal_due_days(at=NOON, limit=9)
    with lost_by_a_restore():
        claim(batch, 0, member)
        ledger.deposit_funds(brand=batch.brand, points=100, key="lost", at=NOON)  # no journal brings it back
        ship()
        ledger.seal_due_days(at=tomorrow, limit=9)
    manifests = seals.manifests_in(settings.SEALS_DIR)
    said = {path: path.read_bytes() for path in manifests.values()}
    assert {day for day, _program in manifests} == {"2026-11-01", "2026-11-02"}

    out = StringIO()
    call_command("replay_claims", "--dry-run", stdout=out)
    assert seals.manifests_in(settings.SEALS_DIR) == manifests
    call_command("replay_claims", stdout=out)  # ends with the audit, which finds nothing

    (aside,) = settings.SEALS_DIR.glob("before-restore-*")
    assert str(aside) in out.getvalue()
    kept = {path.name: path.read_bytes() for path in aside.rglob("*.seal")}
    assert kept == {path.name: text for path, text in said.items() if path.stem == "2026-11-02"}
    assert ledger.seal_due_days(at=tomorrow, limit=9) == 1
    assert list(seal_audit.differences()) == []
    assert replay().set_aside is None


def test_control_without_a_replay_such_a_day_can_not_be_sealed() -> None:
    batch = make.live_batch()
    with lost_by_a_restore():
        claim(batch, 0, make.member())
        ledger.seal_due_days(at=NOON + timedelta(days=1), limit=9)
    with pytest.raises(SealRefused, match=r"run manage\.py replay_claims"):
        ledger.seal_due_days(at=NOON + timedelta(days=1), limit=9)


def test_a_collision_in_the_database_is_a_sentence_and_no_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    batch = make.live_batch()
    with lost_by_a_restore():
        claim(batch, 0, make.member())
        ship()
    monkeypatch.setattr(replays, "_claims_there", lambda _step: {})  # as if it were claimed just behind it
    claim(batch, 0, make.member())
    with pytest.raises(CommandError, match="まだサイトを開けないでください"):
        call_command("replay_claims")


def test_what_two_people_withdrew_by_a_list_is_withdrawn_again_range_by_range(folder: Path) -> None:
    told = withdrawals.scene(size=8)
    alone = make.staff(Role.SUPPORT, told.batch.brand)
    with lost_by_a_restore():
        told.claim(7)
        told.approve(told.ask(told.spans(0, 2, 3, 5)))
        giftcodes.void_one(
            serial_number=told.batch.first_claim_id + 6,
            reason="misprint",
            user=alone,
            verified_at=NOON,
            at=NOON,
        )
        assert ship() == 1
        assert [line.entry.kind for line in journal.lines(folder)].count(Kind.VOID) == 4
    done = replay()
    assert (done.replayed, done.withdrawn, done.differences) == (1, 4, [])
    assert [void.codes for void in Void.objects.order_by("first_serial")] == [1, 2, 1, 1]
    assert Void.objects.get(requested_by=alone).approved_by == alone
    assert ledger_queries.funds_of(told.batch.brand) == 5 * 5
    assert replay().withdrawn == 0


def test_a_list_that_the_journal_never_saw_is_shipped_whole(folder: Path) -> None:
    told = withdrawals.scene(size=8)
    told.claim(7)
    ship()
    told.approve(told.ask(told.spans(0, 2, 3, 5)))
    replay()
    assert [line.entry.kind for line in journal.lines(folder)].count(Kind.VOID) == 3
    assert replay().withdrawn == 0


def withdraw(batch: Batch, first: int, last: int, **people: User) -> None:
    """Of the batch's codes those at these places, both in it."""
    giftcodes.void_codes(
        batch_id=batch.pk,
        first_serial=batch.first_serial + first,
        last_serial=batch.first_serial + last,
        **make.decided(batch) | people,
    )


def test_what_was_withdrawn_after_the_restored_moment_is_withdrawn_again_by_the_same_people(
    folder: Path,
) -> None:
    batch, member = make.live_batch(size=8), make.member()
    people = {"requested_by": make.user(), "approved_by": make.user()}
    withdraw(batch, 0, 1)
    with lost_by_a_restore():
        claim(batch, 3, member)
        withdraw(batch, 0, 4, **people)
        assert ship() == 1
        assert restores.disagreement(folder) is None
    assert restores.disagreement(folder) is not None

    done = replay()

    assert (done.replayed, done.withdrawn, done.differences) == (1, 1, [])
    void = Void.objects.order_by("-pk")[0]
    assert (void.codes, void.requested_by, void.approved_by) == (2, *people.values())
    for place in (0, 1, 2, 4):
        with pytest.raises(CodeNotUsable):
            claim(batch, place, member)
    assert replay().withdrawn == 0
    assert "misprint" not in (folder / "journal-000001.jsonl").read_text()  # free text may name somebody


def test_control_without_a_replay_a_withdrawn_code_can_be_claimed() -> None:
    batch = make.live_batch(size=1)
    with lost_by_a_restore():
        withdraw(batch, 0, 0)
        ship()
    assert claim(batch, 0, make.member()) == batch.first_claim_id


def test_a_withdrawal_by_people_who_are_not_known_any_more_keeps_the_doors_closed(folder: Path) -> None:
    batch = make.live_batch(size=3)
    with lost_by_a_restore():
        withdraw(batch, 0, 1)  # by users who joined after the restored moment
        ship()
    make.user(), make.user()  # and whose numbers others may have got

    [difference] = replay().differences

    assert difference.check == replays.WITHDRAWN
    assert restores.disagreement(folder) is not None
    withdraw(batch, 0, 1)  # somebody has looked, and withdraws them again
    assert replay().differences == []
    assert restores.disagreement(folder) is None


def test_a_withdrawal_that_the_journal_has_not_seen_is_shipped_before_it_goes_on() -> None:
    batch = make.live_batch(size=3)
    people = {"requested_by": make.user(), "approved_by": make.user()}
    with lost_by_a_restore():
        ship()
        withdraw(batch, 0, 1, **people)
        replay()
    assert replay().withdrawn == 1
