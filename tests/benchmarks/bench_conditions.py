"""What asking for conditions costs a claim: `python -m tests.benchmarks.bench_conditions`.

One connection; the claim without the proviso, with it where there are no conditions, where they were
accepted, and with the tick, in turn; medians, and their ratio to the first.
"""

import statistics
import time

from tests.benchmarks.stage import production
from tests.benchmarks.table import Row, print_table

ROUNDS, SETTLED = 1_500, 100


def rows() -> list[Row]:
    """Milliseconds of a claim."""
    with production():
        from campaigns import services as campaigns
        from campaigns.conditions_models import ConditionsLanguage
        from campaigns.services import Tick
        from giftcodes import services as giftcodes
        from giftcodes.models import Batch
        from tests import make
        from tests.redemption_site import visits

        size = 4 * (ROUNDS + SETTLED)
        bare = visits.campaign(slug="bare", days=(-1, 30))
        asking = visits.campaign(slug="asking", days=(-1, 30))
        batches = {place: visits.batch_of(place, size=size) for place in (bare, asking)}
        version = visits.conditions(asking)
        member, tick = make.member(), Tick(version.pk, ConditionsLanguage.JA)
        ask = campaigns.unless_accepted(member=member, tick=None)
        accept = campaigns.unless_accepted(member=member, tick=tick)
        places = iter(range(size))

        def seconds(batch: Batch, unless: giftcodes.Proviso | None) -> float:
            code = make.code_of(batch, next(places))
            begun = time.perf_counter()
            giftcodes.claim_code(text=code, member=member, unless=unless)
            return time.perf_counter() - begun

        seconds(batches[asking], accept)
        ways = [
            ("a claim that asks for nothing", bare, None),
            ("a claim, no conditions", bare, ask),
            ("a claim, conditions accepted before", asking, ask),
            ("a claim, with a tick", asking, accept),
        ]
        rounds = [
            [seconds(batches[place], unless) for _name, place, unless in ways]
            for _ in range(SETTLED + ROUNDS - 1)
        ][SETTLED:]
        medians = [statistics.median(column) for column in zip(*rounds, strict=True)]
        return [
            Row(name, median * 1e3, "ms", median / medians[0])
            for (name, _place, _unless), median in zip(ways, medians, strict=True)
        ]


if __name__ == "__main__":
    print_table(rows())
