"""The admin's pages, as a test opens them and presses their buttons."""

from typing import Any

from django.test import Client
from django.urls import reverse

from campaigns.models import Campaign, Order
from parties.models import User
from tests.factors import let_in


def signed_in(user: User) -> Client:
    return let_in(Client(headers={"accept-language": "en"}), user)


def order_data(campaign: Campaign, **changes: Any) -> dict[str, Any]:
    return {
        "campaign": campaign.pk,
        "face_points": "100",
        "lot_life_days": "180",
        "claim_from": "2026-11-02T00:00",
        "claim_until": "2026-11-30T23:59",
        "activation": "by_hand",
        "channels-TOTAL_FORMS": "2",
        "channels-INITIAL_FORMS": "0",
        "channels-0-name": "poster",
        "channels-0-quantity": "30",
        "channels-1-name": "receipt",
        "channels-1-quantity": "20",
    } | changes


def act(client: Client, order: Order, what: str, **data: str) -> Any:
    return client.post(reverse(f"admin:campaigns_order_{what}", args=(order.pk,)), data, follow=True)


def page(client: Client, order: Order) -> str:
    return client.get(reverse("admin:campaigns_order_change", args=(order.pk,))).content.decode()


def told(response: Any) -> str:
    return " ".join(str(message) for message in response.context["messages"])


def bytes_of(response: Any) -> bytes:
    try:
        content: bytes = response.getvalue()
    finally:
        for close in response._resource_closers:  # response.close() would end the database connection too
            close()
    return content
