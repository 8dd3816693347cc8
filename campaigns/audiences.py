"""Which groups of a campaign's members a brand is told of: never a small one, nor one that could be reckoned
from what is told. Pure.
"""

from collections.abc import Mapping

from campaigns.audience_models import LEAST


def publishable(counts: Mapping[str, int], *, claimants: int) -> dict[str, int]:
    """Of the members of each group, what may be told: whole tens, rounded down, of groups of ten and more.

    The groups do not overlap, and are part of the `claimants`, whose number anybody may know. Whoever is in
    no told group could be reckoned by taking the others off: unless they are ten at least, nothing is told.

    To leave out one more group instead, say the smallest, would tell too much. Of 86 who claimed, somebody
    who knows that rule and reads "30 or more" could know that the other group has 38: one larger than the
    39 at most that were told would not have been left out, a smaller one not needed to be.
    """
    told = {value: members for value, members in counts.items() if members >= LEAST}
    if claimants - sum(told.values()) < LEAST:
        return {}
    return {value: members - members % LEAST for value, members in told.items()}
