"""A mailing of the demo: a list of four, of which one has been left out, sent by the demo's own worker into
the demo's own post.
"""

from datetime import datetime

from campaigns.files.tables import read_table
from campaigns.mailing_files import recipients_in
from campaigns.mailing_models import Mailing
from campaigns.models import Campaign
from campaigns.services import mailings
from parties.models import User

_TITLE = "春のお礼メール"
_WORDING = mailings.Wording(
    title=_TITLE,
    subject_ja="{{name}}様へ ポイントのプレゼントです",
    body_ja=(
        "{{name}} 様\n\nいつもありがとうございます。感謝をこめて {{points}} ポイントをお贈りします。\n"
        "次のページを開いて、お受け取りください。\n\n{{link}}\n\nお受け取りの期限: {{last_day}}"
    ),
    subject_en="Points for you, {{name}}",
    body_en="Dear {{name}},\n\nhere are {{points}} points, with our thanks:\n\n{{link}}\n\n{{last_day}}",
    sender_name="あおぞらベーカリー",
    sender_address="東京都（デモ）",
    contact="support@aozora-bakery.example",
)
_LIST = """メールアドレス,氏名,ポイント,言語
hanako@demo.example,山田 花子,500,
taro@demo.example,佐藤 太郎,,
john@demo.example,John Smith,,en
hanako@demo.example,山田 花子,500,
"""


def send_mailing(campaign: Campaign, *, at: datetime) -> None:
    """Written, filled, submitted and approved at the first call; the worker does the rest."""
    if Mailing.objects.filter(campaign=campaign, title=_TITLE).exists():
        return
    marketer, approver = (
        User.objects.get(email=f"{name}@{campaign.brand.slug}.example") for name in ("marketer", "approver")
    )
    mailing = mailings.create_mailing(campaign_id=campaign.pk, wording=_WORDING, user=marketer, at=at)
    read = recipients_in(read_table(_LIST.encode()), used=["name"])
    mailings.replace_list(
        mailing_id=mailing.pk, rows=read.rows, columns=read.columns, twice=read.twice, user=marketer, at=at
    )
    how = "2024年4月以降の会員登録時に、ご本人がチェック欄に記入"
    asked = mailings.submit_mailing(
        mailing_id=mailing.pk, consent_how=how, is_consent_stated=True, user=marketer, at=at
    )
    mailings.approve_mailing(
        mailing_id=mailing.pk, fingerprint=asked.fingerprint, user=approver, verified_at=at, at=at
    )
