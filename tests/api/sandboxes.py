"""A sandbox with what the site puts into it, and a partner system with a test key of it."""

import uuid
from typing import Any

from django.conf import settings

from campaigns import services as campaigns
from campaigns.audit import differences as order_differences
from ledger.statements import database_time
from parties.api_services import open_sandbox
from parties.models import Brand
from tests import make
from tests.api.partner import Partner, api_client
from tests.api.shop import no_differences


class Sandbox:
    """The twin of a live brand, stocked, and a system that calls with a test key."""

    def __init__(self, brand: Brand | None = None) -> None:
        at = database_time()
        self.live = brand or make.brand()
        self.brand = open_sandbox(brand=self.live, at=at)
        stock(self.brand)
        self.partner = Partner(api_client(self.brand))

    def post(self, path: str, *, key: str | None = None, **body: Any) -> Any:
        """The answer to a POST with those fields; with a fresh key if none is given."""
        return self.partner.post(path, body, key=key or str(uuid.uuid4()))

    def claim(self, code: str, *, member: str = "ref:user-1", key: str | None = None) -> Any:
        return self.post("claims", key=key, code=code, member=member)


def stock(brand: Brand) -> int:
    """As the site does it when a sandbox is opened, and every now and then."""
    return campaigns.stock_sandbox(brand_id=brand.pk, site_url=settings.SITE_URL, at=database_time())


def nothing_differs() -> None:
    """The audit finds that every point, code, order and deposit is accounted for."""
    no_differences()
    assert [*order_differences()] == []
