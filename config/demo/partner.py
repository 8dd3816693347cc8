"""A partner system of the demo: an order that is issued gift by gift, and keys to do it with, one live and
one of the sandbox. They are kept where the demo's passwords are, since a key is told once.
"""

from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import Any, NamedTuple

from campaigns.legal import LegalForm, Tie, UsedAt
from campaigns.models import Campaign, Issuing, Order, OrderChannel
from ledger.expiry import JAPAN, end_after_days
from parties import api_services
from parties.api_models import ApiClient, Scope
from parties.models import Brand, User

CAMPAIGN = "app-thanks"
GIFTS, FACE_POINTS, MOST_POINTS = 2_000, 300, 1_000
_CLIENT = "モバイルアプリ / app"

Remember = Callable[[str, Callable[[], str]], str]


class Keys(NamedTuple):
    """The texts of two keys with every scope: one that moves the brand's points, one of its sandbox."""

    live: str
    test: str


def stated(form: LegalForm, **inputs: Any) -> dict[str, Any]:
    """The legal form of a campaign of the demo, whose points are good at all its brands."""
    tie = Tie.PURCHASE if "tied_price_yen" in inputs else Tie.VISIT
    common = {"tie": tie, "points_used_at": UsedAt.OTHERS, "least_age": 16}
    return {"legal_form": form, "is_by_chance": form == LegalForm.LOTTERY, **common, **inputs}


def app_campaign(brand: Brand, at: datetime) -> Campaign:
    """A campaign whose gifts the brand's own app gives away."""
    today = at.astimezone(JAPAN).replace(hour=0, minute=0, second=0, microsecond=0)
    return Campaign.objects.get_or_create(
        slug=CAMPAIGN,
        defaults={
            "brand": brand,
            "name": "アプリ会員へのお礼 2026",
            "starts_at": today,
            "ends_at": end_after_days(at, days=90),
            **stated(LegalForm.TO_ALL, tied_price_yen=5_000),
            "title_ja": "アプリからのお礼ポイント",
            "title_en": "Thank-you points from our app",
            "text_ja": "アプリをお使いいただき、ありがとうございます。届いた16桁のコードを入力してください。",
            "text_en": "Thank you for using our app. Enter the 16-digit code that it sent you.",
            "colour": "#a3441f",
        },
    )[0]


def app_order(campaign: Campaign, requester: User) -> Order:
    """Its order, a draft at the first call: gifts of 300 points, or up to 1,000 where the app says so."""
    order = campaign.orders.order_by("pk").first()
    if order is None:
        order = Order.objects.create(
            campaign=campaign,
            issuing=Issuing.API,
            face_points=FACE_POINTS,
            most_points=MOST_POINTS,
            claim_from=campaign.starts_at,
            claim_until=campaign.ends_at,
            lot_life_days=180,
            requested_by=requester,
        )
        OrderChannel.objects.create(order=order, name="アプリ / app", quantity=GIFTS)
    return order


def make_keys(brand: Brand, *, by: User, remember: Remember, at: datetime) -> Keys:
    """A client of the brand and one of its sandbox, each with a key; the same ones at every call."""
    sandbox = api_services.open_sandbox(brand=brand, at=at)
    live, test = (
        remember(f"{each.slug} api key", partial(_new_key, each, by, at)) for each in (brand, sandbox)
    )
    return Keys(live, test)


def _new_key(brand: Brand, by: User, at: datetime) -> str:
    client = ApiClient.objects.get_or_create(
        brand=brand, name=_CLIENT, defaults={"created_at": at, "created_by": by}
    )[0]
    return api_services.make_key(client=client, scopes=list(Scope), by=by, at=at)[1]
