"""Gifts of a campaign for a partner's system: counted against its day, then issued."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from campaigns.queries import Giving, giving_of
from giftcodes import services as giftcodes
from giftcodes.errors import GiftcodesError, WorthMore
from giftcodes.services import GiftWanted, Issued
from parties import api_limits
from parties.api_models import ApiClient
from parties.errors import DailyPointsExceeded, NotReachable, PartiesError

MOST_REMEMBERED = 4_096

# By brand and name. A campaign keeps its address once a code carries it, so this can't go stale.
_groups: dict[tuple[int, str], str] = {}


def give_gifts(
    *,
    client: ApiClient,
    key: str,
    name: str,
    gifts: Sequence[GiftWanted],
    is_list: bool = False,
    at: datetime | None = None,
) -> Issued:
    """Issue gifts of the campaign that the client calls so, and count them against the client's day.

    The points are counted before, of what the order was worth that was drawn from last, and issued is never
    more than was counted: the day's points are a brake, which may hold too early, never too late. What was
    refused, or had been issued before, is given back. Not to be called inside a transaction. NotReachable if
    the brand has no such campaign, DailyPointsExceeded, LimitsNotKnown, and all that `issue_gifts` raises.
    """
    group, worth = _group_and_worth(client, name, gifts)
    asked: dict[str, Any] = {"client": client, "key": key, "group": group, "gifts": gifts, "is_list": is_list}
    while True:
        try:
            return _issue_counted(asked, worth, at)
        except WorthMore as dearer:  # and each time dearer than before
            worth = dearer.points


def _issue_counted(asked: dict[str, Any], worth: int, at: datetime | None) -> Issued:
    try:
        taken = api_limits.take_points(client=asked["client"], points=worth, at=at)
    except DailyPointsExceeded:
        earlier = giftcodes.issued_before(**asked)
        if earlier is None:
            raise
        return earlier
    try:
        issued = giftcodes.issue_gifts(**asked, at_most=worth, at=at)
    except (GiftcodesError, PartiesError):
        api_limits.give_back_points(taken=taken, at=at)
        raise
    needed = 0 if issued.is_replay else sum(gift.points for gift in issued.gifts)
    if needed < worth:
        api_limits.give_back_points(taken=taken._replace(points=worth - needed), at=at)
    return issued


def _group_and_worth(client: ApiClient, name: str, gifts: Sequence[GiftWanted]) -> tuple[str, int]:
    """The campaign's limit group, and what the gifts are likely to be worth together."""
    known = _groups.get((client.brand_id, name))
    if known is not None:
        worth = giftcodes.likely_worth(brand_id=client.brand_id, group=known, gifts=gifts)
        if worth is not None:
            return known, worth
    giving = giving_of(brand=client.brand, name=name)
    if giving is None:
        raise NotReachable(field="campaign")
    _remember(client.brand_id, name, giving)
    return giving.group, sum(gift.points or giving.most_face_points for gift in gifts)


def _remember(brand_id: int, name: str, giving: Giving) -> None:
    if giving.most_face_points:  # it has an order
        if len(_groups) >= MOST_REMEMBERED:
            _groups.clear()
        _groups[brand_id, name] = giving.group
