"""A brand with a store, funds, a partner system and a member, to call the API about."""

from collections.abc import Sequence
from typing import Any

from giftcodes.audit import differences as code_differences
from ledger import queries
from ledger import services as ledger
from ledger.audit import differences as point_differences
from ledger.statements import database_time
from parties.api_models import Scope
from parties.models import Brand, Member, Program
from tests import make
from tests.api.partner import Partner, api_client


class Shop:
    """Funds of 1,000 points, the store "ginza", and a member with 500 points of the brand."""

    def __init__(self, *, program: Program | None = None, scopes: Sequence[Scope] = tuple(Scope)) -> None:
        self.brand: Brand = make.brand(funds=1_500, program=program)
        self.store = make.store(brand=self.brand, code="ginza")
        self.partner = Partner(api_client(self.brand), scopes=scopes)
        self.member: Member = make.member()
        self.wallet = ledger.open_wallet(member=self.member, program=self.brand.program, at=database_time())
        self.lot = make.lot(self.wallet, 500, funder=self.brand, at=database_time())

    @property
    def id(self) -> str:
        """The member's, as the API writes it."""
        return str(self.member.public_id)

    @property
    def balance(self) -> int:
        return queries.balance_of(self.wallet)

    @property
    def funds(self) -> int:
        return queries.funds_of(self.brand)

    def post(self, path: str, *, key: str | None = None, **body: Any) -> Any:
        """The answer to a POST with those fields."""
        return self.partner.post(path, body, key=key)


def no_differences() -> None:
    """The audit finds that every point and code is accounted for."""
    assert [*point_differences()] == []
    assert [*code_differences()] == []
