"""A mailing takes two people, and what was approved is what is sent."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import IntegrityError, transaction

from campaigns import mailing_queries
from campaigns.errors import MailingRefused, OwnOrder
from campaigns.mailing_models import Mailing, Recipient
from campaigns.services import mailings
from parties.errors import FactorStale, NotReachable
from parties.models import Role
from tests import make
from tests.campaigns import promos
from tests.campaigns.mailings import lists
from tests.factors import just_now
from tests.make import NOON

pytestmark = pytest.mark.django_db


def approve(mailing: Mailing, team: promos.Team, **changes: Any) -> Mailing:
    asked: dict[str, Any] = (
        {"fingerprint": mailing.fingerprint, "user": team.approver} | just_now(NOON) | changes
    )
    return mailings.approve_mailing(mailing_id=mailing.pk, **asked)


def test_what_was_changed_behind_the_approval_is_not_sent() -> None:
    team = promos.team(funds=1_000_000)
    mailing = lists.submitted(team)
    with pytest.raises(MailingRefused, match="state"):
        mailings.edit_mailing(mailing_id=mailing.pk, wording=lists.WORDING, user=team.marketer)
    with pytest.raises(MailingRefused, match="state"):
        lists.fill(mailing, team, lists.LIST)
    for row in ({"points": 499}, {"language": "en"}):
        with transaction.atomic():
            Recipient.objects.filter(mailing=mailing, row=2).update(**row)
            with pytest.raises(MailingRefused, match="changed"):
                approve(mailing, team)
            transaction.set_rollback(True)
    with transaction.atomic():
        Mailing.objects.filter(pk=mailing.pk).update(face_points=101)
        with pytest.raises(MailingRefused, match="changed"):
            approve(mailing, team)
        transaction.set_rollback(True)
    with pytest.raises(FactorStale):
        approve(mailing, team, verified_at=NOON - timedelta(minutes=6))
    with pytest.raises(NotReachable):
        approve(mailing, team, user=make.staff(Role.APPROVER, make.brand()))
    assert approve(mailing, team).state == "sending"  # it was nothing else
    with pytest.raises(MailingRefused, match="state"):
        approve(mailing, team)


def test_a_mailing_taken_back_is_a_draft_and_needs_a_new_approval() -> None:
    team = promos.team(funds=1_000_000)
    mailing = lists.submitted(team)
    seen = mailing.fingerprint
    draft = mailings.reopen_mailing(mailing_id=mailing.pk, user=team.marketer)
    other = lists.WORDING._replace(subject_ja="another")
    mailings.edit_mailing(mailing_id=draft.pk, wording=other, user=team.marketer)
    again = lists.submitted(team, draft)
    with pytest.raises(MailingRefused, match="changed"):
        approve(again, team, fingerprint=seen)
    back = mailings.reject_mailing(mailing_id=again.pk, note="too early", user=team.approver)
    assert (back.state, back.decision_note, back.fingerprint) == ("draft", "too early", "")


def test_what_cannot_be_given_is_not_submitted() -> None:
    team = promos.team(funds=1_000_000)
    mailing = lists.draft(team, order=False)
    asked: dict[str, Any] = {"consent_how": "in shops", "is_consent_stated": True}
    asked |= {"user": team.marketer, "at": NOON}

    def refused(**changes: Any) -> str:
        with pytest.raises(MailingRefused) as refusal:
            mailings.submit_mailing(mailing_id=mailing.pk, **asked | changes)
        return refusal.value.rule

    assert refused(is_consent_stated=False) == refused(consent_how=" ") == "consent"
    assert refused() == "no_order"
    lists.order_for(mailing, size=2, most_points=499)
    assert refused() == "gift_points"
    lists.order_for(mailing, size=2, most_points=500, approved_at=NOON)
    assert refused() == "budget"  # four gifts of 100 points each, for 500 and 100
    mailings.edit_mailing(
        mailing_id=mailing.pk,
        wording=lists.WORDING._replace(subject_en="", body_en=""),
        user=team.marketer,
    )
    assert refused() == "no_english"


def test_the_database_refuses_one_person_and_sending_without_an_approval() -> None:
    team = promos.team(funds=1_000_000)
    mailing = lists.submitted(team)
    row = Mailing.objects.filter(pk=mailing.pk)
    alone = {"state": "sending", "decided_by": team.marketer, "decided_at": NOON}
    for broken in (alone, {"state": "sending"}, {"state": "sent", "ended_at": NOON}):
        with pytest.raises(IntegrityError), transaction.atomic():
            row.update(**broken)
    row.update(**alone | {"decided_by": team.approver})


def test_whoever_wrote_it_does_not_approve_it_though_somebody_else_asked() -> None:
    team = promos.team(funds=1_000_000)
    author = make.staff(Role.APPROVER, team.brand)
    author.staff_roles.create(brand=team.brand, role=Role.MARKETER)
    mailing = lists.draft(team)
    Mailing.objects.filter(pk=mailing.pk).update(created_by=author)
    asked = lists.submitted(team, mailing)
    assert list(mailing_queries.mailings_to_decide(author)) == []
    with pytest.raises(OwnOrder):
        approve(asked, team, user=author)
    assert list(mailing_queries.mailings_to_decide(team.approver)) == [asked]
    approve(asked, team)
