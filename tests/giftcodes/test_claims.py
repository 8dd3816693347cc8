"""What a claim promises, one person at a time. Races are in tests/concurrency."""

import logging
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from pytest_django.fixtures import Settings
from time_machine import TimeMachineFixture

from giftcodes import codec, directory, keys
from giftcodes import services as giftcodes
from giftcodes.codec import NotACode
from giftcodes.errors import CodeNotUsable, KeysMissing
from giftcodes.models import Batch, BatchState, Claim, ClaimTally
from ledger import audit
from ledger import queries as ledger_queries
from ledger.models import MAX_POINTS, Account, Lot, Posting, Transfer
from parties.models import Member
from tests import make
from tests.make import NOON

pytestmark = pytest.mark.django_db


def _tables() -> tuple[int, ...]:
    return tuple(table.objects.count() for table in (Claim, ClaimTally, Transfer, Posting, Lot))


def test_a_code_becomes_points_in_the_wallet_at_once() -> None:
    batch, member = make.live_batch(face_points=500, lot_life_days=180), make.member()

    claimed = giftcodes.claim_code(text=make.code_of(batch), member=member, at=NOON)

    assert (claimed.points, claimed.balance, claimed.is_repeat) == (500, 500, False)
    lot = Lot.objects.get(wallet__member=member)
    assert (lot.remaining_points, lot.funder, lot.granted_at) == (500, batch.brand, NOON)
    # Midnight in Japan after the 180th day: the last minute shown to people is 23:59 of that day.
    assert lot.expires_at == claimed.expires_at
    assert lot.expires_at.isoformat() == "2027-05-01T15:00:00+00:00"
    assert Transfer.objects.get(pk=Claim.objects.get().transfer_id).posted_at == NOON
    assert not list(audit.differences())


def test_the_code_may_be_typed_as_people_type() -> None:
    batch, member = make.live_batch(face_points=500), make.member()
    as_typed = (
        codec.group(make.code_of(batch))
        .replace("-", "ー")
        .translate(str.maketrans("0123456789", "０１２３４５６７８９"))
    )

    assert giftcodes.claim_code(text=f" {as_typed}\n", member=member, at=NOON).points == 500


def test_the_member_who_claimed_gets_the_same_result_again() -> None:
    code, member = make.live_code(face_points=500), make.member()
    first = giftcodes.claim_code(text=code, member=member, at=NOON)
    before = _tables()

    again = giftcodes.claim_code(text=code, member=member, at=NOON + timedelta(hours=1))

    assert again == first._replace(is_repeat=True)
    assert _tables() == before


def test_the_member_who_claimed_is_told_so_even_after_the_batch_was_closed() -> None:
    batch, member = make.live_batch(face_points=500), make.member()
    code = make.code_of(batch)
    first = giftcodes.claim_code(text=code, member=member, at=NOON)
    giftcodes.close_batch(batch_id=batch.pk, at=batch.claim_until)

    assert giftcodes.claim_code(text=code, member=member, at=batch.claim_until).claimed_at == first.claimed_at


def test_a_typing_error_is_told_apart_and_leaves_no_trace() -> None:
    code = make.live_code()
    typo = code[:-1] + str((int(code[-1]) + 1) % 10)
    before = _tables()

    with pytest.raises(NotACode):
        giftcodes.claim_code(text=typo, member=make.member(), at=NOON)
    assert _tables() == before


def _claimed_by_somebody_else(batch: Batch) -> str:
    giftcodes.claim_code(text=make.code_of(batch), member=make.member(), at=NOON)
    return make.code_of(batch)


def _void(batch: Batch) -> str:
    giftcodes.void_codes(
        batch_id=batch.pk,
        first_serial=batch.first_serial,
        last_serial=batch.first_serial,
        **make.decided(batch),
    )
    return make.code_of(batch)


def _of_a_state(batch: Batch, state: BatchState) -> str:
    Batch.objects.filter(pk=batch.pk).update(state=state)
    return make.code_of(batch)


def _closed(batch: Batch) -> str:
    giftcodes.close_batch(batch_id=batch.pk, at=batch.claim_until)
    return make.code_of(batch)


def _of_no_batch(batch: Batch) -> str:
    return codec.encode_one(
        batch.first_serial + batch.size,
        series=1,
        series_key=keys.series_key(batch.series),
        batch_key=keys.batch_key(batch),
    )


def _of_a_wrong_tag(batch: Batch) -> str:
    return codec.encode_one(
        batch.first_serial,
        series=1,
        series_key=keys.series_key(batch.series),
        batch_key=b"another key of 32 bytes.........",
    )


def _of_no_series(batch: Batch) -> str:
    return codec.encode_one(0, series=7, series_key=b"7" * 31 + b"k", batch_key=b"b" * 31 + b"k")


@pytest.mark.parametrize(
    "spoil",
    [
        pytest.param(_claimed_by_somebody_else, id="used"),
        pytest.param(_void, id="void"),
        pytest.param(lambda batch: _of_a_state(batch, BatchState.MINTED), id="not yet active"),
        pytest.param(_closed, id="closed"),
        pytest.param(_of_no_batch, id="never issued"),
        pytest.param(_of_a_wrong_tag, id="made with a leaked series key"),
        pytest.param(_of_no_series, id="unknown series"),
    ],
)
def test_every_other_reason_has_one_answer_and_changes_nothing(spoil: Callable[[Batch], str]) -> None:
    batch = make.live_batch()
    control = make.code_of(batch, 1)
    code, member = spoil(batch), make.member()
    before = _tables()

    with pytest.raises(CodeNotUsable) as refusal:
        giftcodes.claim_code(text=code, member=member, at=NOON)

    assert refusal.value.args == ()  # nothing that tells one reason from another, and no code
    assert _tables() == before
    if Batch.objects.get(pk=batch.pk).state == BatchState.ACTIVE:  # the set-up works but for what was spoiled
        assert giftcodes.claim_code(text=control, member=member, at=NOON).points == batch.face_points


@pytest.mark.parametrize(
    ("after_start", "claimable"),
    [
        (timedelta(microseconds=-1), False),
        (timedelta(), True),
        (timedelta(days=31, microseconds=-1), True),
        (timedelta(days=31), False),
    ],
)
def test_the_window_begins_inclusive_and_ends_exclusive(after_start: timedelta, claimable: bool) -> None:
    batch, member = make.live_batch(), make.member()
    assert batch.claim_until - batch.claim_from == timedelta(days=31)
    at = batch.claim_from + after_start

    if claimable:
        assert giftcodes.claim_code(text=make.code_of(batch), member=member, at=at).claimed_at == at
    else:
        with pytest.raises(CodeNotUsable):
            giftcodes.claim_code(text=make.code_of(batch), member=member, at=at)


def test_without_an_instant_the_database_decides_whatever_the_clock_of_the_web_server_says(
    time_machine: TimeMachineFixture,
) -> None:
    now, day = datetime.now(UTC), timedelta(days=1)
    open_now = make.live_batch(approved_at=now - 9 * day, claim_from=now - day, claim_until=now + day)
    ended = make.live_batch(approved_at=now - 9 * day, claim_from=now - 5 * day, claim_until=now - day)
    member = make.member()

    time_machine.move_to(now + 3 * day)
    assert giftcodes.claim_code(text=make.code_of(open_now), member=member).points == 500
    time_machine.move_to(now - 3 * day)
    with pytest.raises(CodeNotUsable):
        giftcodes.claim_code(text=make.code_of(ended), member=member)


def test_a_wallet_that_can_hold_no_more_gets_the_same_refusal() -> None:
    batch, member = make.live_batch(), make.member()
    wallet = make.wallet(member, batch.brand.program)
    Account.objects.filter(pk=wallet.pk).update(balance=MAX_POINTS - 499)

    with pytest.raises(CodeNotUsable):
        giftcodes.claim_code(text=make.code_of(batch), member=member, at=NOON)
    assert not Claim.objects.exists()


def test_a_limit_counts_all_batches_of_its_group_and_no_others() -> None:
    brand, member = make.brand(funds=100_000), make.member()
    first = make.live_batch(brand=brand, limit_per_member=2, limit_group="campaign:1")
    second = make.live_batch(brand=brand, limit_per_member=2, limit_group="campaign:1")
    other = make.live_batch(brand=brand, limit_per_member=2, limit_group="campaign:2")
    giftcodes.claim_code(text=make.code_of(first), member=member, at=NOON)
    giftcodes.claim_code(text=make.code_of(second), member=member, at=NOON)

    with pytest.raises(CodeNotUsable):
        giftcodes.claim_code(text=make.code_of(second, 1), member=member, at=NOON)

    giftcodes.claim_code(text=make.code_of(other), member=member, at=NOON)
    giftcodes.claim_code(text=make.code_of(second, 1), member=make.member(), at=NOON)
    assert sorted(ClaimTally.objects.filter(member=member).values_list("claims", flat=True)) == [1, 2]


def test_without_the_master_key_nothing_is_granted(settings: Settings) -> None:
    code, member = make.live_code(), make.member()
    settings.CODE_MASTER_KEYS = {"another": b"0123456789abcdef0123456789abcdef"}
    directory.forget()

    with pytest.raises(KeysMissing):
        giftcodes.claim_code(text=code, member=member, at=NOON)
    assert not Claim.objects.exists()


def test_a_claim_takes_no_more_statements_than_it_needs() -> None:
    batch, member = make.live_batch(limit_per_member=5), make.member()
    giftcodes.claim_code(
        text=make.code_of(batch), member=member, at=NOON
    )  # the process knows the batch, the wallet is open

    with CaptureQueriesContext(connection) as queries:
        giftcodes.claim_code(text=make.code_of(batch, 1), member=member, at=NOON)

    statements = [query["sql"] for query in queries if "SAVEPOINT" not in query["sql"]]
    assert len(statements) == (6 if connection.vendor == "sqlite" else 0), (
        statements
    )  # the pipeline is not in the log


def test_no_code_reaches_a_log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    batch = make.live_batch()
    code = make.code_of(batch)
    giftcodes.claim_code(text=code, member=make.member(), at=NOON)
    with pytest.raises(CodeNotUsable):
        giftcodes.claim_code(text=code, member=make.member(), at=NOON)

    seen = caplog.text.replace("-", "").replace(" ", "")
    assert code not in seen
    assert make.code_of(batch, 1) not in seen


def test_each_member_has_one_wallet_per_program() -> None:
    member = make.member()
    one, other = make.live_batch(size=2), make.live_batch()
    for code in (make.code_of(one), make.code_of(one, 1), make.code_of(other)):
        giftcodes.claim_code(text=code, member=member, at=NOON)

    balances = {wallet.program_id: wallet.balance for wallet in member.wallets.all()}
    assert balances == {one.brand.program_id: 1000, other.brand.program_id: 500}
    assert ledger_queries.wallet_balance(member, one.brand.program_id) == 1000
    assert Member.objects.get(pk=member.pk).wallets.count() == 2
