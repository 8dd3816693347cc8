"""Which groups of a campaign's members a brand is told of: never a small one, nor one that could be reckoned
from what is told. Pure.
"""

from collections.abc import Mapping

from campaigns.audience_models import LEAST


def publishable(counts: Mapping[str, int], *, claimants: int) -> dict[str, int]:
    """Of the members of each group, what may be told: whole tens, rounded down, of groups of ten and more.

    The groups do not overlap, and are part of the `claimants`, whose number anybody may know. Whoever is in
    no told group could be reckoned by taking the others off: so they are ten at least, or the smallest group
    joins them, untold, until they are.
    """
    told = {value: members for value, members in counts.items() if members >= LEAST}
    for value in sorted(told, key=lambda value: (told[value], value)):
        if claimants - sum(told.values()) >= LEAST:
            break
        del told[value]
    return {value: members - members % LEAST for value, members in told.items()}
