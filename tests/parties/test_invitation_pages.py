"""Invitations as the admin shows them, the mail, and the page behind its link."""

import re
from typing import Any

import pytest
from django.contrib.sessions.models import Session
from django.core import mail
from django.test import Client
from django.urls import reverse

from ledger.statements import database_time
from parties.invitation_models import StaffInvitation
from parties.models import Role, StaffRole, User
from parties.staff_models import Act, AuditRecord
from tests import make
from tests.campaigns.pages import signed_in, told
from tests.factors import let_in
from tests.parties.invitations import PASSWORD, Team, asked, team

pytestmark = pytest.mark.django_db

FORM = {
    "role": "marketer",
    "email": "hanako@new.example",
    "name": "山田花子",
    "language": "en",
    "reason": "joins the team",
}


def page(name: str, *args: Any) -> str:
    return reverse(f"admin:parties_staffinvitation_{name}", args=args)


def mailed(of: Team, **changes: Any) -> str:
    """The link in the mail, as it goes out when somebody confirms."""
    invitation = asked(of, **changes)
    signed_in(of.other).post(page("confirm", invitation.pk))
    found = re.search(r"https?://[^/]+(/admin/invitation/\S+/)", str(mail.outbox[-1].body))
    assert found
    return found[1]


@pytest.mark.both
def test_from_the_form_to_the_second_factor() -> None:
    of = team()
    assert of.brand
    answer = signed_in(of.asker).post(page("add"), FORM | {"brand": of.brand.pk}, follow=True)
    assert "Another person" in told(answer)
    invitation = StaffInvitation.objects.get()
    assert (invitation.requested_by, mail.outbox) == (of.asker, [])
    answer = signed_in(of.other).post(page("confirm", invitation.pk), follow=True)
    assert "on its way" in told(answer)
    letter = mail.outbox[0]
    assert (letter.to, letter.subject) == ([invitation.email], f"Invitation to work for {of.brand.name}")
    link = re.search(r"(/admin/invitation/\S+/)", str(letter.body))
    assert link
    browser = Client(headers={"accept-language": "en"})
    shown = browser.get(link[1], follow=True)
    assert (shown.status_code, shown.request["PATH_INFO"]) == (200, "/admin/invitation/")
    assert browser.get(link[1], follow=True).status_code == 200  # opening it uses up nothing
    typed = {"name": "Hanako", "new_password1": PASSWORD, "new_password2": PASSWORD}
    short = typed | {"new_password1": "1234", "new_password2": "1234"}
    assert browser.post("/admin/invitation/", short).status_code == 400
    answer = browser.post("/admin/invitation/", typed, follow=True)
    assert answer.request["PATH_INFO"] == "/admin/second-factor/set-up/"
    assert browser.get("/admin/").status_code == 302  # nothing before there is a second factor
    assert StaffRole.objects.get(user__email=invitation.email).brand == of.brand
    assert Client().get(link[1], follow=True).status_code == 410


def test_the_mail_speaks_the_language_that_was_chosen_and_names_no_secret_elsewhere() -> None:
    of = team()
    link = mailed(of)
    assert "招待" in mail.outbox[0].subject
    token = link.split("/")[-2]
    assert token not in mail.outbox[0].subject
    assert not AuditRecord.objects.filter(subject__contains=token).exists()


def test_a_reader_of_the_sessions_learns_no_link() -> None:
    link = mailed(team())
    token, browser = link.split("/")[-2], Client()
    assert browser.get(link, follow=True).status_code == 200
    kept = [session.get_decoded() for session in Session.objects.all()]
    assert any("staff_invitation" in session for session in kept)
    assert token not in str(kept)
    assert Client().get("/admin/invitation/").status_code == 410  # another browser has no link


def test_somebody_who_works_here_signs_in_first() -> None:
    of, known = team(), make.user(email="known@x.example", is_staff=True)
    link = mailed(of, email="known@x.example")
    browser = Client(headers={"accept-language": "en"})
    assert "work here already" in browser.get(link, follow=True).content.decode()
    typed = {"name": "x", "new_password1": PASSWORD, "new_password2": PASSWORD}
    browser.post("/admin/invitation/", typed)
    known.refresh_from_db()
    assert not known.check_password(PASSWORD)
    let_in(browser, known)
    browser.get(link)
    assert browser.post("/admin/invitation/").status_code == 303
    assert known.staff_roles.get().role == Role.MARKETER


def test_a_refusal_is_told_in_the_form_and_on_the_page() -> None:
    of = team()
    assert of.brand
    data = FORM | {"brand": of.brand.pk, "email": of.asker.email}
    answer = signed_in(of.asker).post(page("add"), data)
    assert "Nobody invites" in answer.content.decode()
    invitation = asked(of)
    answer = signed_in(of.asker).post(page("confirm", invitation.pk), follow=True)
    assert "another person" in told(answer)
    answer = signed_in(of.asker).post(page("add"), FORM | {"brand": of.brand.pk})
    assert "open already" in answer.content.decode()
    assert FORM["reason"] in answer.content.decode()  # what was typed is still there
    elsewhere = team()
    assert elsewhere.brand
    answer = signed_in(of.asker).post(page("add"), FORM | {"brand": elsewhere.brand.pk})
    assert "brand" in answer.context["adminform"].form.errors
    no_brand = signed_in(of.asker).post(page("add"), FORM | {"email": "c@new.example"})
    assert "brand" in no_brand.context["adminform"].form.errors


def test_a_role_is_taken_away_at_once_with_the_sessions() -> None:
    of = team()
    person = make.staff(Role.MARKETER, of.brand)
    make.staff(Role.SUPPORT, None)
    StaffRole.objects.create(user=person, brand=of.brand, role=Role.SUPPORT)
    at_work = let_in(Client(), person)
    assert at_work.get("/admin/").status_code == 200
    role = person.staff_roles.get(role=Role.MARKETER)
    keeper = signed_in(of.asker)
    assert keeper.get(reverse("admin:parties_staffrole_change", args=(role.pk,))).status_code == 200
    door = reverse("admin:parties_staffrole_remove", args=(role.pk,))
    assert "reason" in told(keeper.post(door, follow=True))
    assert "have ended" in told(keeper.post(door, {"reason": "moved on"}, follow=True))
    assert at_work.get("/admin/").status_code == 302
    assert let_in(at_work, person, verified_at=database_time()).get("/admin/").status_code == 200
    last = of.asker.staff_roles.get()
    text = keeper.get(reverse("admin:parties_staffrole_change", args=(last.pk,))).content.decode()
    assert "last approver" in text
    assert "your own role" in text


def test_superusers_make_nobody_and_set_no_password() -> None:
    root, person = make.user(is_staff=True, is_superuser=True), make.user(is_staff=True, name="Old")
    client = signed_in(root)
    for name in ("user", "staffrole"):
        assert client.get(reverse(f"admin:parties_{name}_add")).status_code == 403
    change = reverse("admin:parties_user_change", args=(person.pk,))
    forged = {"email": "me@x.example", "is_superuser": "on", "name": "New", "is_active": "on"}
    client.post(change, forged)
    person.refresh_from_db()
    assert (person.name, person.is_superuser) == ("New", False)
    assert person.email != "me@x.example"
    assert client.get(f"/admin/parties/user/{person.pk}/password/", follow=True).status_code == 404


def test_a_new_password_is_chosen_by_its_owner_with_a_link_that_works_once() -> None:
    root = make.user(is_staff=True, is_superuser=True)
    person = make.user(is_staff=True, password="forgotten")
    signed_in(root).post(reverse("admin:parties_user_access", args=(person.pk,)), {"link": "1"})
    assert mail.outbox[0].to == [person.email]
    link = re.search(r"(/admin/new-password/\S+/)", str(mail.outbox[0].body))
    assert link
    browser = Client(headers={"accept-language": "en"})
    form = browser.get(link[1], follow=True).request["PATH_INFO"]
    assert User.objects.get(pk=person.pk).check_password("forgotten")
    browser.post(form, {"new_password1": PASSWORD, "new_password2": PASSWORD})
    assert User.objects.get(pk=person.pk).check_password(PASSWORD)
    assert browser.get("/admin/").status_code == 302
    assert "does not work any more" in Client(headers={"accept-language": "en"}).get(link[1]).content.decode()
    assert AuditRecord.objects.filter(act=Act.CHANGED, reason="password", actor=person).exists()
    member = make.user()
    denied = signed_in(root).post(reverse("admin:parties_user_access", args=(member.pk,)), {"link": "1"})
    assert denied.status_code == 404
