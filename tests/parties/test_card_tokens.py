"""The token of a membership card: whose it is, for how long, and what is told of one that is no good."""

import secrets
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pytest_django.fixtures import Settings
from stdnum.iso7064 import mod_11_10

from parties import card_tokens
from parties.card_queries import read_card_token, token_of
from parties.card_services import make_card, renew_card
from parties.errors import CardTokenNotUsable, CardTokenTypingError, MemberHasLeft, NoFreeCardNumber
from parties.leaving import erase_person
from parties.models import Member, MemberCard
from tests import make
from tests.make import NOON

SECOND = timedelta(seconds=1)
KEY = bytes(32)
digits_of_bodies = st.text("0123456789", min_size=19, max_size=19)


def carded() -> tuple[Member, MemberCard]:
    member = make.member()
    return member, make_card(member=member, at=NOON)


def with_right_check(body: str) -> str:
    return body + card_tokens.check_digit(body)


def refuses(text: object, at: datetime = NOON) -> str:
    """The code of the refusal."""
    with pytest.raises((CardTokenNotUsable, CardTokenTypingError)) as caught:
        read_card_token(text, at=at)
    assert isinstance(caught.value, CardTokenNotUsable | CardTokenTypingError)
    return caught.value.code


@pytest.mark.django_db
@pytest.mark.parametrize("part", [0, 1, 999_999])
def test_a_token_is_good_at_once_at_59_seconds_and_never_at_60(part: int) -> None:
    member, card = carded()
    made_at = NOON + timedelta(microseconds=part)
    token = token_of(card, at=made_at)
    assert read_card_token(token.digits, at=made_at) == member
    assert read_card_token(token.digits, at=made_at.replace(microsecond=0) + 59 * SECOND) == member
    assert read_card_token(token.digits, at=token.ends_at - timedelta(microseconds=1)) == member
    assert token.ends_at - made_at <= 60 * SECOND
    for later in (60, 61, 99, 100, 101, 159, 160, 86_400):
        assert refuses(token.digits, made_at + later * SECOND) == "card_token_not_usable", later


@pytest.mark.django_db
def test_a_token_that_does_not_exist_yet_is_refused() -> None:
    _member, card = carded()
    for ahead in (1, 39, 40, 41, 60, 100, 3_600):
        token = token_of(card, at=NOON + ahead * SECOND)
        assert refuses(token.digits) == "card_token_not_usable", ahead


@pytest.mark.django_db
def test_a_token_may_be_read_twice_within_its_minute() -> None:
    member, card = carded()
    digits = token_of(card, at=NOON).digits
    assert [read_card_token(digits, at=NOON + wait * SECOND) for wait in (2, 3)] == [member, member]


@pytest.mark.django_db
def test_no_token_stands_for_two_members() -> None:
    owners = [carded() for _ in range(20)]
    tokens = [token_of(card, at=NOON).digits for _, card in owners]
    assert len(set(tokens)) == 20
    assert [read_card_token(digits, at=NOON) for digits in tokens] == [member for member, _ in owners]


@pytest.mark.django_db
def test_a_digit_changed_in_any_place_is_a_typing_error() -> None:
    _member, card = carded()
    digits = token_of(card, at=NOON).digits
    for place in range(20):
        for other in set("0123456789") - {digits[place]}:
            changed = digits[:place] + other + digits[place + 1 :]
            assert refuses(changed) == "card_token_typing_error", place


@pytest.mark.django_db
def test_a_forged_digit_under_a_right_check_digit_is_refused_without_saying_why() -> None:
    _member, card = carded()
    body = token_of(card, at=NOON).digits[:-1]
    for place in range(1, 19):
        for other in set("0123456789") - {body[place]}:
            forged = with_right_check(body[:place] + other + body[place + 1 :])
            assert refuses(forged) == "card_token_not_usable", place


@pytest.mark.django_db
def test_the_digest_of_one_card_is_no_good_for_another() -> None:
    (_, mine), (_, other) = carded(), carded()
    body = token_of(mine, at=NOON).digits[:-1]
    assert refuses(with_right_check(f"1{other.number:08d}{body[9:]}")) == "card_token_not_usable"


@pytest.mark.django_db
@pytest.mark.parametrize("state", ["inactive", "without a user"])
def test_a_member_who_has_left_is_refused_like_no_member(state: str) -> None:
    member, card = carded()
    digits = token_of(card, at=NOON).digits
    assert member.user is not None
    if state == "inactive":
        member.user.is_active = False
        member.user.save()
    else:
        member.user.delete()
    assert refuses(digits) == "card_token_not_usable"


@pytest.mark.django_db
def test_another_secret_key_knows_no_token(settings: Settings) -> None:
    _member, card = carded()
    digits = token_of(card, at=NOON).digits
    settings.SECRET_KEY = "another secret key of fifty characters or a few more"
    assert refuses(digits) == "card_token_not_usable"


@pytest.mark.django_db
def test_a_new_number_ends_what_the_old_card_showed_at_once() -> None:
    member, card = carded()
    old = token_of(card, at=NOON).digits
    renewed = renew_card(member=member, at=NOON)
    assert refuses(old) == "card_token_not_usable"
    assert read_card_token(token_of(renewed, at=NOON).digits, at=NOON) == member
    assert MemberCard.objects.get().numbered_at == NOON


@pytest.mark.django_db
def test_a_card_is_made_once_and_keeps_its_number() -> None:
    member, card = carded()
    assert make_card(member=member, at=NOON + SECOND) == card
    assert MemberCard.objects.get().number == card.number


@pytest.mark.django_db
def test_who_has_left_gets_no_card_and_no_new_number() -> None:
    member, _card = carded()
    erase_person(member_id=member.pk, at=NOON)
    for get_card in (make_card, renew_card):  # by somebody who still holds the row as it was
        with pytest.raises(MemberHasLeft):
            get_card(member=member, at=NOON)
    assert not MemberCard.objects.exists()


@pytest.mark.django_db
def test_when_every_number_is_taken_it_says_so_and_keeps_the_old_one(monkeypatch: pytest.MonkeyPatch) -> None:
    taken, mine = make_card(member=make.member(), at=NOON), make.member()
    card = make_card(member=mine, at=NOON)
    monkeypatch.setattr(secrets, "randbelow", lambda _below: taken.number)
    with pytest.raises(NoFreeCardNumber):
        renew_card(member=mine, at=NOON)
    assert MemberCard.objects.get(member=mine).number == card.number


@pytest.mark.django_db
@pytest.mark.parametrize(
    "between",
    [" ", "-", "\u2212", "\u30fc", "\u2013", "\u3000", "\u200b", "\ufeff", "\u202e", "\n", "\t"],
    ids=ascii,
)
def test_what_people_put_between_the_digits_does_not_matter(between: str) -> None:
    member, card = carded()
    groups = card_tokens.group(token_of(card, at=NOON).digits).split(" ")
    assert read_card_token(between.join(groups) + between, at=NOON) == member


@pytest.mark.django_db
@pytest.mark.parametrize("zero", ["\uff10", "\u0660", "\u06f0", "\u0966", "\U0001d7d8"], ids=ascii)
def test_digits_of_another_script_are_digits(zero: str) -> None:
    member, card = carded()
    digits = token_of(card, at=NOON).digits
    assert read_card_token("".join(chr(ord(zero) + int(digit)) for digit in digits), at=NOON) == member


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "length"),
        ("1" * 19, "length"),
        ("1" * 21, "length"),
        ("1234567890123456789x", "characters"),
        ("一二三四五六七八九〇一二三四五六七八九〇", "characters"),
        ("\0" * 20, "length"),
        ("\ud800" * 20, "characters"),
        (12345678901234567890, "characters"),
        (None, "characters"),
        ("1" * 10**6, "too_long"),
        (with_right_check("2" + "0" * 18), "version"),
    ],
    ids=ascii,
)
def test_what_is_no_token_says_what_is_wrong_and_asks_no_database(text: object, reason: str) -> None:
    with pytest.raises(CardTokenTypingError) as caught:
        read_card_token(text, at=NOON)
    assert caught.value.reason == reason


@given(digits_of_bodies)
def test_the_check_digit_is_that_of_iso_7064(body: str) -> None:
    assert card_tokens.check_digit(body) == mod_11_10.calc_check_digit(body)


@given(
    number=st.integers(0, card_tokens.CARD_NUMBERS - 1),
    second=st.integers(0, 2**40),
    age=st.integers(-200, 200),
)
def test_the_second_of_issue_is_found_again_for_a_minute_and_not_outside(
    number: int, second: int, age: int
) -> None:
    token = card_tokens.read(card_tokens.spell(card_number=number, member_id=1, second=second, key=KEY))
    assert token.card_number == number
    found = card_tokens.second_of(token, now=second + age)
    # Outside it, another second with the same two last digits may be meant, which has another digest.
    assert (found == second) == (0 <= age < card_tokens.SECONDS_GOOD)
