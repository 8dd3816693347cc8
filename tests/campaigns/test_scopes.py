"""Every page x every role x rows of another brand: 404, no row in a list, no choice in a form."""

from typing import Any

import pytest
from django.contrib import admin
from django.db.models import Model
from django.test import Client
from django.urls import reverse

from campaigns import access, services
from campaigns.alert_models import Alert, AlertRule
from campaigns.approval_models import ApprovalRule
from campaigns.dispute_models import Dispute
from campaigns.extension_models import ExtensionRequest
from campaigns.mailing_models import Mailing
from campaigns.models import Campaign, Deposit, Order, OrderChannel
from campaigns.support_models import SupportAct
from giftcodes.gift_models import Gift
from giftcodes.guard_models import Alarm, Attempt, ClaimLock
from giftcodes.models import Batch, Channel, Claim, Delivery, Series, Void
from giftcodes.void_models import VoidRequest
from ledger.models import (
    Account,
    Adjustment,
    DaySeal,
    Hold,
    Lot,
    LotUse,
    Receivable,
    Settlement,
    Transfer,
)
from parties.api_models import ApiClient, ApiKey
from parties.errors import NotReachable
from parties.invitation_models import StaffInvitation
from parties.models import (
    Brand,
    Member,
    MembershipNumber,
    NumberPattern,
    Program,
    Role,
    StaffRole,
    Store,
    User,
)
from parties.notice_models import ExpiryNotice
from parties.site_models import BrandSite
from parties.staff_models import AuditRecord
from parties.webhook_models import WebhookDelivery, WebhookEndpoint
from tests import make
from tests.campaigns import promos, tickets
from tests.campaigns.brand_rows import (
    alert_rows_of,
    approval_rule_of,
    invitation_to,
    ledger_rows_of,
    partner_rows_of,
    webhook_rows_of,
)
from tests.campaigns.mailings import lists
from tests.campaigns.pages import order_data, signed_in
from tests.campaigns.test_deposits import recorded
from tests.make import NOON
from tests.redemption_site.shops import site

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("noon", "frameless")]

EVERY_ROLE = set(Role)
# Who sees rows of their own brand, model by model. What is not named here belongs to no brand.
SEEN_BY = {
    Campaign: EVERY_ROLE,
    Order: EVERY_ROLE,
    ApprovalRule: EVERY_ROLE,
    Alert: EVERY_ROLE,
    AlertRule: EVERY_ROLE,
    Batch: EVERY_ROLE,
    Delivery: EVERY_ROLE,
    VoidRequest: EVERY_ROLE,
    ExtensionRequest: EVERY_ROLE,
    Mailing: EVERY_ROLE,
    Brand: EVERY_ROLE,
    Store: EVERY_ROLE,
    NumberPattern: EVERY_ROLE,
    StaffRole: EVERY_ROLE,
    BrandSite: EVERY_ROLE,
    ApiClient: EVERY_ROLE,
    ApiKey: EVERY_ROLE,
    WebhookEndpoint: EVERY_ROLE,
    WebhookDelivery: EVERY_ROLE,
    Program: EVERY_ROLE,
    Deposit: {Role.FINANCE, Role.AUDITOR},
    Account: {Role.FINANCE, Role.AUDITOR, Role.SUPPORT},
    Transfer: {Role.FINANCE, Role.AUDITOR, Role.SUPPORT},
    LotUse: {Role.FINANCE, Role.AUDITOR, Role.SUPPORT},
    Hold: {Role.FINANCE, Role.AUDITOR, Role.SUPPORT},
    Adjustment: {Role.FINANCE, Role.AUDITOR, Role.SUPPORT},
    Receivable: {Role.FINANCE, Role.AUDITOR},
    Settlement: {Role.FINANCE, Role.AUDITOR},
    Claim: {Role.FINANCE, Role.AUDITOR, Role.SUPPORT},
    Gift: {Role.FINANCE, Role.AUDITOR, Role.SUPPORT},
    Dispute: {Role.AUDITOR, Role.SUPPORT},
    SupportAct: {Role.AUDITOR, Role.SUPPORT},
    AuditRecord: {Role.AUDITOR},
    StaffInvitation: {Role.APPROVER, Role.FINANCE, Role.AUDITOR},
}
OPERATORS_ONLY = {
    Series,
    Lot,
    Member,
    MembershipNumber,
    ExpiryNotice,
    DaySeal,
    Attempt,
    ClaimLock,
    Alarm,
}
SUPERUSERS_ONLY = {User}


def rows_of(team: promos.Team) -> dict[type[Model], Model]:
    """One row of each kind that belongs to the team's brand."""
    make.store(brand=team.brand)
    order = promos.submitted(team)
    batch = promos.approve(order, team.approver)
    claim = Claim.objects.create(
        id=batch.first_claim_id, batch=batch, member=make.member(), points=100, claimed_at=NOON
    )
    deposit = recorded(team)
    services.confirm_deposit(deposit_id=deposit.pk, user=team.other_finance, verified_at=NOON, at=NOON)
    return {
        Campaign: order.campaign,
        Order: order,
        ApprovalRule: approval_rule_of(team),
        Batch: batch,
        Delivery: batch.delivery,
        Claim: claim,
        Gift: promos.withdrawn_gift(team),
        VoidRequest: promos.void_request(team, batch),
        ExtensionRequest: promos.extension_request(team),
        Mailing: lists.draft(team),
        SupportAct: promos.support_act(team, batch),
        Deposit: deposit,
        Dispute: tickets.opened(serial_number=claim.pk),
        Brand: team.brand,
        Program: team.brand.program,
        Store: team.brand.stores.get(),
        NumberPattern: make.number_pattern(team.brand),
        StaffRole: team.marketer.staff_roles.get(),
        BrandSite: site(team.brand),
        **alert_rows_of(team),
        **partner_rows_of(team),
        **webhook_rows_of(team),
        Account: batch.unclaimed,
        **ledger_rows_of(team),
        StaffInvitation: invitation_to(team),
        AuditRecord: AuditRecord.objects.filter(brand=team.brand).latest("pk"),
    }


def address(row: Model, page: str) -> str:
    return reverse(f"admin:{row._meta.app_label}_{row._meta.model_name}_{page}", args=(row.pk,))


def listed(client: Client, model: type[Model]) -> Any:
    return client.get(reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist"))


def test_every_registered_page_is_in_this_table() -> None:
    own = {model for model in admin.site._registry if model.__module__.split(".")[0] in APPS}
    assert own == set(SEEN_BY) | OPERATORS_ONLY | SUPERUSERS_ONLY
    assert {Channel, Void, OrderChannel}.isdisjoint(own)


APPS = {"parties", "ledger", "giftcodes", "campaigns"}


@pytest.mark.parametrize("role", Role)
def test_rows_of_another_brand_do_not_exist(role: Role) -> None:
    own, other = promos.team(), promos.team()
    mine, foreign = rows_of(own), rows_of(other)
    client = signed_in(make.staff(role, own.brand))
    for model, roles in SEEN_BY.items():
        for page in ("change", "history", "delete"):
            assert client.get(address(foreign[model], page)).status_code == 404, (model, page)
        assert client.post(address(foreign[model], "change"), {}).status_code == 404, model
        answer = listed(client, model)
        if role not in roles:
            assert answer.status_code == 403, model
            continue
        found = set(answer.context["cl"].queryset)
        assert mine[model] in found, model
        assert foreign[model] not in found, model
        assert client.get(address(mine[model], "change")).status_code == 200, model


def test_what_belongs_to_no_brand_is_not_shown_to_a_brand() -> None:
    own = promos.team()
    rows_of(own)
    for role in Role:
        client = signed_in(make.staff(role, own.brand))
        for model in OPERATORS_ONLY | SUPERUSERS_ONLY:
            assert listed(client, model).status_code == 403, (role, model)
        assert client.get(address(Series.objects.get(), "change")).status_code == 404, role
        assert client.get(address(own.marketer, "change")).status_code == 404, role


def test_doors_of_another_brands_order_and_deposit_are_not_there() -> None:
    own, other = promos.team(), promos.team()
    order, deposit = promos.submitted(other), recorded(other)
    for role in Role:
        client = signed_in(make.staff(role, own.brand))
        for what in ("submit", "reopen", "approve", "reject", "activate", "download", "passphrase"):
            data = {"submitted_hash": order.submitted_hash, "note": "no"}
            assert client.post(address(order, what), data).status_code == 404, (role, what)
        assert client.get(address(order, "progress")).status_code == 404, role
        for what in ("confirm", "reject"):
            assert client.post(address(deposit, what)).status_code == 404, (role, what)
    order.refresh_from_db()
    deposit.refresh_from_db()
    assert (order.state, deposit.state) == ("submitted", "requested")


def test_forms_offer_and_take_rows_of_the_persons_own_brand_alone() -> None:
    own, other = promos.team(), promos.team()
    promos.campaign(own)
    foreign = promos.campaign(other)
    client = signed_in(own.marketer)
    form = (
        client.get(reverse("admin:campaigns_order_add"), {"campaign": foreign.pk}).context["adminform"].form
    )
    assert foreign not in form.fields["campaign"].queryset
    assert "claim_from" not in form.initial
    answer = client.post(reverse("admin:campaigns_order_add"), order_data(foreign))
    assert "campaign" in answer.context["adminform"].form.errors
    for model in ("campaigns_campaign", "parties_store"):
        offered = client.get(reverse(f"admin:{model}_add")).context["adminform"].form.fields["brand"].queryset
        assert list(offered) == [own.brand]
    offered = signed_in(own.finance).get(reverse("admin:campaigns_deposit_add"))
    assert list(offered.context["adminform"].form.fields["brand"].queryset) == [own.brand]


def test_a_marketer_of_two_brands_edits_in_one_where_the_role_is_held() -> None:
    own, other = promos.team(), promos.team()
    other_campaign, own_campaign = promos.campaign(other), promos.campaign(own)
    own.marketer.staff_roles.create(brand=other.brand, role=Role.SUPPORT)
    client = signed_in(own.marketer)
    assert client.get(address(own_campaign, "change")).context["has_change_permission"]
    assert not client.get(address(other_campaign, "change")).context["has_change_permission"]
    assert client.post(address(other_campaign, "change"), {"name": "taken"}).status_code == 403


WRITES = {
    Mailing: {Role.MARKETER},
    Campaign: {Role.MARKETER},
    Order: {Role.MARKETER},
    VoidRequest: {Role.MARKETER},
    ExtensionRequest: {Role.MARKETER},
    Store: {Role.MARKETER},
    NumberPattern: {Role.MARKETER},
    WebhookEndpoint: {Role.MARKETER},
    Deposit: {Role.FINANCE},
    ApprovalRule: {Role.APPROVER, Role.FINANCE},
    AlertRule: {Role.MARKETER, Role.APPROVER},
    Adjustment: {Role.FINANCE, Role.SUPPORT},
    StaffInvitation: {Role.APPROVER, Role.FINANCE},
}


@pytest.mark.both
def test_each_role_adds_what_is_its_own() -> None:
    team = promos.team()
    own = [model._meta for model in admin.site._registry if model.__module__.split(".")[0] in APPS]
    for role in Role:
        client = signed_in(make.staff(role, team.brand))
        for opts in own:
            answer = client.get(reverse(f"admin:{opts.app_label}_{opts.model_name}_add"))
            may_add = role in WRITES.get(opts.model, set())
            assert (answer.status_code == 200) == may_add, (role, opts.model)


@pytest.mark.both
def test_a_superuser_sees_money_and_moves_none() -> None:
    team = promos.team()
    rows = rows_of(team)
    waiting = promos.submitted(team)
    client = signed_in(make.user(is_staff=True, is_superuser=True))
    for model, row in rows.items():
        assert listed(client, model).status_code == 200, model
        assert client.get(address(row, "change")).status_code == 200, model
    for model in (Campaign, Order, Deposit, Account, Transfer, Settlement, Adjustment, Batch):
        opts = model._meta
        assert client.get(reverse(f"admin:{opts.app_label}_{opts.model_name}_add")).status_code == 403
    answer = client.post(address(waiting, "approve"), {"submitted_hash": waiting.submitted_hash})
    assert answer.status_code == 404


def test_a_superuser_keeps_people_and_companies() -> None:
    team = promos.team()
    client = signed_in(make.user(is_staff=True, is_superuser=True))
    for model in (StaffInvitation, Brand, Store, Program, ApiClient):
        opts = model._meta
        assert client.get(reverse(f"admin:{opts.app_label}_{opts.model_name}_add")).status_code == 200, model
    assert client.get(address(team.marketer, "change")).status_code == 200
    role = team.marketer.staff_roles.get()
    client.post(reverse("admin:parties_staffrole_remove", args=(role.pk,)), {"reason": "left"})
    assert not team.marketer.staff_roles.exists()


def test_choices_while_typing_are_those_of_the_persons_own_brand() -> None:
    own, other = promos.team(), promos.team()
    promos.campaign(own), promos.campaign(other)
    client = signed_in(own.marketer)
    where = {"app_label": "campaigns", "model_name": "order", "field_name": "campaign", "term": "Spring"}
    found = client.get(reverse("admin:autocomplete"), where).json()["results"]
    assert [row["text"] for row in found] == [str(Campaign.objects.get(brand=own.brand))]


def test_a_filter_names_nobody_elses_rows() -> None:
    own, other = promos.team(), promos.team()
    promos.submitted(own)
    foreign = promos.submitted(other)
    page = listed(signed_in(own.marketer), Order).content.decode()
    assert foreign.campaign.name not in page


@pytest.mark.both
def test_searching_claims_survives_whatever_is_typed() -> None:
    team = promos.team()
    rows_of(team)
    client = signed_in(make.staff(Role.SUPPORT, team.brand))
    for typed in ("abc", "1 or 1=1", "9" * 40, "１２３", "\u202e"):
        answer = client.get(reverse("admin:giftcodes_claim_changelist"), {"q": typed})
        assert answer.status_code == 200, typed
        assert list(answer.context["cl"].queryset) == [], typed


def test_a_claim_is_found_by_its_serial_number() -> None:
    team = promos.team()
    claim = rows_of(team)[Claim]
    client = signed_in(make.staff(Role.SUPPORT, team.brand))
    answer = client.get(reverse("admin:giftcodes_claim_changelist"), {"q": str(claim.pk)})
    assert list(answer.context["cl"].queryset) == [claim]


def test_the_funnels_give_foreign_rows_to_nobody() -> None:
    own, other = promos.team(), promos.team()
    order, deposit = promos.submitted(other), recorded(other)
    for role in Role:
        person = make.staff(role, own.brand)
        with pytest.raises(NotReachable):
            access.access_order(person, order.pk)
        with pytest.raises(NotReachable):
            access.access_deposit(person, deposit.pk)
        assert order.campaign not in access.reachable_campaigns(person)
