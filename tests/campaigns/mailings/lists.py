"""Mailings, their lists and the people around them, for these tests."""

from datetime import datetime
from typing import Any

from campaigns.files.tables import read_table
from campaigns.mailing_files import recipients_in
from campaigns.mailing_models import Mailing, Recipient
from campaigns.mailing_texts import columns_used
from campaigns.queries import limit_group_of
from campaigns.services import mailing_sending, mailings
from campaigns.services.mailings import Wording
from giftcodes.models import Batch
from tests import make
from tests.campaigns import promos
from tests.factors import just_now
from tests.make import NOON

WORDING = Wording(
    title="Spring gifts",
    subject_ja="{{name}}様へ",
    body_ja="{{name}} 様\n{{points}} ポイント、{{last_day}}\n{{link}}",
    subject_en="For {{name}}",
    body_en="Dear {{name}}: {{points}} points, {{last_day}}\n{{link}}",
    sender_name="Kissa Aoi",
    sender_address="1-2-3 Jingumae, Tokyo",
    contact="03-0000-0000",
)
LIST = "メールアドレス,氏名,ポイント,言語\nhana@example.jp,花子,500,\njohn@example.com,John,,en\n"


def order_for(mailing: Mailing, **fields: Any) -> Batch:
    """An order that issues gifts of the mailing's campaign, of 100 points where the list says nothing."""
    campaign = mailing.campaign
    return make.gift_batch(
        brand=campaign.brand,
        limit_group=limit_group_of(campaign),
        **{"size": 50, "face_points": 100} | fields,
    )


def draft(team: promos.Team, *, rows: str = LIST, order: bool = True, **wording: str) -> Mailing:
    campaign = promos.campaign(team)
    mailing = mailings.create_mailing(
        campaign_id=campaign.pk, wording=WORDING._replace(**wording), user=team.marketer, at=NOON
    )
    if order:
        order_for(mailing)
    return fill(mailing, team, rows)


def fill(mailing: Mailing, team: promos.Team, rows: str) -> Mailing:
    read = recipients_in(read_table(rows.encode()), used=columns_used(mailing))
    assert read.mistakes == ()
    return mailings.replace_list(
        mailing_id=mailing.pk,
        rows=read.rows,
        columns=read.columns,
        twice=read.twice,
        user=team.marketer,
        at=NOON,
    )


def submitted(team: promos.Team, mailing: Mailing | None = None, **fields: Any) -> Mailing:
    return mailings.submit_mailing(
        mailing_id=(mailing or draft(team, **fields)).pk,
        consent_how="box ticked when they joined",
        is_consent_stated=True,
        user=team.marketer,
        at=NOON,
    )


def sending(team: promos.Team, **fields: Any) -> Mailing:
    asked = submitted(team, **fields)
    return mailings.approve_mailing(
        mailing_id=asked.pk, fingerprint=asked.fingerprint, user=team.approver, **just_now(NOON)
    )


def send_all(at: datetime = NOON) -> None:
    while mailing_sending.send_step(at=at):
        pass


def mail(mailing: Mailing, team: promos.Team) -> Mailing:
    """The draft, submitted, approved and sent."""
    return sent(team, mailing=mailing)


def sent(team: promos.Team, **fields: Any) -> Mailing:
    mailing = sending(team, **fields)
    send_all()
    mailing.refresh_from_db()
    return mailing


def states(mailing: Mailing) -> list[str]:
    return list(Recipient.objects.filter(mailing=mailing).order_by("row").values_list("state", flat=True))


def row(mailing: Mailing, number: int = 2) -> Recipient:
    """By the number of its row in the file; the header is 1."""
    return Recipient.objects.select_related("gift").get(mailing=mailing, row=number)
