"""What support is told about a code, and what it is never told."""

import io
from collections.abc import Callable
from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone
from django.utils.translation import override
from pytest_django import Settings

from giftcodes import codec
from giftcodes import services as giftcodes
from giftcodes.models import Batch, BatchState, Series
from giftcodes.queries import SerialState, status_of_serial
from giftcodes.services import ChannelSize
from tests import make
from tests.make import NOON

pytestmark = pytest.mark.django_db

Lookup = Callable[..., str]


@pytest.fixture
def lookup(monkeypatch: pytest.MonkeyPatch) -> Lookup:
    """`manage.py lookup_code` with a text on standard input; what it says, in English."""

    def run(text: str = "", **options: object) -> str:
        monkeypatch.setattr("sys.stdin", io.StringIO(text + "\n"))
        said = StringIO()
        with override("en"):
            call_command("lookup_code", stdout=said, **options)
        return said.getvalue()

    return run


def live(**changes: object) -> Batch:
    now = timezone.now()
    window = {"claim_from": now - timedelta(days=1), "claim_until": now + timedelta(days=1)}
    return make.live_batch(**window | changes)


def void(batch: Batch, first_serial: int, last_serial: int) -> None:
    giftcodes.void_codes(
        batch_id=batch.pk,
        first_serial=first_serial,
        last_serial=last_serial,
        reason="lost",
        requested_by=make.user(),
        approved_by=make.user(),
        at=NOON,
    )


def test_a_code_is_found_and_not_printed(lookup: Lookup) -> None:
    batch = live(channels=[ChannelSize("poster", 4), ChannelSize("shop", 6)])
    for typed in (make.code_of(batch, 5), codec.group(make.code_of(batch, 5))):
        said = lookup(typed)
        for fact in (
            str(batch.first_claim_id + 5),
            str(batch.public_id),
            batch.brand.name,
            "shop",
            "unclaimed",
        ):
            assert fact in said
        assert make.code_of(batch, 5)[-4:] not in said.replace("-", "")


def test_a_serial_number_gives_the_same(lookup: Lookup) -> None:
    batch = live()
    assert lookup(serial=batch.first_claim_id + 5) == lookup(make.code_of(batch, 5))


def test_a_claimed_code_tells_when_and_by_whom_without_telling_who(lookup: Lookup) -> None:
    batch, member = live(), make.member()
    claimed = giftcodes.claim_code(text=make.code_of(batch), member=member)
    said = lookup(make.code_of(batch))
    assert "state: claimed" in said
    assert timezone.localtime(claimed.claimed_at).isoformat(sep=" ", timespec="seconds") in said
    assert str(member) in said
    assert member.public_id.hex not in said.replace("-", "")
    assert member.user is not None
    assert str(member.user.email) not in said


def test_every_state_is_told() -> None:
    batch = make.live_batch(claim_until=NOON + timedelta(days=1))
    first = batch.first_claim_id
    giftcodes.claim_code(text=make.code_of(batch, 1), member=make.member(), at=NOON)
    serial = batch.first_serial
    void(batch, serial + 1, serial + 2)

    def states(at: object) -> list[SerialState]:
        found = [status_of_serial(first + place, at=at) for place in range(4)]  # type: ignore[arg-type]
        return [status.state for status in found if status is not None]

    usual = [SerialState.UNCLAIMED, SerialState.CLAIMED, SerialState.VOID, SerialState.UNCLAIMED]
    assert states(NOON) == usual
    early = [SerialState.NOT_ACTIVE, SerialState.CLAIMED, SerialState.VOID, SerialState.NOT_ACTIVE]
    assert states(NOON - timedelta(days=2)) == early
    late = [SerialState.EXPIRED, SerialState.CLAIMED, SerialState.VOID, SerialState.EXPIRED]
    assert states(NOON + timedelta(days=1)) == late
    Batch.objects.filter(pk=batch.pk).update(state=BatchState.MINTED)
    assert states(NOON) == early
    Batch.objects.filter(pk=batch.pk).update(state=BatchState.ACTIVE)
    giftcodes.close_batch(batch_id=batch.pk, at=NOON + timedelta(days=1))
    assert states(NOON) == late


def test_a_void_that_spared_a_claimed_code_is_no_withdrawal() -> None:
    batch = make.live_batch()
    giftcodes.claim_code(text=make.code_of(batch), member=make.member(), at=NOON)
    serial = batch.first_serial
    void(batch, serial, serial + 1)
    spared = status_of_serial(batch.first_claim_id, at=NOON)
    withdrawn = status_of_serial(batch.first_claim_id + 1, at=NOON)
    assert spared is not None
    assert withdrawn is not None
    assert (spared.voided_at, withdrawn.voided_at) == (None, NOON)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda code: code[:-1] + str((int(code[-1]) + 1) % 10), "typing error"),
        (lambda code: code[:-1], "16 digits"),
        (lambda code: code + "x", "more than digits"),
        (lambda code: "0" + code[1:], "begins with"),
        (lambda code: code * 5, "too long"),
        (lambda code: "", "16 digits"),
    ],
)
def test_a_text_that_is_no_code_is_told_apart(
    lookup: Lookup, change: Callable[[str], str], said: str
) -> None:
    typed = change(make.code_of(live()))
    with pytest.raises(CommandError, match=said) as refusal:
        lookup(typed)
    assert not typed or typed[:15] not in str(refusal.value)


def test_a_well_formed_code_that_was_never_issued_is_told(lookup: Lookup) -> None:
    batch = live(size=1)
    issued = make.code_of(batch)
    digits = issued[:14] + str((int(issued[14]) + 1) % 10)
    with pytest.raises(CommandError, match="never issued"):
        lookup(digits + codec.check_digit(digits))
    other_series = "2" + issued[1:15]
    with pytest.raises(CommandError, match="never issued"):
        lookup(other_series + codec.check_digit(other_series))


@pytest.mark.parametrize("serial", [0, -5, 1, 10**9 + 10, 9_999_999_999, 10**15])
def test_a_serial_number_that_was_never_issued_is_told(lookup: Lookup, serial: int) -> None:
    live(size=10)
    with pytest.raises(CommandError, match="serial number"):
        lookup(serial=serial)


def test_without_the_keys_the_command_says_so(lookup: Lookup, settings: Settings) -> None:
    code = make.code_of(live())
    settings.CODE_MASTER_KEYS = {}
    with pytest.raises(CommandError, match="CODE_MASTER_KEYS"):
        lookup(code)


def test_a_code_can_not_be_given_where_the_shell_remembers_it(lookup: Lookup) -> None:
    with pytest.raises(CommandError):
        call_command("lookup_code", make.code_of(live()))


def test_opening_a_series_twice_makes_one() -> None:
    said = StringIO()
    for _ in range(2):
        call_command("open_series", "9", stdout=said)
    assert Series.objects.filter(digit=9).count() == 1
    with pytest.raises(CommandError):
        call_command("open_series", "0", stdout=said)
