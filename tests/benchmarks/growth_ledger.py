"""What bench_growth does inside the process of one ledger. Times are in milliseconds."""

import random
import resource
import time
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from io import StringIO
from itertools import chain
from pathlib import Path

from django.core.management import call_command
from django.db import connection
from django.db.models import Sum

from campaigns import audit as campaigns_audit
from giftcodes import audit as giftcodes_audit
from giftcodes import services as giftcodes
from giftcodes.models import Batch
from ledger import audit as ledger_audit
from ledger import queries
from ledger import services as ledger
from ledger.expiry import JAPAN
from ledger.models import Account, LotUse, Posting, UseKind
from ledger.services.settlements import prepare_settlement
from ledger.statements import database_time
from parties.models import Brand, Member, Role
from redemption_site.queries import history_page, holdings_of
from tests import make
from tests.benchmarks.growth_fill import Filled, fill, fill_due

_HISTORY_SHOWN = 20
_EXPIRY_STEP = 1_000
_CLAIMS = 100_000


class _Stage:
    """What the calls in this process share."""

    filled: Filled
    batch: Batch
    wallets: Iterator[int]
    claimed = 0


def prepare(wallets: int, has_history: bool) -> tuple[float, int]:
    """Fill it; seconds and postings."""
    begun, now = time.perf_counter(), database_time()
    _Stage.filled = fill(wallets=wallets, has_history=has_history, now=now)
    _tidy_up()
    order = list(range(wallets))
    random.Random(1).shuffle(order)
    _Stage.wallets = iter(order)
    _Stage.batch = make.live_batch(
        size=_CLAIMS,
        face_points=100,
        brand=Brand.objects.get(pk=_Stage.filled.brand_ids[0]),
        approved_at=now,
        claim_from=now - timedelta(days=1),
        claim_until=now + timedelta(days=30),
    )
    return time.perf_counter() - begun, Posting.objects.count()


def warm_up() -> None:
    """Plans are made, and what is read all the time is in memory."""
    for act in ACTS:
        measure(act, 20)


def measure(act: str, times: int) -> list[float]:
    """The act that many times, each with a wallet that nobody has touched since the fill."""
    return [_timed(ACTS[act](next(_Stage.wallets))) for _ in range(times)]


def _spending(number: int) -> Callable[[], object]:
    wallet_id, store_id = _Stage.filled.first_wallet + number, random.choice(_Stage.filled.store_ids)
    return lambda: ledger.spend_points(
        wallet_id=wallet_id, store_id=store_id, points=250, key=f"bench:{number}", at=database_time()
    )


def _reading_balance(number: int) -> Callable[[], object]:
    member = Member(pk=_Stage.filled.first_member + number)
    return lambda: queries.wallet_balance(member, _Stage.filled.program_id)


def _reading_past_balance(number: int) -> Callable[[], object]:
    wallet, at = Account(pk=_Stage.filled.first_wallet + number), database_time() - timedelta(days=100)
    return lambda: queries.balance_at(wallet, at=at)


def _reading_page(number: int) -> Callable[[], object]:
    wallet, at = Account.objects.get(pk=_Stage.filled.first_wallet + number), database_time()
    return lambda: (
        holdings_of(wallet, at=at),
        history_page(wallet, older_than=None, size=_HISTORY_SHOWN),
    )


def _claiming(number: int) -> Callable[[], object]:
    member = Member.objects.get(pk=_Stage.filled.first_member + number)
    code = make.code_of(_Stage.batch, _Stage.claimed)
    _Stage.claimed += 1
    return lambda: giftcodes.claim_code(text=code, member=member)


ACTS = {
    "spend of three lots": _spending,
    "claim": _claiming,
    "balance of a wallet": _reading_balance,
    "balance as of 100 days ago": _reading_past_balance,
    "wallet page: lots and history": _reading_page,
}


def spend_from_many(lots: int, parts: list[int]) -> list[float]:
    """A wallet of that many lots of one point spends each of `parts`, one after another."""
    brand, now = Brand.objects.get(pk=_Stage.filled.brand_ids[0]), database_time()
    wallet = make.wallet(make.member(), brand.program)
    make.many_lots(wallet, lots, funder=brand)
    times = []
    for place, points in enumerate(parts):
        begun = time.perf_counter()
        ledger.spend_points(
            wallet_id=wallet.pk,
            store_id=_Stage.filled.store_ids[0],
            points=points,
            key=f"many:{wallet.pk}:{place}",
            at=now,
        )
        times.append((time.perf_counter() - begun) * 1000)
    return times


def claim_until(stop_file: str) -> list[float]:
    """Claim, for members as they come, until there is such a file; how long each took."""
    times: list[float] = []
    while not Path(stop_file).exists():
        times.append(_timed(_claiming(random.randrange(_Stage.filled.wallets))))
    return times


def _timed(work: Callable[[], object]) -> float:
    begun = time.perf_counter()
    work()
    return (time.perf_counter() - begun) * 1000


def cut() -> float:
    """`manage.py partition`; seconds."""
    begun = time.perf_counter()
    call_command("partition", stdout=StringIO())
    return time.perf_counter() - begun


def settle() -> tuple[float, int, float]:
    """Prepare the statement of everything that was spent: seconds, uses, and by how many MB this process
    grew.
    """
    uses = LotUse.objects.filter(acceptor__isnull=False).count()
    user, now = make.staff(Role.FINANCE, None), database_time()
    midnight = now.astimezone(JAPAN).replace(hour=0, minute=0, second=0, microsecond=0)
    before, begun = _peak_mb(), time.perf_counter()
    prepare_settlement(program_id=_Stage.filled.program_id, ends_at=midnight, user=user, at=now)
    return time.perf_counter() - begun, uses, _peak_mb() - before


def _peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def add_due(lots: int) -> int:
    """Lots that have ended; how many."""
    number = fill_due(_Stage.filled, lots=lots, now=database_time())
    _tidy_up()
    return number


def _tidy_up() -> None:
    """As autovacuum and the checkpointer have by then, where this grew over years."""
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")
        cursor.execute("CHECKPOINT")


def expire_all() -> tuple[float, int, float]:
    """Step by step until nothing is left: seconds, lots, and by how many MB this process grew."""
    now = database_time()
    ledger.expire_lots(at=now, limit=_EXPIRY_STEP)
    before, begun, moved = _peak_mb(), time.perf_counter(), 0
    while step := ledger.expire_lots(at=now, limit=_EXPIRY_STEP):
        moved += step
    return time.perf_counter() - begun, moved, _peak_mb() - before


def expired() -> tuple[int, int]:
    """Lots and points that have expired."""
    uses = LotUse.objects.filter(kind=UseKind.EXPIRY)
    return uses.count(), uses.aggregate(points=Sum("points"))["points"] or 0


def prove() -> list[str]:
    """What the audit finds."""
    checks = (ledger_audit.differences, giftcodes_audit.differences, campaigns_audit.differences)
    return [str(difference) for difference in chain.from_iterable(check() for check in checks)]


def explain() -> str:
    """How PostgreSQL answers the questions of the hot paths, for the README."""
    now: datetime = database_time()
    wallet = _Stage.filled.first_wallet + _Stage.filled.wallets // 2
    moment, day = (f"'{at}'::timestamptz" for at in (now, now - timedelta(days=102)))
    found = []
    with connection.cursor() as cursor:
        for name, sql in _QUESTIONS.items():
            asked = sql.format(wallet=wallet, now=moment, day=day, program=_Stage.filled.program_id)
            cursor.execute(f"EXPLAIN (ANALYZE, BUFFERS, COSTS OFF, TIMING OFF, SUMMARY ON) {asked}")
            found += [f"== {name}", *(line for (line,) in cursor.fetchall())]
    return "\n".join(found)


_QUESTIONS = {
    "spend: the wallet's lots": (
        "SELECT id, funder_id, remaining_points, expires_at FROM ledger_lot WHERE wallet_id = {wallet}"
        " AND remaining_points > 0 AND (expires_at, id) > ({now}, 9223372036854775807)"
        " ORDER BY expires_at, id LIMIT 64"
    ),
    "balance as of an instant: one side": (
        "SELECT sum(points) FROM ledger_posting WHERE target_id = {wallet} AND posted_at <= {day}"
    ),
    "history of a wallet: one side": (
        "SELECT posted_at, id FROM ledger_posting WHERE source_id = {wallet}"
        " ORDER BY posted_at DESC, id DESC LIMIT 51"
    ),
    "expiry: lots that are due": (
        "SELECT id, wallet_id FROM ledger_lot WHERE remaining_points > 0"
        " AND expires_at <= {now} + interval '300 days'"
        " ORDER BY expires_at, id LIMIT 1000"
    ),
    "settlement: uses by place": (
        "SELECT funder_id, acceptor_id, store_id, count(id), sum(points) FROM ledger_lotuse"
        " WHERE program_id = {program} AND acceptor_id IS NOT NULL AND posted_at < {now}"
        " AND id <= 10000000000 GROUP BY funder_id, acceptor_id, store_id"
    ),
    "settlement: a week of years": (
        "SELECT funder_id, acceptor_id, store_id, count(id), sum(points) FROM ledger_lotuse"
        " WHERE program_id = {program} AND acceptor_id IS NOT NULL AND posted_at >= {day}"
        " AND posted_at < {day} + interval '7 days' AND id <= 10000000000"
        " GROUP BY funder_id, acceptor_id, store_id"
    ),
    "sealing: transfers of a day": (
        "SELECT t.id, p.id FROM ledger_transfer t JOIN ledger_posting p ON p.transfer_id = t.id"
        " WHERE t.posted_at >= {day} AND t.posted_at < {day} + interval '1 day' ORDER BY t.posted_at, t.id"
    ),
}
