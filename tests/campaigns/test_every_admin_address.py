"""Every address of the admin x every role x rows of the own brand and of another one: what it answers.

The addresses are read from the table of addresses: one that no row here speaks of fails the test, and so does
a row of which there is no address.
"""

import re
from urllib.parse import urljoin

import pytest
from django.contrib import admin
from django.db.models import Model
from django.test import Client

from campaigns.mailing_models import Mailing, Recipient
from giftcodes import services as giftcodes
from giftcodes.delivery_models import DeliveryKind, FurtherDelivery
from giftcodes.models import Batch, BatchState, Claim
from giftcodes.services import Asked
from parties.api_models import ApiKey
from parties.models import Role
from tests import make
from tests.campaigns import promos
from tests.campaigns.pages import signed_in
from tests.campaigns.test_scopes import APPS, OPERATORS_ONLY, SEEN_BY, SUPERUSERS_ONLY, rows_of
from tests.config.test_headers import views
from tests.giftcodes.further import WORDS
from tests.make import NOON

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("noon", "unrendered")]

CLOSED = {403, 404}
EVERY, NOBODY = set(Role), set[Role]()
KEEPERS = {Role.APPROVER, Role.FINANCE}
# Doors beside the pages that each model has: who of a brand gets something by POST (or, of a door that only
# shows, by GET). The rest is closed to them, also for rows of their own brand.
DOORS: dict[str, set[Role]] = {
    "campaigns/alert/<id>/see-to/": {Role.MARKETER, Role.APPROVER, Role.FINANCE, Role.SUPPORT},
    "campaigns/approvalrule/<id>/ask/": KEEPERS,
    "campaigns/approvalrule/<id>/keep/": KEEPERS,
    "campaigns/approvalrule/<id>/retire/": KEEPERS,
    "campaigns/campaign/<id>/conditions/": {Role.MARKETER},
    "campaigns/campaign/<id>/conditions/discard/": {Role.MARKETER},
    "campaigns/campaign/<id>/conditions/publish/": {Role.MARKETER},
    "campaigns/campaign/<id>/take-offline/": {Role.MARKETER},
    "campaigns/deposit/<id>/confirm/": {Role.FINANCE},
    "campaigns/deposit/<id>/reject/": {Role.FINANCE},
    "campaigns/dispute/<id>/answer/": {Role.SUPPORT},
    "campaigns/dispute/<id>/resolve/": {Role.SUPPORT},
    "campaigns/extensionrequest/<id>/approve/": {Role.APPROVER},
    "campaigns/extensionrequest/<id>/reject/": {Role.APPROVER},
    "campaigns/extensionrequest/<id>/take-back/": NOBODY,  # whoever asked, who is nobody of these
    "campaigns/mailing/<id>/again/": {Role.MARKETER},
    "campaigns/mailing/<id>/approve/": {Role.APPROVER},
    "campaigns/mailing/<id>/find/": {Role.MARKETER, Role.SUPPORT},
    "campaigns/mailing/<id>/list/": {Role.MARKETER},
    "campaigns/mailing/<id>/reject/": {Role.APPROVER},
    "campaigns/mailing/<id>/reopen/": {Role.MARKETER},
    "campaigns/mailing/<id>/rows/<id>/lift/": {Role.MARKETER, Role.SUPPORT},
    "campaigns/mailing/<id>/rows/<id>/replace/": {Role.MARKETER, Role.SUPPORT},
    "campaigns/mailing/<id>/stop/": {Role.MARKETER, Role.APPROVER},
    "campaigns/mailing/<id>/submit/": {Role.MARKETER},
    "campaigns/mailing/<id>/test/": {Role.MARKETER, Role.APPROVER},
    "campaigns/mailing/<id>/texts/": {Role.MARKETER},
    "campaigns/order/<id>/activate/": {Role.APPROVER},
    "campaigns/order/<id>/approve/": {Role.APPROVER},
    "campaigns/order/<id>/channels/": NOBODY,  # of drafts; the row here is approved
    "campaigns/order/<id>/files/<id>/again/": {Role.MARKETER},
    "campaigns/order/<id>/files/<id>/approve/": {Role.APPROVER},
    "campaigns/order/<id>/files/<id>/download/": NOBODY,
    "campaigns/order/<id>/files/<id>/passphrase/": NOBODY,
    "campaigns/order/<id>/files/<id>/received/": NOBODY,
    "campaigns/order/<id>/files/<id>/reject/": {Role.APPROVER},
    "campaigns/order/<id>/download/": NOBODY,  # its recipient alone, who is nobody of these
    "campaigns/order/<id>/passphrase/": NOBODY,
    "campaigns/order/<id>/pause/": {Role.MARKETER, Role.APPROVER},
    "campaigns/order/<id>/reject/": {Role.APPROVER},
    "campaigns/order/<id>/reopen/": {Role.MARKETER},
    "campaigns/order/<id>/resume/": {Role.APPROVER},
    "campaigns/order/<id>/sign-off/": {Role.APPROVER},
    "campaigns/order/<id>/submit/": {Role.MARKETER},
    "campaigns/supportact/code/<id>/withdraw/": {Role.SUPPORT, Role.APPROVER},
    "giftcodes/voidrequest/<id>/approve/": {Role.APPROVER},
    "giftcodes/voidrequest/<id>/reject/": {Role.APPROVER},
    "giftcodes/voidrequest/<id>/reorder/": {Role.MARKETER},
    "giftcodes/voidrequest/<id>/take-back/": NOBODY,
    "ledger/adjustment/<id>/confirm/": {Role.FINANCE},
    "ledger/adjustment/<id>/reject/": {Role.FINANCE},
    "ledger/settlement/<id>/close/": NOBODY,  # the operator's finance
    "ledger/settlement/<id>/note/": {Role.FINANCE},
    "ledger/settlement/<id>/reject/": NOBODY,
    "parties/apiclient/<id>/disable/": NOBODY,  # superusers
    "parties/apiclient/<id>/enable/": NOBODY,
    "parties/apiclient/<id>/keys/<id>/replace/": NOBODY,
    "parties/apiclient/<id>/keys/<id>/revoke/": NOBODY,
    "parties/apiclient/<id>/keys/add/": NOBODY,
    "parties/brandsite/<id>/secret/": NOBODY,
    "parties/staffinvitation/<id>/confirm/": KEEPERS,
    "parties/staffinvitation/<id>/reject/": KEEPERS,
    "parties/staffinvitation/<id>/send-again/": KEEPERS,
    "parties/staffinvitation/<id>/withdraw/": KEEPERS,
    "parties/staffrole/<id>/remove/": KEEPERS,
    "parties/webhookendpoint/<id>/secret/": {Role.MARKETER},
    "parties/webhookendpoint/<id>/test/": {Role.MARKETER},
    "parties/webhookendpoint/<id>/close/": {Role.MARKETER},
}
SHOWN: dict[str, set[Role]] = {
    "campaigns/campaign/<id>/posters/": EVERY,
    "campaigns/campaign/<id>/posters/qr.svg": EVERY,
    "campaigns/campaign/<id>/results/": EVERY,
    "campaigns/order/<id>/files/": EVERY,
    "campaigns/order/<id>/files/<id>/": EVERY,
    "campaigns/order/<id>/files/check/": EVERY,
    "campaigns/order/<id>/progress/": EVERY,
    "ledger/account/<id>/statement/": NOBODY,  # of wallets; the row here is no such account
    "ledger/settlement/<id>/file/csv/": {Role.FINANCE, Role.AUDITOR},
}
# Of no brand: closed to everybody who works for one.
CLOSED_TO_BRANDS = {
    "campaigns/supportact/member/<id>/unmask/",
    "account/emailaddress",
    "giftcodes/claimlock/<id>/lift/",
    "ledger/dayseal/<id>/manifest/",
    "parties/user/<id>/access/",
}
PAGES = {"change/", "delete/", "history/", ""}
# What the forms ask for, so that the service is asked; what is wrong in it is another refusal than "closed".
TYPED = {"form_number": "0b9e6d0c-5c0a-4a53-9d0e-2c9a6a3b8f11", "resolution": "for_member", "text": "x"}
_ARGUMENT = re.compile(r"<(?:\w+:)?(\w+)>")
_KIND = {"name": "qr.svg", "kind": "csv"}
# tests/config/test_staff_sign_in.py, tests/parties/test_invitation_pages.py; the shortcut to the site
_OUTSIDE = ("r/", "second-factor/", "invitation/", "new-password/")


def addresses() -> set[str]:
    """Those below the admin that name a row, as "app/model/<id>/rest"."""
    found = set()
    for address, _view in views():
        rest = address.removeprefix("admin/")
        if rest != address and "<" in rest and "(?P" not in rest and not rest.startswith(_OUTSIDE):
            found.add(_ARGUMENT.sub(lambda argument: _KIND.get(argument[1], "<id>"), rest))
    return found


def doors() -> set[str]:
    """Without the pages that each model has."""
    rest = {address: address.partition("/<id>/")[2] for address in addresses()}
    return {address for address in addresses() if rest[address] not in PAGES}


def models() -> dict[str, type[Model]]:
    own = [model for model in admin.site._registry if model.__module__.split(".")[0] in APPS]
    return {f"{model._meta.app_label}/{model._meta.model_name}": model for model in own}


def test_each_address_has_its_row_and_each_row_its_address() -> None:
    closed = {row for row in CLOSED_TO_BRANDS if "<id>" in row}
    assert doors() == set(DOORS) | set(SHOWN) | closed
    assert len(addresses()) > 100


def test_nobody_without_a_sign_in_gets_further_than_the_sign_in() -> None:
    stranger = Client()
    for address in addresses():
        answer = stranger.post("/admin/" + address.replace("<id>", "1"))
        assert (answer.status_code, answer["Location"][:14]) == (302, "/admin/login/?"), address


def _address(of: str, rows: dict[type[Model], Model]) -> str:
    """The address with the ids of these rows; what belongs to no brand gets 1."""
    row = rows.get(models().get("/".join(of.split("/")[:2]), Model))
    row = rows.get(Claim) if of.startswith("campaigns/supportact/code/") else row
    first = of.replace("<id>", str(row.pk) if row else "1", 1)
    inner = _file(rows) if "/files/<id>" in of else rows.get(ApiKey)
    inner = Recipient.objects.filter(mailing=rows[Mailing].pk).first() if "/rows/<id>" in of else inner
    second = inner.public_id if isinstance(inner, FurtherDelivery) else inner and inner.pk
    return "/admin/" + first.replace("<id>", str(second or "1"))


def _file(rows: dict[type[Model], Model]) -> FurtherDelivery | None:
    """A file of the order, for its marketer, which waits for an approval."""
    batch = rows.get(Batch)
    if not isinstance(batch, Batch):
        return None
    waiting = FurtherDelivery.objects.filter(batch=batch).first()
    if waiting is None:
        done = {"state": BatchState.MINTED, "minted_codes": batch.size, "minted_at": NOON}
        Batch.objects.filter(pk=batch.pk).update(**done)
        asked = Asked(kind=DeliveryKind.XLSX, reason="for the printer", words=WORDS)
        waiting = giftcodes.request_delivery(
            batch_id=batch.pk, asked=asked, user=batch.order.requested_by, at=NOON
        )
    return waiting


@pytest.mark.parametrize("role", Role)
def test_rows_of_another_brand_are_closed_at_every_address(role: Role) -> None:
    own, other = promos.team(), promos.team()
    rows_of(own)
    foreign = rows_of(other)
    client = signed_in(make.staff(role, own.brand))
    for address in sorted(doors()):  # the pages that each model has: test_scopes
        where = _address(address, foreign)
        shown, acted = client.get(where), client.post(where, TYPED)
        no_post = {405} if address in SHOWN else set[int]()
        assert acted.status_code in CLOSED | no_post, (address, acted.status_code)
        leads_on = shown.status_code == 302 and _is_closed(client, where, shown["Location"])
        assert leads_on or shown.status_code in CLOSED | {405}, (address, shown.status_code)


def _is_closed(client: Client, where: str, leads_to: str) -> bool:
    return client.get(urljoin(where, leads_to)).status_code in CLOSED


@pytest.mark.parametrize("role", Role)
def test_doors_of_the_own_brand_open_for_those_whose_they_are(role: Role) -> None:
    own = promos.team()
    rows = rows_of(own)
    client = signed_in(make.staff(role, own.brand))
    for address, roles in DOORS.items():
        status = client.post(_address(address, rows), TYPED).status_code
        assert (status not in CLOSED) == (role in roles), (address, status)
    for address, roles in SHOWN.items():
        status = client.get(_address(address, rows)).status_code
        assert (status == 200) == (role in roles), (address, status)
        assert status == 200 or status in CLOSED, (address, status)


@pytest.mark.parametrize("role", Role)
def test_pages_of_the_own_brand_are_closed_to_roles_that_do_not_see_its_rows(role: Role) -> None:
    own = promos.team()
    rows = rows_of(own)
    client = signed_in(make.staff(role, own.brand))
    for name, model in models().items():  # those who see them: test_scopes
        if role not in SEEN_BY.get(model, set()):
            for page in ("change/", "history/"):
                status = client.get(_address(f"{name}/<id>/{page}", rows)).status_code
                assert status in CLOSED, (name, page, status)


def test_the_tables_name_what_there_is() -> None:
    assert set(models().values()) == set(SEEN_BY) | OPERATORS_ONLY | SUPERUSERS_ONLY
