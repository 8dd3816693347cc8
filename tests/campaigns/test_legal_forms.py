"""The legal form as marketers state it: what each form asks for, and what is told when it is missing."""

from typing import Any

import pytest
from django.urls import reverse
from django.utils import translation

from campaigns.forms import CampaignForm
from campaigns.legal import LegalForm, Tie
from campaigns.legal_forms import ASKED_OF, ASKED_WITH
from campaigns.legal_models import LEGAL_FIELDS, NOT_STATED
from campaigns.models import Campaign, OrderState
from tests.campaigns import promos
from tests.campaigns.pages import signed_in, told

pytestmark = pytest.mark.django_db


def typed(campaign: Campaign, **changes: str) -> dict[str, str]:
    return {
        "name": campaign.name,
        "slug": campaign.slug,
        "starts_at": "2026-10-23T12:00",
        "ends_at": "2027-01-01T11:59",
        "limit_per_member": "3",
        "title_ja": campaign.title_ja,
        "colour": campaign.colour,
        "least_age": "18",
    } | changes


def form_of(**changes: str) -> CampaignForm:
    campaign = promos.campaign(promos.team())
    return CampaignForm(typed(campaign, brand=str(campaign.brand_id), **changes), instance=campaign)


def stated(**changes: str) -> dict[str, Any]:
    form = form_of(**changes)
    assert form.is_valid(), form.errors
    form.save()
    return {name: getattr(Campaign.objects.get(), name) for name in LEGAL_FIELDS}


@pytest.mark.both
@pytest.mark.parametrize(
    ("form", "inputs"),
    [
        (LegalForm.TO_ALL, {"tie": "purchase", "tied_price_yen": "1000"}),
        (LegalForm.TO_ALL, {"tie": "visit"}),
        (LegalForm.LOTTERY, {"tie": "visit", "planned_sales_yen": "5000000"}),
        (
            LegalForm.JOINT_LOTTERY,
            {"tie": "visit", "planned_sales_yen": "1", "joint_kind": "street", "joint_parties": "2"},
        ),
        (LegalForm.OPEN, {"tie": "none"}),
        (LegalForm.DISCOUNT, {}),
        (LegalForm.SOLD, {"prepaid_registration": "第1号", "points_used_at": "others"}),
    ],
)
def test_each_form_is_saved_with_what_it_asks_for(form: LegalForm, inputs: dict[str, str]) -> None:
    saved = stated(legal_form=form, **inputs)
    assert saved["legal_form"] == form
    assert {name: str(saved[name]) for name in inputs} == inputs
    assert saved["is_by_chance"] == (form in (LegalForm.LOTTERY, LegalForm.JOINT_LOTTERY))


@pytest.mark.both
@pytest.mark.parametrize(
    ("typed_so", "field"),
    [
        ({"legal_form": "to_all", "tie": "none"}, "tie"),
        ({"legal_form": "to_all", "tie": "purchase"}, "tied_price_yen"),
        ({"legal_form": "to_all", "tie": "purchase", "tied_price_yen": "0"}, "tied_price_yen"),
        ({"legal_form": "to_all", "tie": "purchase", "tied_price_yen": "9" * 30}, "tied_price_yen"),
        ({"legal_form": "open", "tie": "purchase"}, "tied_price_yen"),
        ({"legal_form": "lottery", "tie": "visit"}, "planned_sales_yen"),
        ({"legal_form": "joint_lottery", "tie": "visit", "joint_parties": "2"}, "joint_kind"),
        ({"legal_form": "joint_lottery", "tie": "visit", "joint_kind": "street"}, "joint_parties"),
        ({"legal_form": "joint_lottery", "joint_kind": "street", "joint_parties": "1"}, "joint_parties"),
        ({"legal_form": "raffle"}, "legal_form"),
        ({"legal_form": "to_all", "tie": "x"}, "tie"),
        ({"legal_form": "joint_lottery", "tie": "visit", "joint_kind": "x"}, "joint_kind"),
        ({"legal_form": "discount", "least_age": "101"}, "least_age"),
        ({"legal_form": "discount", "industry": "x"}, "industry"),
    ],
)
def test_what_is_missing_is_told_at_its_field(typed_so: dict[str, str], field: str) -> None:
    form = form_of(**typed_so)
    assert not form.is_valid()
    assert field in form.errors


def test_what_another_form_would_ask_for_is_left_out() -> None:
    saved = stated(
        legal_form="discount",
        tie="purchase",
        tied_price_yen="rubbish",
        planned_sales_yen="77",
        joint_kind="street",
        joint_parties="5",
        collects_kinds="on",
        prepaid_registration="x",
        shows_advertisement="on",
    )
    assert saved == NOT_STATED | {"legal_form": "discount", "least_age": 18}


def test_a_statement_that_was_not_sent_stays_and_one_that_is_taken_back_is_gone() -> None:
    assert stated()["legal_form"] == "discount"
    with translation.override("en"):
        form = CampaignForm(
            typed(Campaign.objects.get(), brand=str(Campaign.objects.get().brand_id), legal_form=""),
            instance=Campaign.objects.get(),
        )
        assert form.is_valid(), form.errors
        form.save()
    assert Campaign.objects.get().legal_form == ""


def test_each_input_is_asked_of_some_form() -> None:
    assert set(ASKED_OF) | {"legal_form"} == set(LEGAL_FIELDS)
    assert set(ASKED_WITH) <= set(ASKED_OF)


def test_a_change_of_the_statement_in_the_admin_takes_a_waiting_order_back() -> None:
    team = promos.team()
    promotion = promos.campaign(team, legal_form=LegalForm.TO_ALL, tie=Tie.PURCHASE, tied_price_yen=500)
    order = promos.submitted(team, promotion=promotion)
    address = reverse("admin:campaigns_campaign_change", args=(promotion.pk,))
    same = {"legal_form": "to_all", "tie": "purchase", "tied_price_yen": "500"}
    client = signed_in(team.marketer)
    client.post(address, typed(promotion, **same))
    order.refresh_from_db()
    assert order.state == OrderState.SUBMITTED
    answer = client.post(address, typed(promotion, **same | {"tied_price_yen": "501"}), follow=True)
    order.refresh_from_db()
    assert order.state == OrderState.DRAFT
    assert "waiting for approval on the old terms" in told(answer)


def test_the_page_says_what_the_law_is_about_in_both_languages() -> None:
    team = promos.team()
    address = reverse("admin:campaigns_campaign_change", args=(promos.campaign(team).pk,))
    client = signed_in(team.marketer)
    page = client.get(address).content.decode()
    assert "総付景品 (sōzuke keihin): a gift to everybody" in page
    assert "no legal advice" in page
    assert "not stated yet" in page
    page = client.get(address, headers={"accept-language": "ja"}).content.decode()
    assert "総付景品：購入・来店した方全員" in page
    assert "sōzuke" not in page
