"""Objects for tests, made through the services wherever a service exists:
`make.live_code(face_points=500)`.
"""

import itertools
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db.models import F
from stdnum import ean

from campaigns import services as campaigns
from giftcodes import codec, keys
from giftcodes import services as giftcodes
from giftcodes.models import Activation, Batch, BatchState, Delivery
from giftcodes.services import ChannelSize, GiftWanted, IssuedGift, Terms
from ledger import services as ledger
from ledger.expiry import ExpiryPolicy
from ledger.models import Account, Lot, Posting, Reason, Transfer, transfer_id_of
from parties import api_services
from parties.api_models import ApiClient, ApiKey, Scope
from parties.models import Brand, Member, NumberPattern, Program, Role, StaffRole, Store, User

NOON = datetime(2026, 11, 2, 3, 0, tzinfo=UTC)  # noon in Japan
_numbers = itertools.count(1)


def program(**fields: Any) -> Program:
    number = next(_numbers)
    return Program.objects.create(**{"slug": f"program-{number}", "name": f"Program {number}"} | fields)


def brand(*, funds: int = 0, **fields: Any) -> Brand:
    number = next(_numbers)
    fields.setdefault("program", None)
    fields["program"] = fields["program"] or program()
    row = Brand.objects.create(**{"slug": f"brand-{number}", "name": f"Brand {number}"} | fields)
    ledger.open_funds(brand=row, at=NOON - timedelta(days=1))
    if funds:
        deposit(row, funds)
    return row


def deposit(brand: Brand, points: int) -> None:
    """Points in the brand's funds, by two people of its finance."""
    at = NOON - timedelta(days=1)
    first, second = staff(Role.FINANCE, brand), staff(Role.FINANCE, brand)
    recorded = campaigns.request_deposit(
        public_id=uuid.uuid4(),
        brand_id=brand.pk,
        points=points,
        reference=f"T-{next(_numbers)}",
        user=first,
        at=at,
    )
    campaigns.confirm_deposit(deposit_id=recorded.pk, user=second, verified_at=at, at=at)


def store(**fields: Any) -> Store:
    number = next(_numbers)
    return Store.objects.create(**{"code": f"store-{number}", "name": f"Store {number}"} | fields)


def number_pattern(brand: Brand, **fields: Any) -> NumberPattern:
    """Numbers of 13 digits that begin with 29 and end in the check digit of bar codes."""
    defaults = {"prefix": "29", "least_length": 13, "most_length": 13, "check_digit": "ean"}
    return NumberPattern.objects.create(brand=brand, **defaults | {"example": "2900-0000-00001"} | fields)


def api_client(brand: Brand | None = None, **fields: Any) -> ApiClient:
    """A partner system of the brand."""
    number = next(_numbers)
    defaults = {"name": f"Client {number}", "created_at": NOON - timedelta(days=1), "created_by": user()}
    return ApiClient.objects.create(brand=brand or globals()["brand"](), **defaults | fields)


def api_key(client: ApiClient, *scopes: Scope, at: datetime = NOON, **fields: Any) -> tuple[ApiKey, str]:
    """A key of the client and its text; without scopes it may everything."""
    asked = {"scopes": scopes or list(Scope), "by": client.created_by, "at": at} | fields
    return api_services.make_key(client=client, **asked)


def membership_number() -> str:
    """A number that fits that pattern."""
    digits = f"29{next(_numbers):010d}"
    return digits + ean.calc_check_digit(digits)


def user(**fields: Any) -> User:
    number = next(_numbers)
    return User.objects.create_user(**{"email": f"user-{number}@example.com"} | fields)


def staff(role: Role, brand: Brand | None, **fields: Any) -> User:
    person = user(is_staff=True, **fields)
    StaffRole.objects.create(user=person, brand=brand, role=role)
    return person


def member(**fields: Any) -> Member:
    return Member.objects.create(user=user(), **fields)


def wallet(of: Member, program: Program) -> Account:
    return ledger.open_wallet(member=of, program=program, at=NOON)


def terms(**changes: Any) -> Terms:
    defaults = Terms(
        face_points=500,
        claim_from=NOON - timedelta(days=1),
        claim_until=NOON + timedelta(days=30),
        lot_life_days=180,
        limit_per_member=None,
        limit_group=f"group-{next(_numbers)}",
        claim_url_base="https://points.example.com/c/spring/",
        activation=Activation.AT_START,
    )
    return defaults._replace(**changes)


def batch(
    *,
    size: int = 10,
    brand: Brand | None = None,
    channels: list[ChannelSize] | None = None,
    approved_at: datetime = NOON - timedelta(hours=1),
    **changes: Any,
) -> Batch:
    """A batch that has been approved and not minted yet."""
    asked = terms(**changes)
    giftcodes.open_series(digit=1, at=NOON)
    return giftcodes.create_batch(
        order_key=f"order-{next(_numbers)}",
        brand=brand or globals()["brand"](funds=asked.face_points * size),
        terms=asked,
        channels=channels or [ChannelSize("poster", size)],
        recipient=user(is_staff=True),
        at=approved_at,
    )


def live_batch(**fields: Any) -> Batch:
    """A batch whose codes can be claimed, without its file: minting has tests of its own."""
    return activate(batch(**fields))


def activate(row: Batch) -> Batch:
    """What minting and activation make of an approved batch, without its file."""
    Batch.objects.filter(pk=row.pk).update(
        state=BatchState.ACTIVE, minted_codes=row.size, minted_at=NOON, activated_at=NOON
    )
    Delivery.objects.filter(batch=row).update(
        row_count=row.size,
        total_points=row.size * row.face_points,
        content_sha256="0" * 64,
        sealed_sha256="0" * 64,
        sealed_bytes=0,
        sealed_at=NOON,
    )
    row.refresh_from_db()
    return row


def gift_batch(**fields: Any) -> Batch:
    """A batch whose codes are issued one by one, as gifts of up to 2,000 points."""
    defaults: dict[str, Any] = {
        "most_points": 2_000,
        "channels": [ChannelSize("API", fields.get("size", 10))],
    }
    return batch(**defaults | fields)


def gifts(
    batch: Batch,
    *wanted: GiftWanted,
    client: ApiClient | None = None,
    key: str = "",
    at: datetime = NOON,
) -> list[IssuedGift]:
    """Gifts of the batch, issued by a client of its brand."""
    issued = giftcodes.issue_gifts(
        client=client or api_client(batch.brand),
        key=key or f"key-{next(_numbers)}",
        group=batch.limit_group,
        gifts=wanted or [GiftWanted()],
        at=at,
    )
    return issued.gifts


def code_of(batch: Batch, place: int = 0) -> str:
    """The code at that place of the batch."""
    return codec.encode_one(
        batch.first_serial + place,
        series=batch.series_id,
        series_key=keys.series_key(batch.series),
        batch_key=keys.batch_key(batch),
    )


def decided(batch: Batch) -> dict[str, Any]:
    """The two people, the reason and the moment that withdrawing codes of the batch asks for."""
    return {"reason": "misprint", "requested_by": user(), "approved_by": user(), "at": NOON}


def live_code(**fields: Any) -> str:
    """A code that can be claimed at NOON."""
    return code_of(live_batch(**{"size": 1} | fields))


def lot(wallet: Account, points: int, *, funder: Brand, days: int = 180, at: datetime = NOON) -> Lot:
    """Points of the funder in the wallet that end after so many days."""
    granted = ledger.grant_points(
        brand_id=funder.pk,
        wallet_id=wallet.pk,
        points=points,
        expires=ExpiryPolicy.after_days(days),
        key=f"grant-{next(_numbers)}",
        at=at,
    )
    return Lot.objects.get(transfer=granted.transfer_id)


def rich_wallet(*lots: tuple[int, int], funder: Brand | None = None) -> tuple[Account, Store]:
    """A wallet with lots of (points, days to their end), and a store of their funder."""
    funder = funder or brand(funds=sum(points for points, _ in lots))
    rich = wallet(member(), funder.program)
    for points, days in lots:
        lot(rich, points, funder=funder, days=days)
    return rich, store(brand=funder)


def many_lots(wallet: Account, number: int, *, funder: Brand) -> None:
    """Lots of one point each, in the order of their ends: written to the tables, as so many grants would take
    too long.
    """
    funds, first = ledger.open_funds(brand=funder, at=NOON), next(_numbers)
    keys = [f"grant:many-{first}-{place}" for place in range(number)]
    rows = [Transfer(id=transfer_id_of(key), key=key, reason=Reason.GRANT, posted_at=NOON) for key in keys]
    Transfer.objects.bulk_create(rows)
    Posting.objects.bulk_create(
        Posting(transfer=row, source=funds, target=wallet, points=1, posted_at=NOON) for row in rows
    )
    Lot.objects.bulk_create(
        Lot(
            wallet=wallet,
            funder=funder,
            transfer=row,
            granted_points=1,
            remaining_points=1,
            granted_at=NOON,
            expires_at=NOON + timedelta(days=100, minutes=place // 100),
        )
        for place, row in enumerate(rows)
    )
    Account.objects.filter(pk=wallet.pk).update(balance=F("balance") + number)
    Account.objects.filter(pk=funds.pk).update(balance=F("balance") - number)
