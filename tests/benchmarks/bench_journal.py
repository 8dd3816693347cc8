"""The claim journal: claims shipped, and claims replayed after a restore, per second, on PostgreSQL.

A journal of claims that the database does not have is replayed, which puts them there; then all of them are
shipped into a new journal.
"""

import shutil
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

from tests.benchmarks.stage import production
from tests.benchmarks.table import Row

CLAIMS = 20_000
MEMBERS = 2_000
IDLE_TICKS = 100


def rows() -> list[Row]:
    """Name, figure and unit of each measurement."""
    with production() as folder:
        from giftcodes import journal
        from giftcodes import services as giftcodes
        from ledger.statements import database_time
        from parties.models import Member

        _write(folder / "journal")
        checked = _seconds(lambda: list(journal.lines(folder / "journal")))
        replayed = _seconds(lambda: giftcodes.replay_claims(at=database_time(), is_trial=False))
        repeated = _seconds(lambda: giftcodes.replay_claims(at=database_time(), is_trial=False))
        shutil.rmtree(folder / "journal")
        shipped = _seconds(lambda: giftcodes.ship_claims(begin=True))
        idle = _seconds(lambda: [giftcodes.ship_claims(begin=False) for _ in range(IDLE_TICKS)])
        size = sum(path.stat().st_size for path in (folder / "journal").iterdir())
        assert Member.objects.count() == MEMBERS
        return [
            Row("claims shipped", CLAIMS / shipped, "/s"),
            Row("a look that finds nothing to ship", idle / IDLE_TICKS * 1e3, "ms"),
            Row("claims replayed, with their ledger", CLAIMS / replayed, "/s"),
            Row("claims checked that are there already", CLAIMS / repeated, "/s"),
            Row("lines of the journal verified", CLAIMS / checked, "/s"),
            Row("size of a claim in the journal", size / CLAIMS, "bytes"),
        ]


def _write(folder: Path) -> None:
    """A journal of claims of one batch, by members in turn, as a lost database would have left it."""
    import uuid

    from giftcodes import journal
    from giftcodes.journal import Entry, Kind
    from tests import make

    batch = make.live_batch(size=CLAIMS)
    with journal.opened(folder) as book:
        for start in range(0, CLAIMS, 5_000):
            book.append(
                [
                    Entry(
                        Kind.CLAIM,
                        1_000_000 + place,
                        claim=batch.first_claim_id + place,
                        batch=batch.public_id.hex,
                        batch_end=batch.end_claim_id,
                        brand=batch.brand.slug,
                        program=batch.brand.program.slug,
                        member=uuid.UUID(int=place % MEMBERS).hex,
                        points=batch.face_points,
                        claimed_at=make.NOON.isoformat(timespec="microseconds"),
                        expires_at=(make.NOON + timedelta(days=180)).isoformat(timespec="microseconds"),
                    )
                    for place in range(start, start + 5_000)
                ]
            )


def _seconds(act: Callable[[], object]) -> float:
    begun = time.perf_counter()
    act()
    return time.perf_counter() - begun


if __name__ == "__main__":
    for row in rows():
        print(f"{row.name:<48} {row.figure:>12,.1f} {row.unit}")
