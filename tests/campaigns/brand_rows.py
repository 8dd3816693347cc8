"""Rows of all kinds that belong to one brand: of its partner systems, and in its books."""

import uuid
from datetime import timedelta
from typing import Any

from django.db.models import Model

from campaigns import services
from campaigns.alert_models import Alert, AlertKind, AlertRule, Level
from campaigns.approval_models import ApprovalRule
from ledger import services as ledger
from ledger.expiry import JAPAN, ExpiryPolicy
from ledger.models import (
    Adjustment,
    Hold,
    LotUse,
    Receivable,
    Settlement,
    Transfer,
)
from parties import webhook_services
from parties.api_models import ApiClient, ApiKey
from parties.event_models import Event
from parties.invitation_models import StaffInvitation
from parties.models import Role
from parties.webhook_models import WebhookDelivery, WebhookEndpoint
from tests import make
from tests.api.partner import api_client
from tests.campaigns import promos
from tests.make import NOON
from tests.parties import invitations
from tests.parties.invitations import asked


def approval_rule_of(team: promos.Team) -> ApprovalRule:
    """Orders of more points than any here take two approvers."""
    return services.add_rule(
        brand_id=team.brand.pk, issuing="", from_points=10**9, month_points=None, user=team.approver, at=NOON
    )


def invitation_to(team: promos.Team) -> StaffInvitation:
    """One that waits for another person than the approver."""
    address = f"new@{team.brand.slug}.example"
    return asked(invitations.Team(team.brand, team.approver, team.finance), email=address)


def alert_rows_of(team: promos.Team) -> dict[type[Model], Model]:
    """Something that calls for attention, and when the brand wants to hear of such things."""
    alert = Alert.objects.create(
        brand=team.brand,
        kind=AlertKind.FUNDS_LOW,
        subject=f"brand:{team.brand.pk}",
        about=team.brand.slug,
        level=Level.WARNING,
        facts={"brand": team.brand.name, "left": 1, "deposit": 100, "waiting": 0},
        opened_at=NOON,
        seen_at=NOON,
    )
    rule = AlertRule.objects.create(brand=team.brand, kind=AlertKind.FUNDS_LOW, threshold=20)
    return {Alert: alert, AlertRule: rule}


def partner_rows_of(team: promos.Team) -> dict[type[Model], Model]:
    """A partner system and its key."""
    client = make.api_client(brand=team.brand)
    return {ApiClient: client, ApiKey: make.api_key(client)[0]}


def webhook_rows_of(team: promos.Team) -> dict[type[Model], Model]:
    """An endpoint, and something that it is told."""
    api_client(team.brand)
    endpoint, _secret = webhook_services.make_endpoint(
        brand=team.brand, url="https://hooks.example.com/", types=[], by=team.marketer, at=NOON
    )
    webhook_services.send_test_event(endpoint_id=endpoint.pk, at=NOON)
    delivery = WebhookDelivery.objects.create(
        endpoint=endpoint,
        event=Event.objects.get(object_id=str(endpoint.public_id)),
        queued_at=NOON,
        next_attempt_at=NOON,
        gives_up_at=NOON + timedelta(days=3),
    )
    return {WebhookEndpoint: endpoint, WebhookDelivery: delivery}


def ledger_rows_of(team: promos.Team) -> dict[type[Model], Model]:
    """Points that were granted, spent, held, taken back and settled."""
    brand, store = team.brand, team.brand.stores.get()
    wallet = make.wallet(make.member(), brand.program)
    granted = ledger.grant_points(
        brand_id=brand.pk,
        wallet_id=wallet.pk,
        points=100,
        expires=ExpiryPolicy.after_days(90),
        key=f"grant of {brand.slug}",
        at=NOON,
    )
    ask: dict[str, Any] = {"wallet_id": wallet.pk, "store_id": store.pk, "points": 30, "at": NOON}
    spent = ledger.spend_points(key=f"spend at {brand.slug}", **ask)
    hold = ledger.hold_points(key=f"hold at {brand.slug}", expires_at=NOON + timedelta(hours=1), **ask)
    ledger.take_back(key=f"back to {brand.slug}", original_id=granted.transfer_id, at=NOON)
    midnight = (NOON + timedelta(days=1)).astimezone(JAPAN).replace(hour=0)
    first, second = make.staff(Role.FINANCE, None), make.staff(Role.FINANCE, None)
    statement = ledger.prepare_settlement(
        program_id=brand.program_id, ends_at=midnight, user=first, at=midnight
    )
    ledger.close_settlement(
        settlement_id=statement.pk, user=second, sha256=statement.sha256, verified_at=midnight, at=midnight
    )
    adjustment = ledger.request_adjustment(
        public_id=uuid.uuid4(),
        brand_id=brand.pk,
        asked=ledger.TakeBackAsked(spent.transfer_id, None),
        reason="wrong till",
        user=team.finance,
        at=NOON,
    )
    return {
        Transfer: Transfer.objects.get(pk=granted.transfer_id),
        LotUse: LotUse.objects.get(transfer=spent.transfer_id),
        Hold: hold,
        Receivable: Receivable.objects.get(wallet=wallet),
        Settlement: statement,
        Adjustment: adjustment,
    }
