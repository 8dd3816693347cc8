"""Consents and the language of mails: nothing is ticked for anybody, and what was said is kept."""

import hashlib

import pytest
from django.test import Client
from django.utils import translation
from pytest_django.fixtures import Settings

from parties import consents as parties
from parties.models import Consent, Member, Purpose, User
from redemption_site import consent_texts
from tests.make import NOON
from tests.redemption_site import visits

pytestmark = pytest.mark.django_db


def test_nothing_is_ticked_for_anybody(hanako: Client) -> None:
    page = hanako.get("/account/consents/").content.decode()
    assert page.count('type="checkbox"') == 3
    assert " checked" not in page
    assert "What you said, and when" not in page


def test_what_is_said_is_kept_with_its_wording_and_language_and_shown(hanako: Client) -> None:
    answer = hanako.post("/account/consents/", {"agree": ["expiry_notice"]})
    assert (answer.status_code, answer["Location"]) == (303, "/account/consents/?saved=1")
    (row,) = Consent.objects.all()
    assert (row.purpose, row.granted, row.wording, row.language) == (
        Purpose.EXPIRY_NOTICE,
        True,
        consent_texts.WORDING,
        "en",
    )
    page = hanako.get(answer["Location"]).content.decode()
    assert page.count(" checked") == 1
    assert "Saved." in page
    assert "notices before points expire" in page


def test_rows_are_added_only_for_what_changed_and_the_newest_counts(hanako: Client) -> None:
    member = visits.member_of(hanako)
    for agree in (["statistics"], ["statistics"], ["statistics", "marketing_mail"], [], []):
        hanako.post("/account/consents/", {"agree": agree})
    said = Consent.objects.order_by("pk").values_list("purpose", "granted")
    assert sorted(said[:2]) == [("marketing_mail", True), ("statistics", True)]
    assert sorted(said[2:]) == [("marketing_mail", False), ("statistics", False)]
    assert parties.standing_consents(member.pk) == set()


@pytest.mark.parametrize("wording", ["2026-11-28", "2026-11-28.2"])
@pytest.mark.parametrize("address", ["/account/consents/", "/account/profile/"])
def test_who_agreed_to_statistics_of_which_nobody_is_told_is_asked_again(
    hanako: Client, address: str, wording: str
) -> None:
    member = visits.member_of(hanako)
    wide = {"wording": wording, "language": "ja", "given_at": NOON}
    for purpose in (Purpose.STATISTICS, Purpose.MARKETING_MAIL):
        Consent.objects.create(member=member, purpose=purpose, granted=True, **wide)
    assert parties.standing_consents(member.pk) == {Purpose.MARKETING_MAIL}
    column = parties.consent_of(Purpose.STATISTICS, "pk")
    assert Member.objects.annotate(agrees=column).filter(agrees=False).count() == 1
    ticked = {"/account/consents/": 1, "/account/profile/": 0}[address]
    assert hanako.get(address).content.decode().count(" checked") == ticked
    hanako.post(address, {"agree": ["statistics", "marketing_mail"]})
    row = Consent.objects.order_by("pk").last()
    assert row is not None
    assert (row.purpose, row.granted, row.wording) == (Purpose.STATISTICS, True, consent_texts.WORDING)
    assert Purpose.STATISTICS in parties.standing_consents(member.pk)
    assert Member.objects.annotate(agrees=column).filter(agrees=True).count() == 1


def test_who_says_no_to_what_they_agreed_to_in_older_words_is_noted(hanako: Client) -> None:
    member = visits.member_of(hanako)
    Consent.objects.create(
        member=member, purpose=Purpose.STATISTICS, granted=True, given_at=NOON, wording="2026-11-28"
    )
    for _ in range(2):
        hanako.post("/account/consents/", {})
    assert list(Consent.objects.order_by("pk").values_list("granted", flat=True)) == [True, False]


def test_purposes_that_are_not_offered_can_not_be_agreed_to(hanako: Client, settings: Settings) -> None:
    settings.NOTICE_DAYS = []
    page = hanako.get("/account/consents/").content.decode()
    assert page.count('type="checkbox"') == 2
    hanako.post("/account/consents/", {"agree": ["expiry_notice", "world_peace"]})
    assert not Consent.objects.exists()


def test_the_version_of_the_wording_changes_with_its_words() -> None:
    """Where this fails, give consent_texts.WORDING a new value, then write the new digest here."""
    said = []
    for lang in ("ja", "en"):
        with translation.override(lang):
            said += [f"{text.purpose}|{text.label}|{text.sentence}" for text in consent_texts.TEXTS]
    digest = hashlib.sha256("\n".join(said).encode()).hexdigest()[:16]
    assert (consent_texts.WORDING, digest) == ("2026-11-28.3", "ad36b395fea51f55")


def test_the_switch_of_the_pages_is_remembered_for_mails(hanako: Client, client: Client) -> None:
    hanako.post("/language/", {"language": "ja", "next": "/"})
    user = visits.user_of(hanako)
    assert user.language == "ja"
    hanako.post("/language/", {"language": "xx", "next": "/"})
    hanako.get("/language/")
    user.refresh_from_db()
    assert user.language == "ja"
    client.post("/language/", {"language": "en", "next": "/"})  # a stranger
    assert not User.objects.filter(language="en").exists()


def test_the_language_of_mails_has_a_page(hanako: Client) -> None:
    assert 'value="ja" checked' in hanako.get("/account/language/").content.decode()  # nobody has said yet
    answer = hanako.post("/account/language/", {"language": "en"})
    assert answer.status_code == 303
    page = hanako.get(answer["Location"]).content.decode()
    assert 'value="en" checked' in page
    assert "Saved." in page
    for wrong in ({}, {"language": "fr"}):
        assert hanako.post("/account/language/", wrong).status_code == 400
    assert visits.user_of(hanako).language == "en"


def test_the_language_in_which_somebody_first_agrees_is_that_of_their_mails(hanako: Client) -> None:
    hanako.post("/account/consents/", {"agree": ["expiry_notice"]})
    assert visits.user_of(hanako).language == "en"
    hanako.post("/account/language/", {"language": "ja"})
    hanako.post("/account/consents/", {"agree": []})
    assert visits.user_of(hanako).language == "ja"


@pytest.mark.parametrize("address", ["/account/consents/", "/account/language/"])
def test_both_are_for_the_person_alone(client: Client, address: str) -> None:
    assert client.get(address)["Location"] == f"/sign-in/?next={address}"
    assert client.post(address, {"agree": ["statistics"]}).status_code == 302
    assert not Consent.objects.exists()


def test_the_account_leads_to_all_of_it(hanako: Client) -> None:
    page = hanako.get("/account/").content.decode()
    for address in ("/account/consents/", "/account/language/", "/account/close/"):
        assert f'href="{address}"' in page
        assert "no-store" in hanako.get(address)["Cache-Control"]
