"""Campaigns, their orders and the people around them, for these tests."""

import uuid
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from campaigns import conditions_queries
from campaigns import services as campaigns
from campaigns.conditions_models import ConditionsVersion
from campaigns.extension_models import ExtensionRequest
from campaigns.legal import LegalForm
from campaigns.models import Campaign, Order, OrderChannel
from campaigns.services import Approved
from campaigns.support_models import SupportAct
from giftcodes import services as giftcodes
from giftcodes.gift_models import Gift
from giftcodes.models import Activation, Batch
from giftcodes.services import GiftWanted
from giftcodes.void_models import VoidRequest, VoidScope
from giftcodes.void_queries import Span
from ledger import queries as ledger_queries
from parties.models import Brand, Role, User
from tests import make
from tests.make import NOON

SITE = "https://points.example.com"


class Team(NamedTuple):
    """A brand and those who work for it."""

    brand: Brand
    marketer: User
    approver: User
    finance: User
    other_finance: User


def team(*, funds: int = 100_000) -> Team:
    giftcodes.open_series(digit=1, at=NOON)
    brand = make.brand(funds=funds)
    roles = (Role.MARKETER, Role.APPROVER, Role.FINANCE, Role.FINANCE)
    return Team(brand, *(make.staff(role, brand) for role in roles))


def campaign(of: Team, **fields: Any) -> Campaign:
    number = Campaign.objects.count() + 1
    defaults = {
        "brand": of.brand,
        "slug": f"spring-{number}",
        "name": f"Spring {number}",
        "title_ja": "春の特典",
        "starts_at": NOON - timedelta(days=10),
        "ends_at": NOON + timedelta(days=60),
        "limit_per_member": 3,
        "published_at": NOON - timedelta(days=20),
        "legal_form": LegalForm.DISCOUNT,
        "least_age": 18,
    }
    return Campaign.objects.create(**defaults | fields)


def draft(
    of: Team, *, channels: dict[str, int] | None = None, promotion: Campaign | None = None, **fields: Any
) -> Order:
    defaults = {
        "campaign": promotion or campaign(of),
        "face_points": 100,
        "claim_from": NOON - timedelta(days=1),
        "claim_until": NOON + timedelta(days=30),
        "lot_life_days": 180,
        "activation": Activation.AT_START,
        "requested_by": of.marketer,
    }
    order = Order.objects.create(**defaults | fields)
    for name, quantity in ({"poster": 30, "receipt": 20} if channels is None else channels).items():
        OrderChannel.objects.create(order=order, name=name, quantity=quantity)
    return order


def submitted(of: Team, **fields: Any) -> Order:
    return campaigns.submit_order(order_id=draft(of, **fields).pk, user=of.marketer, at=NOON)


def approve(order: Order, by: User, submitted_hash: str | None = None) -> Batch:
    approved = approve_once(order, by, submitted_hash)
    assert approved.batch is not None
    return approved.batch


def approve_once(order: Order, by: User, submitted_hash: str | None = None) -> Approved:
    """One approval, which may not be enough."""
    return campaigns.approve_order(
        order_id=order.pk,
        approver=by,
        submitted_hash=order.submitted_hash if submitted_hash is None else submitted_hash,
        site_url=SITE,
        verified_at=NOON,
        at=NOON,
    )


def nothing_is_reserved(of: Team) -> bool:
    """Whether the funds of a fresh team are untouched and no batch was made."""
    return ledger_queries.funds_of(of.brand) == 100_000 and not Batch.objects.exists()


def conditions(
    campaign: Campaign,
    by: User,
    *,
    text_ja: str = "規約",
    text_en: str = "",
    in_force_from: datetime | None = None,
    at: datetime = NOON,
) -> ConditionsVersion:
    """The next version, published at `at`."""
    draft = campaigns.write_conditions(
        campaign_id=campaign.pk, text_ja=text_ja, text_en=text_en, in_force_from=in_force_from, user=by, at=at
    )
    fingerprint = conditions_queries.fingerprint_of_draft(draft)
    return campaigns.publish_conditions(campaign_id=campaign.pk, fingerprint=fingerprint, user=by, at=at)


def withdrawn_gift(of: Team) -> Gift:
    """A gift that a partner system issued, whose code was asked for again, and that was withdrawn."""
    client = make.api_client(brand=of.brand)
    wanted = GiftWanted(recipient_ref="user-1077", metadata={"order": "88"})
    issued = make.gifts(make.gift_batch(brand=of.brand), wanted, client=client)[0]
    gift = Gift.objects.get(pk=issued.serial_number)
    giftcodes.reveal_gift(gift=gift, client=client, at=NOON)
    return giftcodes.void_gift(gift=gift, client=client, reason="sent by mistake", at=NOON)


def void_request(of: Team, batch: Batch) -> VoidRequest:
    """The last code of the batch shall be withdrawn, says the marketer."""
    last = batch.first_serial + batch.size - 1
    return giftcodes.request_void(
        public_id=uuid.uuid4(),
        batch_id=batch.pk,
        spans=[Span(last, last)],
        scope=VoidScope.RANGE,
        reason="misprint",
        user=of.marketer,
        at=NOON,
    )


def support_act(of: Team, batch: Batch) -> SupportAct:
    """Somebody of the brand's support was read a code."""
    user = make.staff(Role.SUPPORT, of.brand)
    campaigns.find_by_code(text=make.code_of(batch), user=user, at=NOON)
    return SupportAct.objects.get(user=user)


def extension_request(of: Team) -> ExtensionRequest:
    """The codes of a running order shall be claimable for a week more, says the marketer."""
    order = submitted(of, channels={"flyer": 2}, face_points=1)
    make.activate(approve(order, of.approver))
    return campaigns.request_extension(
        public_id=uuid.uuid4(),
        order_id=order.pk,
        until=order.claim_until + timedelta(days=7),
        reason="the posters came late",
        user=of.marketer,
        at=NOON,
    )
