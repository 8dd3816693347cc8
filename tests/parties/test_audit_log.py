"""The audit log: what staff did is one row each, with whom, what, why and from where; nobody changes it."""

import re
from typing import Any

import pytest
from django.core import mail
from django.db import Error, connection, transaction
from django.test import Client
from django.urls import reverse

from campaigns import services as campaigns
from campaigns.errors import OrderChanged
from giftcodes import services as giftcodes
from giftcodes.models import Batch, BatchState
from parties import api_services, audit_log
from parties.errors import NotReachable
from parties.models import Role, User
from parties.staff_models import Act, AuditRecord
from tests import factors, make
from tests.campaigns import promos
from tests.campaigns.pages import signed_in
from tests.make import NOON
from tests.redemption_site import visits

pytestmark = pytest.mark.django_db


def acts() -> list[tuple[str, int | None, str]]:
    """What was recorded, by whom, why; oldest first."""
    return list(AuditRecord.objects.order_by("pk").values_list("act", "actor_id", "reason"))


def last() -> AuditRecord:
    return AuditRecord.objects.latest("pk")


def forget_so_far() -> int:
    """The number of the newest record: what comes later is what a test asks about."""
    return AuditRecord.objects.order_by("-pk").values_list("pk", flat=True).first() or 0


def since(number: int) -> list[str]:
    return list(AuditRecord.objects.filter(pk__gt=number).order_by("pk").values_list("act", flat=True))


def test_the_way_of_an_order_is_told_with_its_people_and_its_brand() -> None:
    team = promos.team()
    start = forget_so_far()
    order = promos.submitted(team)
    promos.approve(order, team.approver)
    rejected = promos.submitted(team)
    campaigns.reject_order(order_id=rejected.pk, approver=team.approver, note="too many", at=NOON)
    campaigns.reopen_order(order_id=rejected.pk, user=team.marketer, at=NOON)
    assert since(start) == ["submitted", "approved", "submitted", "rejected", "reopened"]
    approved = AuditRecord.objects.get(act=Act.APPROVED)
    assert (approved.actor, approved.brand) == (team.approver, team.brand)
    assert (approved.subject_type, approved.subject_id) == ("campaigns.order", str(order.pk))
    assert order.public_id.hex[:8] in approved.subject
    assert AuditRecord.objects.get(act=Act.REJECTED).reason == "too many"


def test_codes_that_are_opened_stopped_and_handed_over_are_told() -> None:
    team = promos.team()
    order = promos.submitted(team)
    batch = promos.approve(order, team.approver)
    while giftcodes.mint_next_chunk(batch_id=batch.pk, at=NOON):
        pass
    Batch.objects.filter(pk=batch.pk).update(state=BatchState.MINTED, activated_at=None)
    start = forget_so_far()
    ask: dict[str, Any] = {"order_id": order.pk, "at": NOON}
    campaigns.activate_codes(user=team.approver, verified_at=NOON, **ask)
    for _twice in range(2):
        campaigns.pause_codes(user=team.marketer, reason="leak", **ask)
    campaigns.resume_codes(user=team.approver, reason="all well", verified_at=NOON, **ask)
    delivery = batch.delivery
    delivery.refresh_from_db()
    giftcodes.take_delivery(public_id=delivery.public_id, user=team.marketer, at=NOON).file.close()
    giftcodes.reveal_passphrase(public_id=delivery.public_id, user=team.marketer, verified_at=NOON, at=NOON)
    assert since(start) == ["activated", "paused", "resumed", "downloaded", "passphrase_shown"]
    assert {record.brand for record in AuditRecord.objects.filter(pk__gt=start)} == {team.brand}


def test_withdrawals_and_longer_windows_are_told_from_the_request_on() -> None:
    team = promos.team()
    start = forget_so_far()
    longer = promos.extension_request(team)
    batch = Batch.objects.get(order=longer.order)
    void = promos.void_request(team, batch)
    ask: dict[str, Any] = {"user": team.approver, "at": NOON}
    giftcodes.reject_void(request_id=void.pk, note="keep it", **ask)
    again = promos.void_request(team, batch)
    giftcodes.approve_void(request_id=again.pk, fingerprint=again.fingerprint, verified_at=NOON, **ask)
    campaigns.reject_extension(request_id=longer.pk, note="no", **ask)
    told = AuditRecord.objects.filter(pk__gt=start).exclude(subject_type="campaigns.order").order_by("pk")
    assert list(told.values_list("act", "actor", "reason", "subject_type", "subject_id", "brand")) == [
        (act, who.pk, why, kind, str(row.pk), team.brand.pk)
        for act, who, why, kind, row in [
            ("requested", team.marketer, "the posters came late", "campaigns.extensionrequest", longer),
            ("requested", team.marketer, "misprint", "giftcodes.voidrequest", void),
            ("rejected", team.approver, "keep it", "giftcodes.voidrequest", void),
            ("requested", team.marketer, "misprint", "giftcodes.voidrequest", again),
            ("voided", team.approver, "misprint", "giftcodes.voidrequest", again),
            ("rejected", team.approver, "no", "campaigns.extensionrequest", longer),
        ]
    ]


def test_what_is_refused_leaves_no_record() -> None:
    team = promos.team()
    order = promos.submitted(team)
    start = forget_so_far()
    with pytest.raises(NotReachable):
        promos.approve(order, team.marketer)
    with pytest.raises(OrderChanged):
        promos.approve(order, team.approver, "another fingerprint")
    assert since(start) == []


def test_a_new_series_of_codes_is_told_once() -> None:
    series, _again = (giftcodes.open_series(digit=3, at=NOON) for _ in range(2))
    assert acts() == [(Act.KEY_MADE.value, None, "")]
    assert (last().subject_type, last().subject_id) == ("giftcodes.series", str(series.pk))


def test_money_keys_and_locks_are_told() -> None:
    team = promos.team(funds=0)
    start = forget_so_far()
    make.deposit(team.brand, 500)
    key, _text = make.api_key(make.api_client(team.brand, created_by=team.marketer))
    api_services.revoke_key(key_id=key.pk, by=team.marketer, at=NOON)
    api_services.revoke_key(key_id=key.pk, by=team.marketer, at=NOON)
    assert since(start) == ["requested", "confirmed", "key_made", "key_ended"]
    assert key.digest not in str(list(AuditRecord.objects.values()))


def test_forms_of_the_admin_are_told_by_their_fields_and_not_by_what_they_say() -> None:
    root = make.user(is_staff=True, is_superuser=True)
    client, brand = signed_in(root), make.brand()
    person = make.user(is_staff=True)
    client.post(reverse("admin:parties_store_add"), {"brand": brand.pk, "code": "shibuya", "name": "Shibuya"})
    added = last()
    assert (added.act, added.actor, added.brand) == (Act.ADDED, root, brand)
    assert added.subject_type == "parties.store"
    client.post(
        reverse("admin:parties_user_change", args=(person.pk,)), {"name": "Hanako", "is_active": "on"}
    )
    changed = last()
    assert (changed.act, changed.subject, changed.subject_id) == (Act.CHANGED, "", str(person.pk))
    assert changed.reason
    assert "Hanako" not in str(list(AuditRecord.objects.values()))


def test_sign_ins_are_told_with_their_address_and_failed_ones_of_people_who_work_here() -> None:
    person = make.user(email="staff@example.com", password="correct horse", is_staff=True)
    factors.app_of(person)
    client = Client(REMOTE_ADDR="203.0.113.7")
    client.post("/admin/login/", {"username": "Staff@example.com", "password": "wrong"})
    client.post("/admin/login/", {"username": "nobody@example.com", "password": "wrong"})
    client.post("/admin/login/", {"username": "staff@example.com", "password": "correct horse"})
    client.post("/admin/second-factor/", {"code": "1"})
    visits.through_admin(client, person)
    failed, signed_in_at = Act.SIGN_IN_FAILED.value, Act.SIGN_IN.value
    assert acts() == [
        (failed, person.pk, "password"),
        (failed, person.pk, "second factor"),
        (signed_in_at, person.pk, "totp"),
    ]
    assert set(AuditRecord.objects.values_list("address", flat=True)) == {"203.0.113.7"}
    assert "203.0.113.7" in client.get(reverse("staff_factors")).content.decode()


def test_an_address_counts_for_its_request_alone() -> None:
    with audit_log.asked_from("203.0.113.7"):
        audit_log.record(Act.UNMASKED, by=make.user(is_staff=True))
    audit_log.record(Act.UNMASKED, by=make.user(is_staff=True))
    assert list(AuditRecord.objects.order_by("pk").values_list("address", flat=True)) == ["203.0.113.7", None]


@pytest.mark.parametrize(
    "code",
    ["1234567890123456", "1234-5678-9012-3456", "１２３４ ５６７８ ９０１２ ３４５６", "12345678\n90123456"],
)
def test_no_code_gets_into_a_record(code: str) -> None:
    person = make.user(is_staff=True)
    audit_log.record(Act.PAUSED, by=person, label=f"card {code}", reason=f"{code} was posted")
    assert (last().subject, last().reason) == ("card ••••", "•••• was posted")
    kept = str(list(AuditRecord.objects.values("subject", "reason")))
    assert not re.search(r"\d{8}", kept)


def test_those_who_stand_for_people_in_sandboxes_leave_none() -> None:
    audit_log.record(Act.APPROVED, by=make.user(is_staff=False))
    assert not AuditRecord.objects.exists()


@pytest.mark.postgresql
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("table", ["parties_auditrecord", "parties_auditseal"])
def test_postgresql_refuses_to_change_delete_or_empty_it(table: str) -> None:
    audit_log.record(Act.UNMASKED, by=make.user(is_staff=True))
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO parties_auditseal VALUES ('2026-11-01', 0, %s, %s, 's1', now())",
            ["0" * 64, "1" * 64],
        )
    changed = {"parties_auditrecord": "reason = 'x'", "parties_auditseal": "rows = 1"}[table]
    for statement in (f"UPDATE {table} SET {changed}", f"DELETE FROM {table}", f"TRUNCATE {table}"):
        with pytest.raises(Error, match="append-only"), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(statement)


def listed(person: User, **query: str) -> Any:
    return signed_in(person).get(reverse("admin:parties_auditrecord_changelist"), query)


def found(person: User, **query: str) -> set[AuditRecord]:
    return set(listed(person, **query).context["cl"].queryset)


def test_auditors_read_their_brand_the_operators_all_and_others_nothing() -> None:
    team, other = promos.team(), promos.team()
    for each in (team, other):
        promos.submitted(each)
    audit_log.record(Act.UNMASKED, by=make.staff(Role.SUPPORT, None))
    own = AuditRecord.objects.filter(brand=team.brand)
    assert found(make.staff(Role.AUDITOR, team.brand)) == set(own)
    assert len(found(make.staff(Role.AUDITOR, None))) == AuditRecord.objects.count()
    for role in set(Role) - {Role.AUDITOR}:
        assert listed(make.staff(role, team.brand)).status_code == 403
        assert listed(make.staff(role, None)).status_code == 403


def test_it_is_searched_by_person_thing_reason_and_address() -> None:
    team = promos.team()
    auditor = make.staff(Role.AUDITOR, None)
    order = promos.submitted(team)
    with audit_log.asked_from("203.0.113.7"):
        campaigns.reject_order(order_id=order.pk, approver=team.approver, note="too many", at=NOON)
    rejected = AuditRecord.objects.get(act=Act.REJECTED)
    for typed in (str(team.approver.email), "too many", "203.0.113.7"):
        assert found(auditor, q=typed) == {rejected}, typed
    assert rejected in found(auditor, q=order.public_id.hex[:8])
    assert found(auditor, act__exact="rejected") == {rejected}
    assert found(auditor, q="nothing like it") == set()


def test_nobody_adds_changes_or_deletes_by_the_admin() -> None:
    root = make.user(is_staff=True, is_superuser=True)
    audit_log.record(Act.UNMASKED, by=root)
    client, number = signed_in(root), last().pk
    assert client.get(reverse("admin:parties_auditrecord_add")).status_code == 403
    for page in ("change", "delete"):
        answer = client.post(reverse(f"admin:parties_auditrecord_{page}", args=(number,)), {"reason": "x"})
        assert answer.status_code == 403, page


def test_a_superuser_withdraws_factors_with_a_reason_and_reads_the_sign_ins() -> None:
    root, person = make.user(is_staff=True, is_superuser=True), make.user(is_staff=True)
    browser, client = signed_in(person), signed_in(root)
    assert browser.get("/admin/").status_code == 200
    page = reverse("admin:parties_user_access", args=(person.pk,))
    client.post(page, {"reason": " "})
    assert browser.get("/admin/").status_code == 200
    client.post(page, {"reason": "lost telephone"})
    assert browser.get("/admin/").status_code == 302
    assert (last().act, last().actor, last().reason) == (Act.FACTORS_WITHDRAWN, root, "lost telephone")
    assert [message.to for message in mail.outbox] == [[person.email]]
    assert "lost telephone" in client.get(page).content.decode()
    assert page in client.get(reverse("admin:parties_user_change", args=(person.pk,))).content.decode()


@pytest.mark.parametrize("role", Role)
def test_nobody_else_opens_that_page(role: Role) -> None:
    person = make.user(is_staff=True)
    for brand in (make.brand(), None):
        client = signed_in(make.staff(role, brand))
        page = reverse("admin:parties_user_access", args=(person.pk,))
        assert client.get(page).status_code == client.post(page, {"reason": "x"}).status_code == 404


@pytest.mark.parametrize("between", ["", " ", "-", "ー", "‐", "–", "―", "／", "・", "\u200b", ". "])
def test_no_code_gets_into_the_log_however_it_is_typed(between: str) -> None:
    typed = between.join(["1234", "5678", "9012", "3456"])
    assert "3456" not in audit_log.without_codes(f"sent {typed} twice")
    assert "3456" not in audit_log.without_codes("%31%32%33%34" + typed[4:])


def test_a_code_in_the_reason_of_a_rejection_is_kept_nowhere() -> None:
    team = promos.team()
    order = promos.submitted(team)
    code = make.code_of(make.live_batch(size=1))
    note = "x" * 190 + "ー".join([code[:4], code[4:8], code[8:12], code[12:]])
    campaigns.reject_order(order_id=order.pk, approver=team.approver, note=note, at=NOON)
    order.refresh_from_db()
    kept = AuditRecord.objects.filter(act=Act.REJECTED).latest("pk").reason
    for text in (order.decision_note, kept):
        assert code[:4] not in text


def test_people_read_their_own_sign_ins_and_auditors_those_of_their_brand() -> None:
    team, elsewhere = promos.team(), promos.team()
    person = team.marketer
    with audit_log.asked_from("203.0.113.7"):
        audit_log.record(Act.SIGN_IN, by=person, subject=person, reason="totp")
        audit_log.record(Act.SIGN_IN_FAILED, by=person, subject=person, reason="password")
    own = signed_in(person).get(reverse("staff_sign_ins")).content.decode()
    assert own.count("203.0.113.7") == 2
    assert "authenticator app" in own
    assert "203.0.113.7" not in signed_in(team.approver).get(reverse("staff_sign_ins")).content.decode()
    page = reverse("admin:parties_staffrole_change", args=(person.staff_roles.get().pk,))
    readers = [make.staff(Role.AUDITOR, team.brand), make.staff(Role.AUDITOR, None)]
    readers.append(make.user(is_staff=True, is_superuser=True))
    assert all("203.0.113.7" in signed_in(reader).get(page).content.decode() for reader in readers)
    assert "203.0.113.7" not in signed_in(team.approver).get(page).content.decode()
    stranger = make.staff(Role.AUDITOR, elsewhere.brand)
    person.staff_roles.create(brand=elsewhere.brand, role=Role.SUPPORT)
    assert signed_in(stranger).get(page).status_code == 404
