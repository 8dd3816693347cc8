"""What a member may tell about themselves: all of it voluntary, each part deleted as easily as told."""

import pytest
from django.test import Client

from parties import consents, profiles
from parties.models import Consent, MemberProfile, Purpose
from parties.profiles import Told
from redemption_site import consent_texts
from tests.redemption_site import visits

pytestmark = pytest.mark.django_db
ALL = {"birth_year": "1990", "prefecture": "13", "gender": "female"}


def told(client: Client) -> Told:
    return profiles.profile_of(visits.member_of(client).pk)


def test_nothing_is_filled_in_or_ticked_for_anybody(hanako: Client) -> None:
    page = hanako.get("/account/profile/").content.decode()
    assert " selected" not in page
    assert " checked" not in page
    assert page.count("<option") == 3 + 121 + 3 + 47
    assert "/account/profile/" in hanako.get("/account/").content.decode()


def test_what_is_told_is_kept_and_shown_and_agreed_to_in_the_words_that_were_read(hanako: Client) -> None:
    answer = hanako.post("/account/profile/", ALL | {"agree": "statistics"})
    assert (answer.status_code, answer["Location"]) == (303, "/account/profile/?saved=1")
    assert told(hanako) == Told(1990, 13, "female")
    row = Consent.objects.get()
    assert (row.purpose, row.granted, row.wording, row.language) == (
        Purpose.STATISTICS,
        True,
        consent_texts.WORDING,
        "en",
    )
    page = hanako.get(answer["Location"]).content.decode()
    assert page.count(" selected") == 3
    assert page.count(" checked") == 1
    assert "Tokyo</option>" in page


def test_each_field_can_be_emptied_and_with_the_last_one_the_row_goes(hanako: Client) -> None:
    hanako.post("/account/profile/", ALL | {"agree": "statistics"})
    hanako.post("/account/profile/", ALL | {"prefecture": "", "agree": "statistics"})
    assert told(hanako) == Told(1990, None, "female")
    hanako.post("/account/profile/", {"birth_year": "", "prefecture": "", "gender": ""})
    assert not MemberProfile.objects.exists()
    assert consents.standing_consents(visits.member_of(hanako).pk) == set()


@pytest.mark.parametrize(
    "wrong",
    [
        {"birth_year": "1800"},
        {"birth_year": "2099"},
        {"birth_year": "9" * 30},
        {"birth_year": "１９９０"},
        {"prefecture": "48"},
        {"prefecture": "0"},
        {"gender": "x"},
        {"gender": "\0"},
    ],
)
def test_what_nobody_can_be_changes_nothing(hanako: Client, wrong: dict[str, str]) -> None:
    hanako.post("/account/profile/", ALL)
    answer = hanako.post("/account/profile/", ALL | wrong)
    assert answer.status_code == 400
    assert "Nothing was changed." in answer.content.decode()
    assert told(hanako) == Told(1990, 13, "female")


def test_nobody_else_is_asked(client: Client) -> None:
    assert client.get("/account/profile/").status_code == 302
    assert client.post("/account/profile/", ALL).status_code == 302
    assert not MemberProfile.objects.exists()
