"""The page of doors to a member's own account."""

from django.test import Client


def test_it_names_who_is_signed_in_and_leads_on(hanako: Client) -> None:
    page = hanako.get("/account/").content.decode()
    assert "@example.com" in page
    assert 'href="/wallet/"' in page


def test_it_is_for_nobody_else(client: Client) -> None:
    answer = client.get("/account/")
    assert (answer.status_code, answer["Location"]) == (302, "/sign-in/?next=/account/")
