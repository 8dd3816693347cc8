"""Questions to support as members ask them: the form, the ticket, the list, and what none of them reveals."""

import re
import uuid
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from campaigns.dispute_models import Dispute, DisputeEvidence, DisputeMessage
from giftcodes.guard_models import Attempt
from parties.models import Member
from tests import make
from tests.campaigns import tickets
from tests.giftcodes.guarded import unknown_code
from tests.giftcodes.test_masking import CODE, DISGUISES
from tests.redemption_site import visits

ASK, LIST = "/help/dispute/", "/help/disputes/"


def member_of(client: Client) -> Member:
    return Member.objects.get(user_id=client.session["_auth_user_id"])


def form_number_in(page: Any) -> str:
    found = re.search(r'name="form_number" value="([0-9a-f-]{36})"', page.content.decode())
    assert found
    return found[1]


def form(client: Client, **changes: str) -> dict[str, str]:
    defaults = {"kind": "not_used", "reference": "", "serial": "", "text": "It says used, but I did not."}
    return {"form_number": form_number_in(client.get(ASK))} | defaults | changes


def ask(client: Client, **changes: str) -> Any:
    return client.post(ASK, form(client, **changes))


def ticket_of(client: Client, **changes: str) -> Dispute:
    assert ask(client, **changes).status_code == 303
    return Dispute.objects.order_by("-pk")[0]


def page_of(dispute: Dispute) -> str:
    return f"{LIST}{dispute.number}/"


def test_a_question_gets_a_ticket_of_its_own(hanako: Client) -> None:
    answer = ask(hanako, text="Bought on Monday, tried on Tuesday.")
    dispute = Dispute.objects.get()
    assert (answer.status_code, answer["Location"]) == (303, page_of(dispute))
    page = hanako.get(page_of(dispute)).content.decode()
    assert dispute.number in page
    assert "Bought on Monday" in page
    assert "Waits for our answer" in page
    assert dispute.number in hanako.get(LIST).content.decode()
    assert (dispute.language, dispute.member) == ("en", member_of(hanako))


def test_its_language_is_the_readers(hanako: Client) -> None:
    hanako.post(ASK, form(hanako), headers={"accept-language": "ja"})
    assert Dispute.objects.get().language == "ja"


def test_from_the_refusal_page_its_number_comes_along(hanako: Client) -> None:
    batch = visits.batch_now(size=1)
    code = make.code_of(batch)
    other = Client()
    visits.member_in(other)
    other.post("/claim/", {"code": code})
    refusal = hanako.post("/claim/", {"code": code}).content.decode()
    found = re.search(r'href="(/help/dispute/\?reference=(\w{8}))"', refusal)
    assert found
    page = hanako.get(found[1])
    assert f'value="{found[2]}"' in page.content.decode()
    ticket_of(hanako, reference=found[2])
    evidence = DisputeEvidence.objects.get()
    assert (evidence.reference, evidence.serial_number) == (found[2], batch.first_claim_id)
    assert (evidence.serial_state, evidence.is_own_claim) == ("claimed", False)
    # The ticket says nothing of all that.
    shown = hanako.get(page_of(evidence.dispute)).content.decode()
    for secret in (str(batch.first_claim_id), evidence.claimer, "claimed", str(batch.brand)):
        assert secret not in shown


def test_the_page_of_a_lock_leads_there_too(hanako: Client) -> None:
    batch = visits.batch_now()
    tried = [hanako.post("/claim/", {"code": unknown_code(batch, place)}) for place in range(6)]
    page = tried[-1].content.decode()
    lock = Attempt.objects.order_by("-pk").values_list("reference", flat=True)[0]
    assert f"/help/dispute/?reference={lock}" in page


def test_the_number_of_somebody_elses_try_is_treated_like_one_that_does_not_exist(hanako: Client) -> None:
    other = Client()
    visits.member_in(other)
    other.post("/claim/", {"code": unknown_code(visits.batch_now(), 0)})
    theirs = Attempt.objects.get().reference
    pages = []
    for reference in (theirs, "ZZZZZZZZ"):
        dispute = ticket_of(hanako, reference=reference)
        assert DisputeEvidence.objects.get(dispute=dispute).reference == ""
        page = visits.text_of(hanako.get(page_of(dispute)))
        pages.append(re.sub(rf"{dispute.number}|{reference}|[0-9a-f-]{{36}}", "", page))
    assert re.sub(r"\d\d:\d\d(:\d\d\.\d+)?", "", pages[0]) == re.sub(r"\d\d:\d\d(:\d\d\.\d+)?", "", pages[1])


def test_get_sends_nothing(hanako: Client) -> None:
    dispute = ticket_of(hanako)
    hanako.get(ASK, form(hanako))
    hanako.get(page_of(dispute), {"act": "withdraw", "text": "x", "form_number": str(uuid.uuid4())})
    assert (Dispute.objects.count(), DisputeMessage.objects.count()) == (1, 1)


def test_a_double_click_sends_once(hanako: Client) -> None:
    data = form(hanako)
    first, second = hanako.post(ASK, data), hanako.post(ASK, data)
    assert first["Location"] == second["Location"]
    more = {"form_number": str(uuid.uuid4()), "text": "And one thing more.", "act": "add"}
    assert [hanako.post(first["Location"], more).status_code for _ in range(2)] == [303, 303]
    assert (Dispute.objects.count(), DisputeMessage.objects.count()) == (1, 2)


def test_a_ticket_is_for_its_member_alone(hanako: Client) -> None:
    dispute = ticket_of(hanako)
    stranger, nobody = Client(), Client()
    visits.member_in(stranger)
    data = {"form_number": str(uuid.uuid4()), "text": "x", "act": "add"}
    for number in (dispute.number, "AAAAAAAAAA", "1", "a" * 300, "É"):
        assert stranger.get(f"{LIST}{number}/").status_code == 404
        assert stranger.post(f"{LIST}{number}/", data).status_code == 404
    assert dispute.number not in stranger.get(LIST).content.decode()
    for address in (ASK, LIST, page_of(dispute)):
        answer = nobody.get(address)
        assert (answer.status_code, answer["Location"]) == (302, f"/sign-in/?next={address}")
    assert DisputeMessage.objects.count() == 1
    assert hanako.get(page_of(dispute).lower().replace("/help/disputes/", LIST)).status_code == 200


@pytest.mark.django_db
def test_the_sign_in_leads_back_to_the_form_with_its_number(client: Client) -> None:
    address = f"{ASK}?reference=AB2C3D4E"
    asked = client.get(address)
    assert asked.status_code == 302
    client.post(asked["Location"], {"email": "hanako@example.com", "next": address})
    data = {"code": visits.sign_in_code(), "next": address}
    assert client.post("/sign-in/code/", data, follow=True).redirect_chain[-1][0] == address


def test_nothing_of_it_may_be_kept_by_a_browser(hanako: Client) -> None:
    dispute = ticket_of(hanako)
    for address in ("/help/", ASK, LIST, page_of(dispute)):
        assert "no-store" in hanako.get(address)["Cache-Control"]


def test_an_answer_is_shown_and_the_member_replies(hanako: Client) -> None:
    dispute = ticket_of(hanako)
    tickets.answered(dispute, text="Which shop was it?", at=timezone.now())
    page = hanako.get(page_of(dispute)).content.decode()
    assert "Which shop was it?" in page
    assert "We have answered" in page
    assert str(dispute.messages.order_by("-pk")[0].staff.email) not in page  # type: ignore[union-attr]
    reply = {"form_number": form_number_in(hanako.get(page_of(dispute))), "text": "The bakery.", "act": "add"}
    answer = hanako.post(page_of(dispute), reply)
    assert (answer.status_code, answer["Location"]) == (303, page_of(dispute))
    dispute.refresh_from_db()
    assert dispute.state == "open"
    assert "The bakery." in hanako.get(page_of(dispute)).content.decode()


def test_a_question_can_be_withdrawn_once_and_for_all(hanako: Client) -> None:
    dispute = ticket_of(hanako)
    data = {"form_number": str(uuid.uuid4()), "act": "withdraw"}
    assert hanako.post(page_of(dispute), data | {"form_number": "x"}).status_code == 400
    assert [hanako.post(page_of(dispute), data).status_code for _ in range(2)] == [303, 303]
    page = hanako.get(page_of(dispute)).content.decode()
    assert "Withdrawn by you" in page
    assert "<textarea" not in page
    late = {"form_number": str(uuid.uuid4()), "text": "But wait", "act": "add"}
    assert "This question is closed" in hanako.post(page_of(dispute), late, follow=True).content.decode()
    assert DisputeMessage.objects.count() == 2


def test_a_resolved_one_says_until_when_it_can_be_reopened(hanako: Client) -> None:
    dispute = ticket_of(hanako)
    tickets.resolved(dispute, at=timezone.now() - timedelta(days=13))
    page = hanako.get(page_of(dispute)).content.decode()
    assert "Closed: in your favour" in page
    assert "the question is open again" in page
    Dispute.objects.update(resolved_at=timezone.now() - timedelta(days=14))
    assert "<textarea" not in hanako.get(page_of(dispute)).content.decode()


def test_of_fifty_in_a_row_three_come_through_and_the_rest_are_told_why(hanako: Client) -> None:
    answers = [ask(hanako, text=f"Number {place}") for place in range(50)]
    assert [answer.status_code for answer in answers] == [303] * 3 + [429] * 47
    page = answers[-1].content.decode()
    assert "Three of your questions are still open" in page
    assert "Number 49" in page  # nothing has to be typed again
    assert Dispute.objects.count() == 3


def test_somebody_who_goes_on_and_on_waits_for_an_answer(hanako: Client) -> None:
    dispute = ticket_of(hanako)
    codes = [
        hanako.post(
            page_of(dispute), {"form_number": str(uuid.uuid4()), "text": f"More {place}", "act": "add"}
        ).status_code
        for place in range(6)
    ]
    assert codes == [303] * 4 + [429] * 2


BAD: dict[str, tuple[dict[str, str], int, str]] = {
    "nothing": ({"text": "", "kind": ""}, 400, "Choose what happened."),
    "no text": ({"text": "   "}, 400, "Write what happened, in a few words."),
    "only what can't be seen": ({"text": "\u200b\x00\u202e"}, 400, "Write what happened, in a few words."),
    "unknown kind": ({"kind": "refund"}, 400, "Choose what happened."),
    "a million characters": ({"text": "x" * 1_000_000}, 400, "Write 2000 characters or fewer"),
    "a million in the number": ({"reference": "A" * 1_000_000}, 400, "8 letters and digits"),
    "a NUL in the text": ({"text": "a\x00b"}, 303, ""),
    "a NUL in the number": ({"reference": "AB2C\x003D4E"}, 303, ""),
    "bidi controls": ({"text": "\u202eevil\u202c"}, 303, ""),
    "a number in small letters": ({"reference": " ab2c-3d4e "}, 303, ""),
    "a number in wide letters": ({"reference": "ＡＢ２Ｃ－３Ｄ４Ｅ"}, 303, ""),
    "a number of other letters": ({"reference": "OOOOIIII"}, 400, "8 letters and digits"),
    "a serial number in wide digits": ({"serial": "１０００００００１２"}, 303, ""),
    "a serial number of words": ({"serial": "one"}, 400, "10 digits"),
    "a serial number too long": ({"serial": "9" * 40}, 400, "10 digits"),
    "markup": ({"text": "<script>alert(1)</script>"}, 303, ""),
    "a form without its number": ({"form_number": "x"}, 400, "did not arrive whole"),
}


@pytest.mark.both
@pytest.mark.parametrize("what", BAD)
def test_bad_input_is_told_or_made_plain(hanako: Client, what: str) -> None:
    changes, status, words = BAD[what]
    answer = ask(hanako, **changes)
    assert answer.status_code == status
    if status == 400:
        assert words in answer.content.decode()
        assert not Dispute.objects.exists()
        return
    dispute = Dispute.objects.get()
    assert dispute.stated_reference in ("", "AB2C3D4E")
    page = hanako.get(page_of(dispute)).content.decode()
    assert not set(dispute.messages.get().text) & {"\x00", "\u202e", "\u202c"}
    assert "<script>alert" not in page


@pytest.mark.parametrize("disguise", DISGUISES)
def test_a_code_in_the_text_is_masked_and_the_person_is_told(hanako: Client, disguise: str) -> None:
    dispute = ticket_of(hanako, text=f"My code is {DISGUISES[disguise]} , why?")
    assert "••••-••••-••••-" in dispute.messages.get().text
    page = hanako.get(page_of(dispute)).content.decode()
    assert "looked like a code" in page
    assert CODE not in page.replace("-", "")


@pytest.mark.parametrize("disguise", ["plain", "grouped", "wide", "spaces"])
@pytest.mark.parametrize("field", ["reference", "serial"])
def test_a_code_in_another_field_is_refused_and_not_shown_again(
    hanako: Client, field: str, disguise: str
) -> None:
    answer = ask(hanako, **{field: DISGUISES[disguise]})
    assert answer.status_code == 400
    page = answer.content.decode()
    assert "That is a code." in page
    assert DISGUISES[disguise] not in page
    assert not Dispute.objects.exists()


def test_a_form_that_comes_back_has_its_codes_masked(hanako: Client) -> None:
    page = ask(hanako, kind="", text=f"See {CODE}").content.decode()
    assert CODE not in page
    assert "••••-••••-••••-7143" in page


@pytest.mark.both
@pytest.mark.parametrize("typed", ["<script>", CODE, "a" * 10_000, "\x00"])
def test_an_address_fills_in_nothing_but_a_number(hanako: Client, typed: str) -> None:
    page = hanako.get(ASK, {"reference": typed}).content.decode()
    assert 'name="reference" type="text" value=""' in page


def test_the_form_of_another_member_is_not_taken_over(hanako: Client) -> None:
    data = form(hanako)
    other = Client(headers={"accept-language": "en"})
    visits.member_in(other)
    other.post(ASK, data)
    answer = hanako.post(ASK, data)
    assert (answer.status_code, Dispute.objects.count()) == (400, 1)
    assert "This form was used before" in answer.content.decode()


def test_help_is_for_everybody(client: Client, settings: Any) -> None:
    settings.SUPPORT_EMAIL = "help@example.com"
    page = client.get("/help/", headers={"accept-language": "en"}).content.decode()
    for words in ("typing error", "whoever gave you the code", "locked for 24 hours", "can’t sign in"):
        assert words in page
    assert "mailto:help@example.com" in page
    settings.SUPPORT_EMAIL = ""
    page = client.get("/help/", headers={"accept-language": "en"}).content.decode()
    assert "mailto:" not in page
    assert 'href="/help/"' in client.get("/").content.decode()


def test_the_account_leads_to_the_questions(hanako: Client) -> None:
    assert f'href="{LIST}"' in hanako.get("/account/").content.decode()
