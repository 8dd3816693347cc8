"""The pages of mailings, from the first word to the last mail; and the page that stops them."""

import re
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from campaigns import mailing_sealing as sealing
from campaigns.mailing_models import Mailing, MailOptOut, Recipient
from campaigns.services import mailing_tests
from giftcodes.gift_models import Gift
from parties.models import Role
from tests import make
from tests.campaigns import promos
from tests.campaigns.mailings import lists, postbox
from tests.campaigns.pages import signed_in, told

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("noon")]

ADD = "/admin/campaigns/mailing/add/"


def door(mailing: Mailing, name: str, *more: int) -> str:
    return reverse(f"admin:campaigns_mailing_{name}", args=(mailing.pk, *more))


def upload(client: Client, mailing: Mailing, data: bytes) -> Any:
    file = SimpleUploadedFile("list.csv", data)
    return client.post(door(mailing, "list"), {"file": file}, follow=True)


def test_a_mailing_from_its_text_to_its_mails() -> None:
    team = promos.team(funds=1_000_000)
    campaign = promos.campaign(team)
    marketer, approver = signed_in(team.marketer), signed_in(team.approver)
    typed = lists.WORDING._asdict() | {"campaign": campaign.pk}
    no_link = marketer.post(ADD, typed | {"body_ja": "ありがとう"})
    assert "The text needs {{link}}" in no_link.content.decode()
    assert not Mailing.objects.exists()
    marketer.post(ADD, typed)
    mailing = Mailing.objects.get()
    lists.order_for(mailing)
    taken = upload(marketer, mailing, lists.LIST.encode("cp932")).content.decode()
    assert "The list is taken" in taken
    assert "0000000000000000" in taken  # the preview's code, which is none
    assert "花子" in taken
    assert "hana@" not in taken
    assert "Approved" not in told(approver.post(door(mailing, "approve"), {"fingerprint": ""}, follow=True))
    unstated = marketer.post(door(mailing, "submit"), {"consent_how": "in shops"}, follow=True)
    assert "State that all recipients agreed" in told(unstated)
    assert 'value="in shops"' in unstated.content.decode()  # nobody has to type it again
    marketer.post(door(mailing, "submit"), {"consent_how": "in shops", "consent": "yes"})
    page = approver.get(door(mailing, "change")).content.decode()
    assert "in shops" in page
    seen = re.search(r'name="fingerprint" value="(\w+)"', page)
    assert seen is not None
    assert "Approved" in told(approver.post(door(mailing, "approve"), {"fingerprint": seen[1]}, follow=True))
    lists.send_all()
    page = marketer.get(door(mailing, "change")).content.decode()
    assert "Nothing went wrong so far" in page
    found = marketer.post(door(mailing, "find"), {"address": "HANA@example.jp"}).content.decode()
    assert "h•••@e•••.jp" in found
    row = lists.row(mailing)
    replaced = marketer.post(door(mailing, "replace", row.pk), {"reason": "lost"}, follow=True)
    assert "The old code is withdrawn" in told(replaced)
    assert Gift.objects.count() == 3
    support = signed_in(make.staff(Role.SUPPORT, team.brand))
    story = support.get(reverse("admin:campaigns_supportact_code", args=(row.gift_id,))).content.decode()
    for step in ("Handed to the mail server", "Replaced by another code", "lost"):
        assert step in story


def test_of_a_list_with_mistakes_nothing_is_taken_and_each_is_named() -> None:
    team = promos.team()
    mailing = lists.draft(team)
    marketer = signed_in(team.marketer)
    page = upload(
        marketer,
        mailing,
        b"e-mail,name,points,language\nhana@example.jp,,0.5,fr\nnobody,Jo,,\n=1+1@example.com,Al,,\n",
    ).content.decode()
    for told_of in ("Row 2, column B", "Row 2, column C", "Row 2, column D", "Row 3, column A"):
        assert told_of in page
    assert Recipient.objects.filter(mailing=mailing).count() == 2  # the list before


def test_a_test_goes_to_ones_own_address_alone_and_not_too_often() -> None:
    team = promos.team()
    mailing = lists.draft(team)
    marketer = signed_in(team.marketer)
    answers = [
        told(marketer.post(door(mailing, "test"), {"language": "ja"}, follow=True))
        for _time in range(mailing_tests.MOST_TESTS + 1)
    ]
    assert [number for number, answer in enumerate(answers) if "often enough" in answer] == [10]
    assert postbox.recipients() == [team.marketer.email] * mailing_tests.MOST_TESTS
    assert "#c=0000000000000000" in postbox.taken[0].body
    assert not Gift.objects.exists()


def test_whoever_has_the_mail_stops_them_with_one_press_and_a_scanner_does_not() -> None:
    team = promos.team()
    mailing = lists.draft(team)
    number = sealing.number_of(lists.row(mailing).pk)
    page = f"/mail/stop/{number}/"
    stranger = Client(enforce_csrf_checks=True, headers={"accept-language": "en"})
    assert team.brand.name in stranger.get(page).content.decode()
    assert not MailOptOut.objects.exists()
    assert stranger.post(page, {"List-Unsubscribe": "One-Click"}).status_code == 200
    assert MailOptOut.objects.count() == 1
    assert "no more e-mails" in stranger.post(page, follow=True).content.decode()
    assert MailOptOut.objects.count() == 1
    for forged in (f"{number[:-1]}x", number.partition(".")[0], "1." + "0" * 20, "%00", "9" * 30):
        assert stranger.post(f"/mail/stop/{forged}/").status_code == 404
    assert "comes from a test" in stranger.get("/mail/stop/test/").content.decode()


def test_whoever_judges_a_mailing_can_read_the_mail_of_each_row() -> None:
    team = promos.team(funds=1_000_000)
    mailing = lists.draft(team, rows="email,name,language\na@x.jp,一郎,\nj@x.jp,John,en\nb@x.jp,二郎,\n")
    client = signed_in(team.approver)
    lists.submitted(team, mailing)
    page = reverse("admin:campaigns_mailing_change", args=(mailing.pk,))

    def read(query: str) -> tuple[bool, bool]:
        text = client.get(page + query).content.decode()
        return "一郎" in text, "二郎" in text

    assert [read(query) for query in ("", "?row=2", "?row=3", "?row=4", "?row=99", "?row=x", "?row=²")] == [
        *[(True, False)] * 2,
        *[(False, True)] * 2,
        *[(True, False)] * 3,
    ]
    shown = client.get(page).content.decode()
    assert "?row=4#mail-ja" in shown
    assert "Row before" not in shown
