"""Searches at the support desk that find nothing, many at once: the limit of a person holds."""

import threading
from functools import partial

import pytest

from campaigns import services as campaigns
from campaigns.errors import SupportRefused
from campaigns.support_models import SupportAct
from giftcodes import queries
from parties import holding
from parties.models import Role
from tests import make
from tests.concurrency.racing import race
from tests.giftcodes.guarded import unknown_code
from tests.make import NOON

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.postgresql]


@pytest.mark.parametrize("is_held", [True, False], ids=["as it is", "control: nobody is held"])
def test_nobody_guesses_more_by_being_fast(is_held: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the control all have counted before the first one is written down."""
    monkeypatch.setattr("campaigns.services.support.MAX_MISSES", 2)
    batch = make.live_batch(size=1)
    user = make.staff(Role.SUPPORT, batch.brand)
    if not is_held:
        counted, decode = threading.Barrier(4, timeout=30), queries.serial_number_of

        def wait_for_all(text: object) -> int | None:
            counted.wait()
            return decode(text)

        monkeypatch.setattr(holding, "hold_user", lambda _user: None)
        monkeypatch.setattr(queries, "serial_number_of", wait_for_all)
    codes = [unknown_code(batch, place) for place in range(4)]

    outcomes = race(*(partial(campaigns.find_by_code, text=code, user=user, at=NOON) for code in codes))

    refused = [outcome for outcome in outcomes if isinstance(outcome, SupportRefused)]
    assert len(refused) == (2 if is_held else 0), outcomes
    assert SupportAct.objects.filter(is_found=False).count() == (2 if is_held else 4)
