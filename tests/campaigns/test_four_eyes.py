"""What creates value takes another person than the one who asked, by every door there is: the service, the
admin's own form and a forged one, the API and commands.
"""

import re
import uuid
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from django.test import Client
from django.urls import reverse

from campaigns import services as campaigns
from campaigns.approval_models import ApprovalRule
from campaigns.extension_models import ExtensionRequest
from campaigns.mailing_models import Mailing
from campaigns.models import Deposit, Order
from campaigns.services import mailings
from giftcodes import services as giftcodes
from giftcodes.delivery_models import DeliveryKind, FurtherDelivery
from giftcodes.models import Batch, BatchState, Void
from ledger import services as ledger
from ledger.expiry import JAPAN, ExpiryPolicy
from ledger.models import Adjustment, Posting, Settlement
from parties import invitation_services
from parties.errors import FactorStale, NotReachable
from parties.invitation_models import StaffInvitation
from parties.models import Role, User
from tests import make
from tests.campaigns import promos
from tests.campaigns.brand_rows import invitation_to
from tests.campaigns.mailings import lists
from tests.campaigns.pages import signed_in
from tests.campaigns.test_deposits import recorded
from tests.config.test_headers import views
from tests.factors import just_now
from tests.giftcodes.further import WORDS
from tests.make import NOON

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("noon")]


class Asked(NamedTuple):
    """Something that waits for another person: who asked, its service and its door, and what it would do."""

    asker: User
    act: "partial[Any]"
    door: str
    data: dict[str, str]
    is_done: Callable[[], bool]


def with_both_roles(team: promos.Team) -> User:
    """The asker holds the role of those who decide as well: it's not the role that keeps them out."""
    for role in (Role.APPROVER, Role.FINANCE):
        team.marketer.staff_roles.create(brand=team.brand, role=role)
    return team.marketer


def order() -> Asked:
    team = promos.team()
    asker, asked = with_both_roles(team), promos.submitted(team)
    seen: dict[str, Any] = {"submitted_hash": asked.submitted_hash}
    act = partial(campaigns.approve_order, order_id=asked.pk, approver=asker, site_url=promos.SITE, **seen)
    door = reverse("admin:campaigns_order_approve", args=(asked.pk,))
    return Asked(asker, act, door, seen, Batch.objects.exists)


def _minted() -> tuple[User, Order, Batch]:
    team = promos.team()
    asker, asked = with_both_roles(team), promos.submitted(team)
    batch = promos.approve(asked, team.approver)
    Batch.objects.filter(pk=batch.pk).update(state=BatchState.MINTED, minted_codes=50, minted_at=NOON)
    return asker, asked, batch


def _is_active(batch: Batch) -> bool:
    return Batch.objects.filter(pk=batch.pk, state=BatchState.ACTIVE).exists()


def activation() -> Asked:
    asker, asked, batch = _minted()
    act = partial(campaigns.activate_codes, order_id=asked.pk, user=asker)
    door = reverse("admin:campaigns_order_activate", args=(asked.pk,))
    return Asked(asker, act, door, {}, partial(_is_active, batch))


def resumption() -> Asked:
    asker, asked, batch = _minted()
    Batch.objects.filter(pk=batch.pk).update(state=BatchState.ACTIVE, activated_at=NOON)
    campaigns.pause_codes(order_id=asked.pk, user=asker, reason="leak", at=NOON)
    act = partial(campaigns.resume_codes, order_id=asked.pk, user=asker, reason="all well")
    door = reverse("admin:campaigns_order_resume", args=(asked.pk,))
    return Asked(asker, act, door, {"reason": "all well"}, partial(_is_active, batch))


def deposit() -> Asked:
    team = promos.team(funds=0)
    asked = recorded(team)
    act = partial(campaigns.confirm_deposit, deposit_id=asked.pk, user=team.finance)
    door = reverse("admin:campaigns_deposit_confirm", args=(asked.pk,))
    return Asked(team.finance, act, door, {}, Deposit.objects.filter(state="confirmed").exists)


def adjustment() -> Asked:
    team = promos.team()
    wallet = make.wallet(make.member(), team.brand.program)
    asked = ledger.request_adjustment(
        public_id=uuid.uuid4(),
        brand_id=team.brand.pk,
        asked=ledger.GrantAsked(wallet.pk, 100, ExpiryPolicy.after_days(90)),
        reason="the register was down",
        user=team.finance,
        at=NOON,
    )
    seen: dict[str, Any] = {"fingerprint": asked.fingerprint}
    act = partial(ledger.confirm_adjustment, adjustment_id=asked.pk, user=team.finance, **seen)
    door = reverse("admin:ledger_adjustment_confirm", args=(asked.pk,))
    return Asked(team.finance, act, door, seen, Adjustment.objects.filter(state="confirmed").exists)


def settlement() -> Asked:
    asker, program = make.staff(Role.FINANCE, None), make.brand().program
    midnight = NOON.astimezone(JAPAN).replace(hour=0)
    asked = ledger.prepare_settlement(program_id=program.pk, ends_at=midnight, user=asker, at=NOON)
    seen: dict[str, Any] = {"sha256": asked.sha256}
    act = partial(ledger.close_settlement, settlement_id=asked.pk, user=asker, **seen)
    door = reverse("admin:ledger_settlement_close", args=(asked.pk,))
    return Asked(asker, act, door, seen, Settlement.objects.filter(state="closed").exists)


def end_of_a_rule() -> Asked:
    team = promos.team()
    asked = campaigns.add_rule(
        brand_id=team.brand.pk, issuing="", from_points=0, month_points=None, user=team.approver, at=NOON
    )
    campaigns.ask_to_retire_rule(rule_id=asked.pk, user=team.approver, at=NOON)
    act = partial(campaigns.retire_rule, rule_id=asked.pk, user=team.approver)
    door = reverse("admin:campaigns_approvalrule_retire", args=(asked.pk,))
    return Asked(team.approver, act, door, {}, ApprovalRule.objects.exclude(retired_at=None).exists)


def _live() -> tuple[promos.Team, User, Order, Batch]:
    team = promos.team()
    asker, asked = with_both_roles(team), promos.submitted(team)
    batch = promos.approve(asked, team.approver)
    make.activate(batch)
    return team, asker, asked, batch


def withdrawal() -> Asked:
    team, asker, _order, batch = _live()
    asked = promos.void_request(team, batch)
    seen: dict[str, Any] = {"fingerprint": asked.fingerprint}
    act = partial(giftcodes.approve_void, request_id=asked.pk, user=asker, **seen)
    door = reverse("admin:giftcodes_voidrequest_approve", args=(asked.pk,))
    return Asked(asker, act, door, seen, Void.objects.exists)


def extension() -> Asked:
    team = promos.team()
    asker, asked = with_both_roles(team), promos.extension_request(team)
    seen: dict[str, Any] = {"fingerprint": asked.fingerprint}
    act = partial(campaigns.approve_extension, request_id=asked.pk, user=asker, **seen)
    door = reverse("admin:campaigns_extensionrequest_approve", args=(asked.pk,))
    done = ExtensionRequest.objects.filter(state="approved")
    return Asked(asker, act, door, seen, done.exists)


def mailing() -> Asked:
    team = promos.team()
    asker, asked = with_both_roles(team), lists.submitted(team)
    seen: dict[str, Any] = {"fingerprint": asked.fingerprint}
    act = partial(mailings.approve_mailing, mailing_id=asked.pk, user=asker, **seen)
    door = reverse("admin:campaigns_mailing_approve", args=(asked.pk,))
    done = Mailing.objects.filter(state="sending")
    return Asked(asker, act, door, seen, done.exists)


def file() -> Asked:
    _team, asker, asked, batch = _live()
    wanted = giftcodes.Asked(kind=DeliveryKind.XLSX, reason="for the printer", words=WORDS)
    waiting = giftcodes.request_delivery(batch_id=batch.pk, asked=wanted, user=asker, at=NOON)
    seen: dict[str, Any] = {"request_hash": waiting.request_hash}
    act = partial(campaigns.approve_delivery, public_id=waiting.public_id, user=asker, **seen)
    door = reverse("admin:campaigns_order_approve_file", args=(asked.pk, waiting.public_id))
    done = FurtherDelivery.objects.exclude(state="requested")
    return Asked(asker, act, door, seen, done.exists)


def role() -> Asked:
    team = promos.team()
    asked = invitation_to(team)
    act = partial(invitation_services.confirm_invitation, invitation_id=asked.pk, user=team.approver)
    door = reverse("admin:parties_staffinvitation_confirm", args=(asked.pk,))
    done = StaffInvitation.objects.exclude(confirmed_by=None)
    return Asked(team.approver, act, door, {}, done.exists)


ASKED = [
    *[order, activation, resumption, deposit, adjustment, settlement, end_of_a_rule],
    *[withdrawal, extension, mailing, file, role],
]
REFUSALS = {
    *["OwnOrder", "AdjustmentRefused", "SettlementRefused", "InvitationRefused"],
    *["VoidRefused", "FurtherDeliveryRefused"],
}
# What waits for a decision at a door: each of these words in an address has its row above.
DECIDING = {"approve", "activate", "resume", "confirm", "close", "retire"}
ELSEWHERE = {"parties/webhookendpoint/"}  # closing one creates nothing


@pytest.mark.parametrize("prepare", ASKED)
def test_the_service_refuses_whoever_asked(prepare: Callable[[], Asked]) -> None:
    asked = prepare()
    postings = Posting.objects.count()
    with pytest.raises(Exception) as refusal:  # noqa: PT011  # a class of each app; which one is named below
        asked.act(**just_now(NOON))
    assert type(refusal.value).__name__ in REFUSALS
    assert not isinstance(
        refusal.value, NotReachable | FactorStale
    )  # they reach it: it is theirs, and that is why
    assert not asked.is_done()
    assert Posting.objects.count() == postings


@pytest.mark.parametrize("prepare", ASKED)
def test_the_admin_refuses_them_by_a_forged_form(prepare: Callable[[], Asked]) -> None:
    asked = prepare()
    client = signed_in(asked.asker)
    answer = client.post(asked.door, asked.data, follow=True)
    assert answer.status_code == 200  # back on the page, and told
    assert [str(message.level_tag) for message in answer.context["messages"]] == ["error"]
    assert not asked.is_done()


@pytest.mark.parametrize("prepare", ASKED)
def test_without_the_token_of_a_form_nobody_decides(prepare: Callable[[], Asked]) -> None:
    asked = prepare()
    strict = Client(enforce_csrf_checks=True)
    strict.cookies = signed_in(make.user(is_staff=True, is_superuser=True)).cookies
    assert strict.post(asked.door, asked.data).status_code == 403
    assert not asked.is_done()


def test_control_another_person_with_the_role_does_it() -> None:
    asked = deposit()
    team_mate = make.staff(Role.FINANCE, Deposit.objects.get().brand)
    signed_in(team_mate).post(asked.door, asked.data)
    assert asked.is_done()


def test_every_door_that_decides_is_tried() -> None:
    tried = {prepare().door.removeprefix("/admin/") for prepare in ASKED}
    kinds = {(door.split("/")[1], door.split("/")[3]) for door in tried}
    found = set()
    for address, _view in views():
        parts = address.removeprefix("admin/").split("/")
        is_elsewhere = any(address.startswith(f"admin/{place}") for place in ELSEWHERE)
        if address.startswith("admin/") and not is_elsewhere and DECIDING & set(parts):
            found.add((parts[1], parts[3]))
    assert found == kinds


ROOT = Path(__file__).resolve().parents[2]
DECIDES = re.compile(
    r"\b(approve_order|activate_codes|activate_batch|resume_codes|resume_batch|confirm_deposit|deposit_funds"
    r"|confirm_adjustment|close_settlement|retire_rule"
    r"|approve_void|approve_extension|approve_delivery|approve_mailing|confirm_invitation)\b"
)


def test_neither_the_api_nor_a_command_nor_a_task_calls_what_decides() -> None:
    doors = [
        path
        for pattern in ("*/api/**/*.py", "*/management/commands/*.py", "*/tasks.py")
        for path in ROOT.glob(pattern)
        if path.name != "simulate_attack.py"  # on an empty database outside production
    ]
    assert len(doors) > 30
    found = {
        path.relative_to(ROOT).as_posix(): sorted(set(DECIDES.findall(path.read_text()))) for path in doors
    }
    assert {name: calls for name, calls in found.items() if calls} == {}


def test_control_the_admin_calls_all_of_them() -> None:
    pages = [
        *ROOT.glob("campaigns/admin/*.py"),
        *ROOT.glob("ledger/admin/*.py"),
        *[ROOT / "campaigns/views.py", ROOT / "parties/invitation_admin.py"],
    ]
    found = {call for path in pages for call in DECIDES.findall(path.read_text())}
    assert found == {act.func.__name__ for act in (prepare().act for prepare in ASKED)}


def test_no_door_makes_a_role_a_superuser_or_a_password_of_somebody_else() -> None:
    makes = re.compile(r"StaffRole\.objects\.\w*create|StaffRole\(user|is_superuser=True,|set_password\(")
    found = {
        path.relative_to(ROOT).as_posix()
        for app in ("campaigns", "config", "giftcodes", "ledger", "parties", "redemption_site")
        for path in (ROOT / app).rglob("*.py")
        if makes.search(path.read_text())
    }
    # The service of invitations, the manager that `createsuperuser` calls, which is recorded, and the demo.
    assert found == {"parties/invitation_services.py", "parties/models.py", "config/demo/logins.py"}
