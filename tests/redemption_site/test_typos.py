"""Which group a typing error is looked for in first, and how often that is right."""

import random

import pytest
from django.test import Client

from giftcodes import codec
from redemption_site.typos import Suspect, suspect
from tests.redemption_site import slips

CODE = "1906827340667143"
TRIES = 1_500


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        (CODE, None),
        (codec.group(CODE), None),
        ("", None),
        ("0" + CODE[1:], None),  # the page says already that it is the first digit
        ("x" + CODE[1:], None),
        ("1" * 65, None),
        ("19O6827340667143", Suspect("letter", 1, "19O6", "O", "0")),
        ("1906 8273 4O66 7143", Suspect("letter", 3, "4O66", "O", "0")),
        ("１９０６−８２７３−４０６６−７ｌ４３", Suspect("letter", 4, "7l43", "l", "1")),
        ("1906-827-4066-7143", Suspect("size", 2, "827")),
        ("1906 8273 40666 7143", Suspect("size", 3, "40666")),
        ("1906-8273-0667-143", None),  # as the page groups it: the missing digit may be anywhere
        ("1906-827-406-7143", None),
        ("19068273406667143", Suspect("double", 3, "4066")),
    ],
)
def test_evidence_names_the_group(typed: str, expected: Suspect | None) -> None:
    assert suspect(typed) == expected


@pytest.mark.parametrize(
    ("slip", "share_named", "share_right"),
    [
        (slips.short_group, 0.99, 0.99),
        (slips.letter, 0.35, 0.99),
        (slips.bounce, 0.85, 0.95),
        (slips.double_typed_once, 0.25, 0.95),
        # One check digit knows no place. A guess would be right in 25 of 100 cases, and is never worse here.
        (slips.swap, 0.95, 0.40),
        (slips.neighbouring_digit, 0.95, 0.30),
        (slips.wrong_digit, 0.95, 0.21),
    ],
)
def test_the_named_group_is_the_right_one_as_often_as_the_readme_says(
    slip: slips.Slip, share_named: float, share_right: float
) -> None:
    chance = random.Random(7)
    outcomes = []
    for _ in range(TRIES):
        typed, groups = slip(chance, slips.any_code(chance))
        found = suspect(typed)
        outcomes.append(None if found is None else found.group in groups)
    named = [is_right for is_right in outcomes if is_right is not None]
    print(f"{slip.__name__}: named {len(named) / TRIES:.0%}, right {sum(named) / len(named):.0%}")
    assert len(named) / TRIES >= share_named
    assert sum(named) / len(named) >= share_right


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("lang", "typed", "said"),
    [
        ("en", "1906-827-4066-7143", "Group 2 (827) does not have 4 digits."),
        ("ja", "1906-8273-4O66-7143", "左から3番目の4桁に「O」があります。数字の0ではありませんか。"),
        ("en", "1906-8273-0466-7143", "Begin with group 1 (1906)."),
    ],
)
def test_the_server_names_the_group_too(client: Client, lang: str, typed: str, said: str) -> None:
    answer = client.post("/claim/", {"code": typed}, headers={"accept-language": lang})
    assert answer.status_code == 400
    assert answer.content.decode().count(said) == 2  # in the summary and at the field
    assert f'value="{typed}"' in answer.content.decode()


@pytest.mark.django_db
def test_what_is_typed_comes_back_as_text(client: Client) -> None:
    answer = client.post("/claim/", {"code": '1906 8273 40"O 7143'})
    assert "&quot;" in answer.content.decode()
    assert '40"O' not in answer.content.decode()
