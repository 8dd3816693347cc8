"""A caller that dies, or loses its connection, at any step of an issue: what it drew is there again, and its
key gives it the gift.
"""

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.conf import settings
from django.db import OperationalError, connection

from giftcodes import audit as giftcodes_audit
from giftcodes import gift_queries
from giftcodes import services as giftcodes
from giftcodes.errors import CodeNotUsable, TwinInFlight
from giftcodes.gift_models import Gift, GiftRequest
from giftcodes.models import Batch
from giftcodes.services import GiftWanted, Issued
from ledger import audit as ledger_audit
from ledger import pipeline
from parties.api_models import ApiClient
from tests import make, scanner
from tests.faults.workers import url_of_the_tests_database
from tests.make import NOON
from tests.scanner import Source

pytestmark = pytest.mark.django_db(transaction=True)

# In one statement from one strand on PostgreSQL, and what it falls back to, which is SQLite's only way.
STEPS = [
    "before the look",
    "after the look",
    "before the draw",
    "drawn and not committed",
    "after the commit",
]
STEPS_FROM_ALL = ["drawn from all", "request written", "gifts written"]


def no_differences() -> None:
    assert [*ledger_audit.differences(), *giftcodes_audit.differences()] == []


def issue(batch: Batch, client: ApiClient, number: int) -> Issued:
    return giftcodes.issue_gifts(
        client=client, key="order-1", group=batch.limit_group, gifts=[GiftWanted()] * number, at=NOON
    )


def killed_at(step: str, batch: Batch, client: ApiClient, number: int) -> None:
    arguments = [step, str(client.pk), batch.limit_group, "order-1", str(number)]
    child = subprocess.run(
        [sys.executable, "-m", "tests.giftcodes.gift_child", *arguments],
        cwd=Path(__file__).parents[2],
        env=os.environ
        | {"DATABASE_URL": url_of_the_tests_database(), "DJANGO_SETTINGS_MODULE": "config.settings"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (child.returncode, child.stdout.strip()) == (-9, step), child.stderr


def asked_until_the_server_lets_go(batch: Batch, client: ApiClient, number: int) -> Issued:
    """As a caller asks again who is told of a twin. PostgreSQL sees that a client is gone only when it next
    reads from it or writes to it, and keeps the locks until then.
    """
    for _ in range(200):
        try:
            return issue(batch, client, number)
        except TwinInFlight:
            time.sleep(0.05)
    return issue(batch, client, number)


def the_retry_gets_the_gifts(batch: Batch, client: ApiClient, number: int, *, is_kept: bool) -> None:
    assert Gift.objects.count() == (number if is_kept else 0)
    again = asked_until_the_server_lets_go(batch, client, number)
    assert again.is_replay == is_kept
    assert issue(batch, client, number).gifts == again.gifts
    assert (Gift.objects.count(), GiftRequest.objects.count()) == (number, 1)
    assert gift_queries.left_of(batch).gifts == batch.size - number
    no_differences()


@pytest.mark.postgresql
@pytest.mark.parametrize("step", STEPS)
def test_a_caller_killed_at_any_step_gives_back_what_it_drew(step: str) -> None:
    batch = make.gift_batch(size=100)
    client = make.api_client(batch.brand)
    killed_at(step, batch, client, 1)
    the_retry_gets_the_gifts(batch, client, 1, is_kept=step == "after the commit")


@pytest.mark.parametrize("step", STEPS_FROM_ALL)
def test_so_does_one_that_draws_from_all_strands_together(step: str) -> None:
    batch = make.gift_batch(size=100)
    client = make.api_client(batch.brand)
    killed_at(step, batch, client, 90)
    the_retry_gets_the_gifts(batch, client, 90, is_kept=False)


@pytest.mark.postgresql
@pytest.mark.parametrize("is_kept", [False, True])
def test_a_connection_cut_around_the_commit_costs_a_retry(
    is_kept: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Either the server never got the commit, or its answer never came back. The caller can't tell which."""
    batch = make.gift_batch(size=100)
    client = make.api_client(batch.brand)
    exchange, sends = pipeline._exchange, [0]

    def cut(link: Any, calls: Any) -> Any:
        sends[0] += 1
        if sends[0] != 2:
            return exchange(link, calls)
        if is_kept:
            exchange(link, calls)
        link.close()
        raise psycopg.OperationalError("the connection is lost")

    monkeypatch.setattr(pipeline, "_exchange", cut)
    with pytest.raises(OperationalError):
        issue(batch, client, 1)
    monkeypatch.undo()
    connection.close()
    the_retry_gets_the_gifts(batch, client, 1, is_kept=is_kept)


def test_no_code_of_a_gift_stands_anywhere(caplog: pytest.LogCaptureFixture) -> None:
    batch = make.gift_batch(size=200)
    client = make.api_client(batch.brand)
    codes = scanner.codes_to_look_for(batch)
    wanted = GiftWanted(recipient_ref="user-1", metadata={"order": "A-1"})
    for key in ("order-1", "order-1", "order-2"):
        make.gifts(batch, wanted, wanted, client=client, key=key)
    first, second, _third, _fourth = Gift.objects.order_by("pk")
    shown = [giftcodes.reveal_gift(gift=gift, client=client, at=NOON) for gift in (first, second)]
    giftcodes.void_gift(gift=second, client=client, reason="returned", at=NOON)
    giftcodes.claim_code(text=shown[0].code, member=make.member(), at=NOON)
    for text in (shown[0].code, shown[1].code, make.code_of(batch, 150)):
        with pytest.raises(CodeNotUsable):
            giftcodes.claim_code(text=text, member=make.member(), at=NOON)
    giftcodes.ship_claims(begin=True)
    giftcodes.close_batch(batch_id=batch.pk, at=batch.claim_until)

    def places() -> list[Source]:
        return [
            *scanner.database_sources(),
            *scanner.folder_sources(Path(settings.VAR_DIR)),
            *scanner.redis_sources(os.environ["TEST_REDIS_URL"]),
            Source("log", caplog.text.encode()),
        ]

    assert scanner.scan(codes, places()).found == []
    GiftRequest.objects.create(
        client=client,
        key_digest=shown[0].code,
        fingerprint="planted",
        batch=batch,
        gifts=1,
        requested_at=NOON,
    )
    assert scanner.scan(codes, scanner.database_sources()).found  # it would have been found
