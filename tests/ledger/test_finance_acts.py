"""Acts of finance in the admin: asked for by one person, decided by another."""

import uuid
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from ledger import audit, queries
from ledger import services as ledger
from ledger.models import (
    Adjustment,
    AdjustmentState,
    DaySeal,
    Settlement,
    SettlementState,
)
from parties.models import Role, User
from tests import make
from tests.campaigns.pages import signed_in, told
from tests.ledger.finance import asked_for, closed, page_of, prepared, text_of
from tests.ledger.town import DAY, Town, busy
from tests.make import NOON

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("december")]


@pytest.fixture
def town() -> Town:
    row = Town()
    busy(row)
    return row


@pytest.fixture
def operator() -> User:
    return make.staff(Role.FINANCE, None)


# --- Adjustments ----------------------------------------------------------------------------------


def sent(client: Client, kind: str, **data: Any) -> Any:
    values = {"form_number": str(uuid.uuid4()), "reason": "Complaint 12"} | data
    return client.post(reverse("admin:ledger_adjustment_add") + f"?kind={kind}", values, follow=True)


def decide(client: Client, row: Any, what: str, **data: str) -> Any:
    return client.post(page_of(row, what), data, follow=True)


def test_points_by_hand_are_asked_for_by_one_and_booked_by_another(town: Town) -> None:
    first, second = (signed_in(make.staff(Role.FINANCE, town.books)) for _ in range(2))
    member = town.wallet.member
    assert member
    before = queries.balance_of(town.wallet)
    grant = {"brand": town.books.pk, "member": str(member.public_id), "points": "120", "life": "days"}
    assert "recorded" in told(sent(first, "grant", **grant, number="30"))
    adjustment = Adjustment.objects.get()
    assert "30 days" in text_of(second, page_of(adjustment))
    assert "Confirm and book" not in text_of(first, page_of(adjustment))
    assert "Another person" in told(decide(first, adjustment, "confirm", fingerprint=adjustment.fingerprint))
    assert "not what you saw" in told(decide(second, adjustment, "confirm", fingerprint="0" * 64))
    assert queries.balance_of(town.wallet) == before
    assert "booked" in told(decide(second, adjustment, "confirm", fingerprint=adjustment.fingerprint))
    assert queries.balance_of(town.wallet) == before + 120
    assert "decided already" in told(decide(second, adjustment, "reject"))
    assert not list(audit.differences())


def test_a_form_sent_twice_asks_once(town: Town) -> None:
    client = signed_in(make.staff(Role.SUPPORT, town.books))
    data = {"form_number": str(uuid.uuid4()), "brand": town.books.pk, "original_key": "grant:b", "points": ""}
    for _ in range(2):
        assert "recorded" in told(sent(client, "take_back", **data))
    assert Adjustment.objects.get().points is None
    assert "sent before" in sent(client, "take_back", **data | {"points": "3"}).content.decode()


@pytest.mark.both
@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"member": str(uuid.UUID(int=1))}, "no wallet of that member"),
        ({"member": "12"}, "A Tokuten number looks like"),
        ({"number": ""}, "how long the points last"),
        ({"number": "0"}, "out of bounds"),
        ({"life": "date", "last_day": "2020-01-01"}, "has passed"),
        ({"life": "month_end", "number": "121"}, "out of bounds"),
        ({"points": "0"}, "1 point or more"),
        ({"points": "9" * 30}, "10^12 points or fewer"),
        ({"reason": "\u200b"}, "required"),
    ],
)
def test_what_can_not_be_granted_is_told_at_its_field(
    town: Town, changes: dict[str, str], words: str
) -> None:
    client = signed_in(make.staff(Role.FINANCE, town.books))
    assert town.wallet.member
    grant = {
        "brand": town.books.pk,
        "member": str(town.wallet.member.public_id),
        "points": "120",
        "life": "days",
        "number": "30",
    }
    said = sent(client, "grant", **grant | changes).content.decode()
    assert words in said
    assert not Adjustment.objects.exists()


def test_a_correction_needs_finance_of_both_brands(town: Town, operator: User) -> None:
    settlement = closed(town, operator)
    asker, deputy = (signed_in(make.staff(Role.FINANCE, town.bakery)) for _ in range(2))
    add = reverse("admin:ledger_adjustment_add") + f"?kind=correct&settlement={settlement.pk}"
    assert f'value="{settlement.pk}" selected' in text_of(asker, add)
    ask = {"settlement": settlement.pk, "brand": town.bakery.pk, "acceptor": town.books.pk, "store": ""}
    sent(asker, "correct", **ask, points="-25")
    adjustment = Adjustment.objects.get()
    assert "Confirm and book" not in text_of(deputy, page_of(adjustment))
    assert decide(deputy, adjustment, "confirm", fingerprint=adjustment.fingerprint).status_code == 404
    boss = signed_in(make.staff(Role.FINANCE, None))
    assert "booked" in told(decide(boss, adjustment, "confirm", fingerprint=adjustment.fingerprint))
    assert "Complaint 12" in text_of(boss, page_of(settlement))


@pytest.mark.parametrize("role", [Role.MARKETER, Role.APPROVER, Role.AUDITOR])
def test_no_other_role_asks(town: Town, role: Role) -> None:
    client = signed_in(make.staff(role, town.books))
    assert client.get(reverse("admin:ledger_adjustment_add")).status_code == 403
    assert sent(client, "take_back", brand=town.books.pk, original_key="grant:b").status_code == 403
    assert not Adjustment.objects.exists()


def test_support_asks_and_does_not_decide(town: Town) -> None:
    adjustment = asked_for(town, make.staff(Role.SUPPORT, town.books))
    other = signed_in(make.staff(Role.SUPPORT, town.books))
    assert "Confirm and book" not in text_of(other, page_of(adjustment))
    for what in ("confirm", "reject"):
        assert decide(other, adjustment, what, fingerprint=adjustment.fingerprint).status_code == 404
    adjustment.refresh_from_db()
    assert adjustment.state == AdjustmentState.REQUESTED


def test_more_than_a_transfer_moved_is_not_asked_back(town: Town) -> None:
    client = signed_in(make.staff(Role.FINANCE, town.books))
    ask = {"brand": town.books.pk, "original_key": "grant:b"}
    assert "has moved fewer points" in sent(client, "take_back", **ask, points="401").content.decode()
    assert not Adjustment.objects.exists()
    assert "recorded" in told(sent(client, "take_back", **ask, points="400"))


def test_a_kind_that_there_is_not_is_refused_and_a_get_does_not_act(town: Town) -> None:
    client = signed_in(make.staff(Role.FINANCE, town.books))
    adjustment = asked_for(town, make.staff(Role.FINANCE, town.books))
    assert client.get(reverse("admin:ledger_adjustment_add"), {"kind": "gift"}).status_code == 404
    # So the act's address answers after a session has ended and the person has signed in anew.
    for what in ("confirm", "reject"):
        answer = client.get(page_of(adjustment, what), follow=True)
        assert answer.redirect_chain == [("../change/", 302)]
    adjustment.refresh_from_db()
    assert adjustment.state == AdjustmentState.REQUESTED


# --- Settlements ----------------------------------------------------------------------------------


def test_a_statement_is_prepared_by_one_and_closed_by_another(town: Town) -> None:
    first, second = (signed_in(make.staff(Role.FINANCE, None)) for _ in range(2))
    add = reverse("admin:ledger_settlement_add")
    for last_day, words in (("2099-01-01", "has not ended yet"), ("9999-12-31", "between the years")):
        early = first.post(add, {"program": town.program.pk, "last_day": last_day})
        assert words in early.content.decode()
    asked = first.post(add, {"program": town.program.pk, "last_day": "2026-11-30"}, follow=True)
    assert "prepared" in told(asked)
    settlement = Settlement.objects.get()
    assert "Close the statement" not in text_of(first, page_of(settlement))
    assert "ask a colleague" in told(decide(first, settlement, "close", sha256=settlement.sha256))
    assert "not the statement that you saw" in told(decide(second, settlement, "close", sha256="0" * 64))
    said = text_of(second, page_of(settlement))
    assert settlement.sha256 in said
    assert "closed" in told(decide(second, settlement, "close", sha256=settlement.sha256))
    settlement.refresh_from_db()
    assert settlement.state == SettlementState.CLOSED
    assert "decided already" in told(decide(first, settlement, "reject"))


def test_the_settlement_page_shows_lines_pairs_and_dues(town: Town, operator: User) -> None:
    settlement = closed(town, operator)
    said = text_of(signed_in(operator), page_of(settlement))
    for line in settlement.lines.all():
        assert f"{line.points:,}</td>" in said
        assert f"{line.yen:,}</td>" in said
        assert line.store is None or line.store.name in said
    part = text_of(signed_in(make.staff(Role.FINANCE, town.books)), page_of(settlement))
    positions = [
        text.partition('id="positions-title"')[2].partition("</section>")[0] for text in (said, part)
    ]
    assert ["Bakery" in text for text in positions] == [True, False]
    assert all("Books" in text for text in positions)


@pytest.mark.parametrize(("kind", "beginning"), [("csv", b"\xef\xbb\xbf"), ("xlsx", b"PK"), ("pdf", b"%PDF")])
def test_the_statement_comes_as_a_file(town: Town, operator: User, kind: str, beginning: bytes) -> None:
    settlement = closed(town, operator)
    address = reverse("admin:ledger_settlement_file", args=(settlement.pk, kind))
    whole = signed_in(operator).get(address)
    part = signed_in(make.staff(Role.AUDITOR, town.books)).get(address)
    for response in (whole, part):
        assert response.content.startswith(beginning)
        assert "no-store" in response["Cache-Control"]
    assert "extract" in part["Content-Disposition"]
    assert signed_in(make.staff(Role.SUPPORT, town.books)).get(address).status_code == 404
    assert signed_in(operator).get(address.replace(f"/{kind}/", "/exe/")).status_code == 404


def test_a_dispute_is_a_note(town: Town, operator: User) -> None:
    settlement = closed(town, operator)
    ours = signed_in(make.staff(Role.FINANCE, town.books))
    assert "added" in told(decide(ours, settlement, "note", text="The oven took 40 <b>more</b>."))
    assert "The oven took 40 &lt;b&gt;more&lt;/b&gt;." in text_of(signed_in(operator), page_of(settlement))
    assert "1 to 2,000" in told(decide(ours, settlement, "note", text="  "))
    for role in (Role.AUDITOR, Role.SUPPORT):
        reader = signed_in(make.staff(role, town.books))
        assert decide(reader, settlement, "note", text="me too").status_code == 404


def test_brands_neither_prepare_nor_decide_nor_see_what_is_not_closed(town: Town, operator: User) -> None:
    settlement = prepared(town, operator)
    client = signed_in(make.staff(Role.FINANCE, town.books))
    assert client.get(page_of(settlement)).status_code == 404
    assert client.get(reverse("admin:ledger_settlement_add")).status_code == 403
    for what in ("close", "reject", "note"):
        answer = decide(client, settlement, what, sha256=settlement.sha256, text="x")
        assert answer.status_code == 404
    settlement.refresh_from_db()
    assert settlement.state == SettlementState.PREPARED


# --- Home and sealed days -------------------------------------------------------------------------


def test_what_waits_for_a_second_person_is_on_the_home_page(town: Town, operator: User) -> None:
    adjustment = asked_for(town, operator)
    settlement = prepared(town, operator)
    home = reverse("admin:index")

    def waiting(person: User) -> list[bool]:
        said = text_of(signed_in(person), home)
        return [page_of(row) in said for row in (adjustment, settlement)]

    assert waiting(operator) == [False, False]
    assert waiting(make.staff(Role.FINANCE, None)) == [True, True]
    assert waiting(make.staff(Role.FINANCE, town.books)) == [True, False]
    assert waiting(make.staff(Role.FINANCE, town.bakery)) == [False, False]
    assert waiting(make.staff(Role.AUDITOR, None)) == [False, False]


def test_a_manifest_is_downloaded_as_it_was_exported(town: Town, operator: User) -> None:
    ledger.seal_due_days(at=NOON + 40 * DAY, limit=1)
    seal = DaySeal.objects.get(program=town.program)
    client = signed_in(operator)
    address = reverse("admin:ledger_dayseal_manifest", args=(seal.pk,))
    response = client.get(address)
    content = b"".join(response.streaming_content)  # type: ignore[attr-defined]  # a file
    assert seal.head in content.decode()
    assert address in text_of(client, page_of(seal))
