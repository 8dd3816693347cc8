"""What the demo shows: a program, three brands, their people and their past, a campaign and an approved
order, made by the same services that the admin calls. Making it twice leaves it as it is.
"""

import uuid
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from django.db import transaction
from django.db.models import QuerySet

from campaigns import conditions_queries
from campaigns import services as campaigns
from campaigns.dispute_models import Dispute, DisputeKind
from campaigns.heroes import clean_hero
from campaigns.legal import LegalForm
from campaigns.models import Campaign, KnownBy, Order, OrderChannel, OrderState
from config.demo.autumn import make_autumn
from config.demo.hero import draw_hero
from config.demo.history import make_history
from config.demo.logins import OF_BRANDS, OF_OPERATOR, Login, Passwords, staff_login, superuser_login
from config.demo.logo import draw_logo
from config.demo.mailing import send_mailing
from config.demo.partner import Keys, app_campaign, app_order, make_keys, stated
from giftcodes import codec, keys
from giftcodes import services as giftcodes
from giftcodes.models import Batch, Claim
from ledger.expiry import JAPAN, end_after_days
from parties import access
from parties.models import Brand, CheckDigit, Member, NumberPattern, Program, Store, User

CODES = {"店頭ポスター / posters": 5_000, "レシート / receipts": 3_000, "会員メール / e-mail": 2_000}
CAMPAIGN = "morning"
FACE_POINTS = 500
# Of the brand whose members are known by their number.
CARD_CAMPAIGN = "book-card"
CARD_CODES = {"しおり / bookmarks": 300}
CARD_NUMBER = "2900-0000-01237"
# Of the brand that wants its conditions accepted.
TERMS_CAMPAIGN = "health-day"
TERMS_CODES = {"健康フェア / health fair": 60}
_TERMS_JA = """## 応募できる方

日本にお住まいの方。ひだまり薬局の従業員は応募できません。

## ポイントの付与

- コード1つにつき**500ポイント**、お一人さま**2回**まで
- コードの売買、複製はできません"""
_TERMS_EN = """## Who may take part

People who live in Japan, except employees of Hidamari Pharmacy.

## Points

- **500 points** for each code, **twice** for each person
- Codes may be neither sold nor copied"""
FUNDS_POINTS = 12_000_000
CLAIMING_MEMBERS = 12
MEMBER = "member-3@demo.example"
_TEXT_JA = """焼きたてのパンといっしょに、**500ポイント**をどうぞ。
ポスター、レシート、メールに載っている16桁のコードを入力してください。

## ポイントの使いみち

- 青空ベーカリー、みなと書房、ひだまり薬局の全店で使えます
- **1ポイントを1円**として、1ポイントから使えます
- 受け取った日から180日間有効です"""
_TEXT_EN = """**500 points** to go with your fresh bread.
Enter the 16-digit code from the poster, your receipt or our e-mail.

## What the points are good for

- All shops of Aozora Bakery, Minato Books and Hidamari Pharmacy take them
- **One point is one yen**, from a single point on
- They are valid for 180 days from the day you receive them"""
_BRANDS = {
    "aozora-bakery": ("青空ベーカリー", {"ekimae": "駅前店", "kawabata": "川端店"}),
    "minato-books": ("みなと書房", {"honten": "本店", "tower": "タワー店"}),
    "hidamari-drug": ("ひだまり薬局", {"kita": "北口店", "midori": "みどり通り店"}),
}


class Content(NamedTuple):
    """What was made. `has_past` is False in a folder of an older demo whose days are sealed already."""

    batch: Batch
    card_batch: Batch
    terms_batch: Batch
    logins: list[Login]
    keys: Keys
    has_past: bool


def make_content(*, folder: Path, site_url: str, at: datetime) -> Content:
    """The demo's rows, made at the first call, and the log-ins, whose passwords are kept in
    `folder`/logins.json.
    """
    program = Program.objects.get_or_create(
        slug="yorimichi", defaults={"name": "よりみちポイント", "unit_label": "pt"}
    )[0]
    passwords = Passwords(folder / "logins.json")
    keeper = superuser_login(program, passwords)
    logins = [keeper, *(staff_login(program, name, role, passwords) for name, role in OF_OPERATOR.items())]
    for slug, (name, stores) in _BRANDS.items():
        brand = Brand.objects.get_or_create(slug=slug, defaults={"name": name, "program": program})[0]
        for code, store_name in stores.items():
            Store.objects.get_or_create(brand=brand, code=code, defaults={"name": store_name})
        logins += [staff_login(brand, name, role, passwords) for name, role in OF_BRANDS.items()]
    has_past = make_history(program, at=at)
    for brand in program.brands.filter(slug__in=_BRANDS):
        _deposit(brand, at)
    giftcodes.open_series(digit=1, at=at)
    make_autumn(Brand.objects.get(slug="minato-books"), site_url=site_url, at=at)
    order = _order(_campaign(Brand.objects.get(slug="aozora-bakery"), at), CODES)
    card_order = _order(_card_campaign(Brand.objects.get(slug="minato-books"), at), CARD_CODES)
    terms_order = _order(_terms_campaign(Brand.objects.get(slug="hidamari-drug"), at), TERMS_CODES)
    batch, card_batch, terms_batch = (
        _approved(each, site_url=site_url, at=at) for each in (order, card_order, terms_order)
    )
    bakery = Brand.objects.get(slug="aozora-bakery")
    campaign = _published(app_campaign(bakery, at), at)
    _approved(app_order(campaign, _marketer(campaign)), site_url=site_url, at=at)
    send_mailing(campaign, at=at)
    by = User.objects.get(email=keeper.email)
    api_keys = make_keys(bakery, by=by, remember=passwords.remember, at=at)
    _ask_support(at)
    return Content(batch, card_batch, terms_batch, logins, api_keys, has_past)


def claim_some(batch: Batch) -> int:
    """Let a dozen members claim, if nobody has yet; how many claims there are."""
    if not _claims_of(batch).exists():
        for number in range(CLAIMING_MEMBERS):
            member = _member(f"member-{number + 1}@demo.example")
            for place in range(1 + number % 3):
                serial = batch.first_serial + number * 700 + place
                giftcodes.claim_code(text=_code_of(batch, serial), member=member, at=None)
    return _claims_of(batch).count()


def unclaimed_codes(batch: Batch) -> list[str]:
    """One unclaimed code of each channel, from its end."""
    codes = []
    for channel in batch.channels.order_by("first_serial"):
        start = batch.first_claim_id - batch.first_serial
        claimed = set(_claims_of(batch).values_list("pk", flat=True))
        serials = range(channel.first_serial + channel.size - 1, channel.first_serial - 1, -1)
        codes += [_code_of(batch, serial) for serial in serials if start + serial not in claimed][:1]
    return codes


def _member(email: str) -> Member:
    return access.member_of(User.objects.filter(email=email).first() or User.objects.create_user(email))


def _claims_of(batch: Batch) -> QuerySet[Claim]:
    return Claim.objects.filter(pk__gte=batch.first_claim_id, pk__lt=batch.end_claim_id)


def _code_of(batch: Batch, serial: int) -> str:
    return codec.encode_one(
        serial,
        series=batch.series_id,
        series_key=keys.series_key(batch.series),
        batch_key=keys.batch_key(batch),
    )


def _deposit(brand: Brand, at: datetime) -> None:
    """Two people of finance, as always: one records what came in, the other one confirms it."""
    first = User.objects.get(email=f"finance@{brand.slug}.example")
    second = User.objects.get(email=f"finance2@{brand.slug}.example")
    public_id = uuid.uuid5(uuid.NAMESPACE_DNS, f"first-deposit.{brand.slug}.example")
    deposit = campaigns.request_deposit(
        public_id=public_id, brand_id=brand.pk, points=FUNDS_POINTS, reference="opening", user=first, at=at
    )
    if deposit.decided_at is None:
        campaigns.confirm_deposit(deposit_id=deposit.pk, user=second, verified_at=at, at=at)


def _campaign(brand: Brand, at: datetime) -> Campaign:
    today = at.astimezone(JAPAN).replace(hour=0, minute=0, second=0, microsecond=0)
    campaign, _ = Campaign.objects.get_or_create(
        slug=CAMPAIGN,
        defaults={
            "brand": brand,
            "name": "朝のごほうび 2026",
            "starts_at": today,
            "ends_at": end_after_days(at, days=90),
            "limit_per_member": 5,
            **stated(LegalForm.TO_ALL, tied_price_yen=2_500),
            "title_ja": "朝のごほうびポイント",
            "title_en": "Good-morning points",
            "text_ja": _TEXT_JA,
            "text_en": _TEXT_EN,
            "hero_alt_ja": "朝日がのぼる丘を背に、木の台に並んだ焼きたてのパン",
            "hero_alt_en": "Freshly baked loaves on a wooden board, and the sun rising over hills",
            "colour": "#a3441f",
        },
    )
    if not campaign.logo:
        campaign.logo.save("logo.png", draw_logo())
    if not campaign.hero_wide and campaign.hero_alt_ja:
        wide, narrow = clean_hero(draw_hero())
        campaign.hero_narrow.save(str(narrow.name), narrow, save=False)
        campaign.hero_wide.save(str(wide.name), wide)
    return _published(campaign, at)


def _card_campaign(brand: Brand, at: datetime) -> Campaign:
    """A campaign that asks for the number of the brand's card instead of a sign-in."""
    card = {"prefix": "29", "least_length": 13, "most_length": 13, "check_digit": CheckDigit.EAN}
    NumberPattern.objects.get_or_create(brand=brand, defaults={**card, "example": "2900-0000-00001"})
    campaign = Campaign.objects.get_or_create(
        slug=CARD_CAMPAIGN,
        defaults={
            "brand": brand,
            "name": "しおりのコード 2026",
            "starts_at": at.astimezone(JAPAN).replace(hour=0, minute=0, second=0, microsecond=0),
            "ends_at": end_after_days(at, days=90),
            "known_by": KnownBy.MEMBERSHIP_NUMBER,
            **stated(LegalForm.TO_ALL, tied_price_yen=2_500),
            "title_ja": "しおりでたまる読書ポイント",
            "title_en": "Points from your bookmark",
            "text_ja": "しおりに載っている16桁のコードと、みなと書房カードの会員番号を入力してください。",
            "text_en": "Enter the 16-digit code on the bookmark, then the number on your Minato card.",
            "colour": "#2f5d50",
        },
    )[0]
    return _published(campaign, at)


def _terms_campaign(brand: Brand, at: datetime) -> Campaign:
    """A campaign whose conditions have to be accepted with the code."""
    campaign = Campaign.objects.get_or_create(
        slug=TERMS_CAMPAIGN,
        defaults={
            "brand": brand,
            "name": "健康フェア 2026",
            "starts_at": at.astimezone(JAPAN).replace(hour=0, minute=0, second=0, microsecond=0),
            "ends_at": end_after_days(at, days=90),
            "limit_per_member": 2,
            **stated(LegalForm.LOTTERY, planned_sales_yen=3_000_000),
            "title_ja": "健康フェアのポイント",
            "title_en": "Points from the health fair",
            "text_ja": "応募規約をお読みのうえ、会場で受け取ったカードの16桁のコードを入力してください。",
            "text_en": "Read the conditions, then enter the 16-digit code on your card from the fair.",
            "colour": "#1d5f8a",
        },
    )[0]
    if not conditions_queries.versions_of(campaign).exists():
        marketer = _marketer(campaign)
        draft = campaigns.write_conditions(
            campaign_id=campaign.pk,
            text_ja=_TERMS_JA,
            text_en=_TERMS_EN,
            in_force_from=None,
            user=marketer,
            at=at,
        )
        campaigns.publish_conditions(
            campaign_id=campaign.pk,
            fingerprint=conditions_queries.fingerprint_of_draft(draft),
            user=marketer,
            at=at,
        )
    return _published(campaign, at)


def _ask_support(at: datetime) -> None:
    """A ticket that waits for support: a member says that a code of theirs was refused, unused."""
    form_number = uuid.uuid5(uuid.NAMESPACE_DNS, "ticket.demo.example")
    if not Dispute.objects.filter(form_number=form_number).exists():
        text = "レシートのコードが「使えません」と表示されます。まだ使っていません。ご確認をお願いします。"
        asked = campaigns.Asked(DisputeKind.NOT_USED, text)
        campaigns.open_dispute(
            form_number=form_number, member=_member(MEMBER), asked=asked, language="ja", at=at
        )


def _marketer(campaign: Campaign) -> User:
    return User.objects.get(email=f"marketer@{campaign.brand.slug}.example")


def _published(campaign: Campaign, at: datetime) -> Campaign:
    return campaigns.publish_page(campaign_id=campaign.pk, user=_marketer(campaign), at=at)


@transaction.atomic
def _order(campaign: Campaign, codes: dict[str, int]) -> Order:
    order = campaign.orders.order_by("pk").first()
    if order is not None:
        return order
    marketer = _marketer(campaign)
    order = Order.objects.create(
        campaign=campaign,
        face_points=FACE_POINTS,
        claim_from=campaign.starts_at,
        claim_until=campaign.ends_at,
        lot_life_days=180,
        requested_by=marketer,
    )
    OrderChannel.objects.bulk_create(
        OrderChannel(order=order, name=name, quantity=size) for name, size in codes.items()
    )
    return order


def _approved(order: Order, *, site_url: str, at: datetime) -> Batch:
    """The order's batch: submitted by the marketer and approved by the approver, unless that has been
    done.
    """
    slug = order.campaign.brand.slug
    if order.state == OrderState.DRAFT:
        marketer = User.objects.get(email=f"marketer@{slug}.example")
        order = campaigns.submit_order(order_id=order.pk, user=marketer, at=at)
    if order.batch is not None:
        return order.batch
    approved = campaigns.approve_order(
        order_id=order.pk,
        approver=User.objects.get(email=f"approver@{slug}.example"),
        submitted_hash=order.submitted_hash,
        site_url=site_url,
        verified_at=at,
        at=at,
    )
    if approved.batch is None:  # no brand of the demo has a rule of two approvers
        raise RuntimeError(order.public_id)
    return approved.batch
