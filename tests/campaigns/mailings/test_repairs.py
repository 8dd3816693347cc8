"""Replacing a recipient's code, and what comes back: bounces, opt-outs, and addresses that are deleted."""

from datetime import timedelta
from email.message import EmailMessage as Mail
from email.mime.message import MIMEMessage
from email.mime.multipart import MIMEMultipart
from email.mime.nonmultipart import MIMENonMultipart
from email.parser import Parser
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.db import IntegrityError, connection, transaction

from campaigns import mailing_queries as queries
from campaigns import mailing_sealing as sealing
from campaigns.errors import MailingRefused
from campaigns.mailing_models import MailBounce, MailOptOut, Recipient, Replacement
from campaigns.mailing_reports import read_report
from campaigns.mailing_texts import Mail as MailText
from campaigns.services import mailing_answers, mailing_repairs, mailing_sending, mailings
from giftcodes import audit as giftcodes_audit
from giftcodes import services as giftcodes
from giftcodes.errors import CodeNotUsable
from giftcodes.gift_models import Gift, GiftState
from ledger import audit as ledger_audit
from parties.api_models import ApiClient
from parties.errors import NotReachable
from parties.models import Role
from parties.staff_models import Act, AuditRecord
from tests import make
from tests.campaigns import promos
from tests.campaigns.mailings import lists, postbox
from tests.factors import just_now
from tests.make import NOON

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.both]


@pytest.fixture
def team() -> promos.Team:
    return promos.team(funds=1_000_000)


def code_in(message: object) -> str:
    return str(getattr(message, "body", "")).partition("#c=")[2][:16]


def report(number: str, *, status: str = "5.1.1", action: str = "failed", to: str = "") -> bytes:
    """As a mail server writes one (RFC 3464)."""
    whole = MIMEMultipart("report", report_type="delivery-status")
    whole["To"] = to or f"bounces+{number}@points.example.com"
    blocks = MIMENonMultipart("message", "delivery-status")
    fields = f"Final-Recipient: rfc822; someone@example.jp\nAction: {action}\nStatus: {status}\n"
    blocks._payload = [Parser().parsestr("Reporting-MTA: dns; mx\n"), Parser().parsestr(fields)]  # type: ignore[attr-defined]
    whole.attach(blocks)
    original = Mail()
    original["Message-ID"] = f"<mailing-{number}-1@points.example.com>"
    whole.attach(MIMEMessage(original))
    return whole.as_bytes()


def test_a_replaced_code_is_void_and_the_new_one_is_mailed_once_to_the_same_address(
    team: promos.Team,
) -> None:
    mailing = lists.sent(team)
    row, old_code, member = lists.row(mailing), code_in(postbox.taken[0]), make.member()
    old = row.gift
    assert old is not None
    support = make.staff(Role.SUPPORT, team.brand)
    mailing_repairs.replace_code(recipient_id=row.pk, reason="mail deleted", user=support, at=NOON)
    lists.send_all()
    new = lists.row(mailing).gift
    assert new is not None
    assert postbox.recipients() == ["hana@example.jp", "john@example.com", "hana@example.jp"]
    old.refresh_from_db()
    assert (old.state, new.state) == (GiftState.VOIDED, GiftState.ISSUED)
    assert (new.points, new.claim_until, new.batch_id) == (old.points, old.claim_until, old.batch_id)
    with pytest.raises(CodeNotUsable):
        giftcodes.claim_code(text=old_code, member=member, at=NOON)
    assert giftcodes.claim_code(text=code_in(postbox.taken[-1]), member=member, at=NOON).points == 500
    assert AuditRecord.objects.filter(act=Act.VOIDED, reason="mail deleted").count() == 1
    assert [*ledger_audit.differences(), *giftcodes_audit.differences()] == []


def refused(row: Recipient, team: promos.Team, reason: str = "lost") -> str:
    gifts = Gift.objects.count()
    with pytest.raises(MailingRefused) as refusal:
        mailing_repairs.replace_code(recipient_id=row.pk, reason=reason, user=team.marketer, at=NOON)
    assert (Gift.objects.count(), Replacement.objects.count()) == (gifts, 0)
    assert not Gift.objects.filter(state=GiftState.VOIDED).exists()
    return refusal.value.rule


def test_a_code_that_cannot_be_replaced_stays_as_it_is(team: promos.Team) -> None:
    mailing = lists.draft(team, order=False)
    batch = lists.order_for(mailing, size=2, face_points=500)
    mailing = lists.mail(mailing, team)
    row, other = lists.row(mailing), lists.row(mailing, 3)
    assert refused(row, team, reason="") == "reason"
    assert refused(row, team) == "budget"  # two gifts of 500 were given, and there is no third
    giftcodes.claim_code(text=code_in(postbox.taken[0]), member=make.member(), at=NOON)
    assert refused(row, team) == "claimed"
    mailing_answers.opt_out(recipient=other, at=NOON)
    assert refused(other, team) == "opted_out"
    stranger = make.staff(Role.SUPPORT, make.brand(program=batch.brand.program))
    for outsider in (stranger, team.approver, team.finance):
        with pytest.raises(NotReachable):
            mailing_repairs.replace_code(recipient_id=row.pk, reason="x", user=outsider, at=NOON)


def test_hard_bounces_are_noted_and_their_addresses_left_out_until_that_is_lifted(team: promos.Team) -> None:
    mailing = lists.sent(team)
    row = lists.row(mailing)
    number = sealing.number_of(row.pk)
    forged = f"{row.pk}.{'0' * 20}"
    ignored = [
        report(forged),
        report(number, status="4.2.2", action="delayed"),
        report(number, action="delivered"),
        b"",
        b"\xff" * 100,
        b"To: bounces+" + number.encode() + b"@points.example.com\n\nI am on holiday",
    ]
    for mail in ignored:
        assert not mailing_answers.note_bounce(report=read_report(mail), at=NOON)
    assert lists.states(mailing) == ["sent", "sent"]
    for is_new in (True, False):  # the second one changes nothing
        found = read_report(report(number, to="postmaster@points.example.com"))  # by its Message-ID alone
        assert mailing_answers.note_bounce(report=found, at=NOON) == is_new
    assert lists.states(mailing) == ["bounced", "sent"]
    assert lists.states(lists.draft(team)) == ["blocked", "waiting"]
    assert refused(row, team) == "bounced"
    mailing_repairs.lift_bounce(recipient_id=row.pk, reason="box was full", user=team.marketer, at=NOON)
    assert MailBounce.objects.get().lifted_by == team.marketer
    assert lists.states(lists.draft(team)) == ["waiting", "waiting"]


def test_the_command_reads_a_maildir_and_moves_what_it_has_read(team: promos.Team, tmp_path: Path) -> None:
    mailing = lists.sent(team)
    for name in ("new", "cur"):
        (tmp_path / name).mkdir()
    (tmp_path / "new" / "1.eml").write_bytes(report(sealing.number_of(lists.row(mailing).pk)))
    (tmp_path / "new" / "2.eml").write_bytes(b"Subject: buy now\n\n")
    told = StringIO()
    call_command("read_bounces", maildir=tmp_path, stdout=told)
    assert told.getvalue() == "2 read, 1 noted.\n"
    assert lists.states(mailing) == ["bounced", "sent"]
    assert sorted(path.name for path in tmp_path.glob("*/*")) == ["1.eml:2,S", "2.eml:2,S"]


def test_mails_within_mails_without_end_keep_no_report_behind_them_from_being_read(
    team: promos.Team, tmp_path: Path
) -> None:
    mailing = lists.sent(team)
    for name in ("new", "cur"):
        (tmp_path / name).mkdir()
    (tmp_path / "new" / "1.eml").write_bytes(b"Content-Type: message/rfc822\n\n" * 20_000)
    (tmp_path / "new" / "2.eml").write_bytes(report(sealing.number_of(lists.row(mailing).pk)))
    told = StringIO()
    call_command("read_bounces", maildir=tmp_path, stdout=told)
    assert told.getvalue() == "2 read, 1 noted.\n"


def test_an_opt_out_stands_for_good_and_for_that_brand_alone(team: promos.Team) -> None:
    mailing = lists.sent(team)
    for _twice in range(2):
        mailing_answers.opt_out(recipient=lists.row(mailing), at=NOON)
    assert MailOptOut.objects.count() == 1
    rows = "email,name\nHANA@Example.JP,Hana\n"
    assert lists.states(lists.draft(team, rows=rows)) == ["opted_out"]
    brand = make.brand(program=team.brand.program, funds=1_000)
    other = promos.Team(brand, make.staff(Role.MARKETER, brand), *team[2:])
    assert lists.states(lists.draft(other, rows=rows, order=False)) == ["waiting"]
    if connection.vendor == "postgresql":
        with pytest.raises(Exception, match="append-only"), transaction.atomic():
            MailOptOut.objects.all().delete()


def test_addresses_are_deleted_and_what_became_of_the_mails_stays(team: promos.Team) -> None:
    mailing = lists.sent(team)
    day_before = NOON + mailing_answers.KEPT_FOR - timedelta(days=1)
    assert mailing_answers.delete_old_addresses(at=day_before) == 0
    assert Recipient.objects.exclude(sealed="").count() == 2
    assert mailing_answers.delete_old_addresses(at=NOON + mailing_answers.KEPT_FOR) == 1
    assert Recipient.objects.filter(sealed="").exclude(digest="").count() == 2
    assert lists.states(mailing) == ["sent", "sent"]
    assert refused(lists.row(mailing), team) == "deleted"


def test_rows_whose_address_was_deleted_are_not_mailed_again(team: promos.Team) -> None:
    mailing = lists.sent(team)
    Recipient.objects.filter(mailing=mailing).update(state="unsure")
    mailing_answers.delete_old_addresses(at=NOON + mailing_answers.KEPT_FOR)
    with pytest.raises(MailingRefused, match="deleted"):
        mailing_repairs.send_again(
            mailing_id=mailing.pk, recipient_id=None, reason="x", user=team.marketer, at=NOON
        )


def test_a_list_that_nobody_decided_on_is_deleted_and_can_not_be_approved(team: promos.Team) -> None:
    asked = lists.submitted(team)
    old = NOON + mailing_answers.KEPT_FOR
    mailing_answers.delete_old_addresses(at=old - timedelta(days=1))
    assert lists.states(asked) == ["waiting", "waiting"]
    mailing_answers.delete_old_addresses(at=old)
    assert lists.states(asked) == []
    with pytest.raises(MailingRefused, match="changed"):
        mailings.approve_mailing(
            mailing_id=asked.pk, fingerprint=asked.fingerprint, user=team.approver, **just_now(NOON)
        )


def test_a_mailing_without_an_outlook_ends_and_its_addresses_are_deleted(team: promos.Team) -> None:
    mailing = lists.sending(team)
    ApiClient.objects.update(disabled_at=NOON)
    lists.send_all()
    old = NOON + mailing_answers.KEPT_FOR
    for at in (old - timedelta(days=1), old):
        mailing_answers.delete_old_addresses(at=at)
        mailing_sending.send_step(at=at)
        mailing.refresh_from_db()
        assert mailing.state == ("sent" if at == old else "sending")
    assert set(Recipient.objects.values_list("state", "note")) == {("refused", "too_late")}
    assert mailing_answers.delete_old_addresses(at=old + mailing_answers.KEPT_FOR) == 1
    assert not Recipient.objects.exclude(sealed="").exists()


def test_opt_outs_and_bounces_are_found_whichever_master_key_knew_the_address(
    team: promos.Team, settings: Any
) -> None:
    earlier = lists.sent(team)
    settings.CODE_MASTER_KEYS = {"later": b"k" * 32} | settings.CODE_MASTER_KEYS
    later = lists.sent(team)
    row = lists.row(earlier)
    assert row.digest != lists.row(later).digest
    found = read_report(report(sealing.number_of(lists.row(later).pk)))
    assert mailing_answers.note_bounce(report=found, at=NOON)
    assert refused(row, team) == "bounced"
    mailing_repairs.lift_bounce(recipient_id=row.pk, reason="box was full", user=team.marketer, at=NOON)
    mailing_answers.opt_out(recipient=lists.row(later), at=NOON)
    assert refused(row, team) == "opted_out"


def test_neither_a_code_nor_an_address_shows_where_a_mail_is_printed(team: promos.Team) -> None:
    person = queries.person_of(lists.row(lists.draft(team)))
    assert person is not None
    assert person.address == "hana@example.jp"
    assert "hana" not in f"{person!r} {person}"
    assert "1234" not in f"{MailText('subject', 'https://x/#c=1234')!r}"


def test_the_database_refuses_an_address_twice_in_a_list(team: promos.Team) -> None:
    mailing = lists.draft(team)
    row = lists.row(mailing)
    with pytest.raises(IntegrityError), transaction.atomic():
        Recipient.objects.create(mailing=mailing, row=9, digest=row.digest, next_try_at=NOON)
    assert lists.states(mailing) == ["waiting", "waiting"]
