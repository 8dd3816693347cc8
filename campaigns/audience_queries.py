"""What was told last of a campaign's members."""

from collections import defaultdict
from datetime import date
from typing import NamedTuple

from campaigns.audience_models import Audience, Dimension
from campaigns.models import Campaign


class Told(NamedTuple):
    """The month at whose end it stood so, and per dimension its groups (value, members at least), the
    largest first.
    """

    month: date
    groups: dict[Dimension, list[tuple[str, int]]]


def told_of(campaign: Campaign) -> Told | None:
    """None as long as nothing could be told."""
    audiences = Audience.objects.filter(campaign=campaign, claimants__isnull=False)
    audience = audiences.order_by("-month").first()
    if audience is None:
        return None
    groups = defaultdict[Dimension, list[tuple[str, int]]](list)
    for group in audience.groups.order_by("-members", "value"):
        groups[Dimension(group.dimension)].append((group.value, group.members))
    return Told(audience.month, dict(groups))
