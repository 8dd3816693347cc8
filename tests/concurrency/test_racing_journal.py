"""Claims that commit late, and shippers at once: each claim is in the journal, once. The controls show what
gets lost or broken without the guard.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest
from django.db import connection, transaction
from django.db.models import Max
from pytest_django.fixtures import Settings

from giftcodes import journal
from giftcodes import services as giftcodes
from giftcodes.errors import JournalBroken, JournalBusy
from giftcodes.journal import Entry, Journal, Kind
from giftcodes.models import Batch
from giftcodes.services import final_ids
from ledger import services as ledger
from ledger.models import Posting, Reason, Transfer, transfer_id_of
from parties.models import Member
from tests import make
from tests.concurrency.racing import race
from tests.make import NOON

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def folder(settings: Settings, tmp_path: Path) -> Path:
    settings.CLAIM_JOURNAL_DIR = tmp_path / "journal"
    return tmp_path / "journal"


def claim(batch: Batch, place: int, member: Member) -> int:
    return giftcodes.claim_code(text=make.code_of(batch, place), member=member, at=NOON).serial_number


def journaled(folder: Path) -> list[int]:
    return [line.entry.claim for line in journal.lines(folder) if line.entry.kind == Kind.CLAIM]


class Held:
    """A claim whose transaction waits before its commit, in a thread of its own."""

    def __init__(self, batch: Batch, place: int, member: Member | None = None) -> None:
        self._go, self._has_posted = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._run, args=(batch, place, member or make.member()))
        self._thread.start()
        assert self._has_posted.wait(10)

    def _run(self, batch: Batch, place: int, member: Member) -> None:
        try:
            with transaction.atomic():
                claim(batch, place, member)
                self._has_posted.set()
                self._go.wait(20)
        finally:
            connection.close()

    def commit(self) -> None:
        self._go.set()
        self._thread.join(10)


@contextmanager
def held_claim(batch: Batch, place: int) -> Iterator[Held]:
    held = Held(batch, place)
    try:
        yield held
    finally:
        held.commit()


@pytest.mark.postgresql
def test_control_a_plain_highest_id_passes_over_a_claim_that_commits_late() -> None:
    batch, member = make.live_batch(), make.member()
    with held_claim(batch, 0) as held:
        claim(batch, 1, member)
        watermark = Posting.objects.aggregate(newest=Max("pk"))["newest"]
        held.commit()
    late = Posting.objects.get(transfer__key=f"claim:{batch.first_claim_id}")
    assert late.pk < watermark  # and nobody will ever look below it again


def begun_between(batch: Batch, place: int) -> Held:
    """A claim still under way that is younger than a transaction which has just been committed, and took the
    id of its posting before that one did.
    """
    key, member = f"newer:{batch.pk}:{place}", make.member()  # committed: the claim looks for its member
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_current_xact_id()")
        held = Held(batch, place, member)
        newer = Transfer.objects.create(pk=transfer_id_of(key), key=key, reason=Reason.VOID, posted_at=NOON)
        funds = ledger.open_funds(brand=batch.brand, at=NOON)
        Posting.objects.create(
            transfer=newer, source=batch.unclaimed, target=funds, points=1, posted_at=newer.posted_at
        )
    return held


@pytest.mark.postgresql
def test_control_the_end_of_a_snapshot_is_no_guard_against_it() -> None:
    """It is one past the newest transaction that has *ended*: one under way may lie beyond it."""
    batch = make.live_batch(size=50)
    passed_over = 0
    for place in range(50):  # others on the same server may end just then, and move it
        held = begun_between(batch, place)
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT (SELECT MAX(backend_xid::text::bigint) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid())"
                " >= pg_snapshot_xmax(s)::text::bigint,"
                " (SELECT MAX(id) FROM ledger_posting) FROM pg_current_snapshot() s"
            )
            is_beyond, newest = cursor.fetchone()
        held.commit()
        late = Posting.objects.get(transfer__key=f"claim:{batch.first_claim_id + place}")
        passed_over += is_beyond and late.pk < newest
        if passed_over:
            break
    assert passed_over


@pytest.mark.postgresql
@pytest.mark.parametrize("is_between", [False, True])
def test_a_claim_that_commits_late_is_waited_for(
    is_between: bool, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(final_ids, "_PATIENCE_SECONDS", 0.05)
    batch = make.live_batch()
    giftcodes.ship_claims(begin=True)
    if is_between:
        held = begun_between(batch, 0)
    else:
        held = Held(batch, 0)
        claim(batch, 1, make.member())
    shipped_early = giftcodes.ship_claims(begin=False)
    held.commit()
    assert shipped_early == 0  # it did not end in time: nothing is passed over
    assert giftcodes.ship_claims(begin=False) == (1 if is_between else 2)
    assert journaled(folder)[0] == batch.first_claim_id


@pytest.mark.postgresql
def test_a_claim_that_commits_while_it_is_waited_for_is_shipped_in_the_same_run(folder: Path) -> None:
    batch, member = make.live_batch(), make.member()
    giftcodes.ship_claims(begin=True)
    with held_claim(batch, 0) as held:
        claim(batch, 1, member)
        threading.Timer(0.2, held.commit).start()
        assert giftcodes.ship_claims(begin=False) == 2


@pytest.mark.postgresql
def test_a_claim_that_begins_later_or_is_given_up_holds_nothing_up(folder: Path) -> None:
    batch, member = make.live_batch(), make.member()
    giftcodes.ship_claims(begin=True)
    claim(batch, 1, member)
    with transaction.atomic():
        claim(batch, 2, member)
        transaction.set_rollback(True)
    claim(batch, 3, member)
    assert giftcodes.ship_claims(begin=False) == 2


@pytest.mark.postgresql
def test_a_long_transaction_that_writes_no_postings_holds_nothing_up(folder: Path) -> None:
    batch, member = make.live_batch(), make.member()
    giftcodes.ship_claims(begin=True)
    claim(batch, 0, member)
    begun, done = threading.Event(), threading.Event()

    def write_something_else() -> None:
        with transaction.atomic():
            make.member()
            Posting.objects.count()
            begun.set()
            done.wait(20)
        connection.close()

    thread = threading.Thread(target=write_something_else)
    thread.start()
    try:
        assert begun.wait(10)
        assert giftcodes.ship_claims(begin=False) == 1
    finally:
        done.set()
        thread.join(10)


def test_control_two_shippers_without_the_lock_break_the_chain(folder: Path) -> None:
    def is_broken_by_two(place: Path) -> bool:
        gate = threading.Barrier(2, timeout=30)
        with journal.opened(place) as book:
            book.append([Entry(Kind.BEGUN, 0)])

        def append_without_the_lock() -> None:
            book = Journal(place)
            gate.wait()
            book.append([Entry(Kind.MARK, 1)])

        race(*[append_without_the_lock] * 2)
        try:
            list(journal.lines(place))
        except JournalBroken:
            return True
        return False

    # One may be done before the other has begun; not every time.
    assert any(is_broken_by_two(folder / str(number)) for number in range(50))


def test_shippers_at_once_while_claims_go_on_ship_every_claim_once(folder: Path) -> None:
    batch, members = make.live_batch(size=24), [make.member() for _ in range(4)]
    giftcodes.ship_claims(begin=True)

    def claim_some(first: int, member: Member) -> None:
        for place in range(first, 24, 4):
            claim(batch, place, member)

    def ship_often() -> None:
        for _ in range(10):
            try:
                giftcodes.ship_claims(begin=False)
            except JournalBusy:
                continue

    outcomes = race(
        *(partial(claim_some, first, member) for first, member in enumerate(members)), *[ship_often] * 3
    )
    giftcodes.ship_claims(begin=False)

    assert outcomes == [None] * 7
    assert sorted(journaled(folder)) == [batch.first_claim_id + place for place in range(24)]
