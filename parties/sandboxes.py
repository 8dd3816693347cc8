"""What sandboxes stand on: who stands for people in them, and who fills them once they are opened."""

from collections.abc import Callable
from datetime import datetime

from django.db import transaction

from parties.api_models import StandIn
from parties.models import Brand, User

MEMBER = "sandbox-member"  # who has points to be spent, as `ref:` in calls
CARD_TOKEN = "10000000000000000005"  # noqa: S105  # what that member's card shows, always

Filler = Callable[[int], object]
_fillers: list[Filler] = []


def fill_with(filler: Filler) -> Filler:
    """Let `filler` have the id of each sandbox's brand that is opened, or asked for again: how apps above
    this one put into a sandbox what it needs. It is called behind the commit; what it raises is logged.
    """
    if filler not in _fillers:
        _fillers.append(filler)
    return filler


def ask_to_fill(twin: Brand) -> None:
    """Have the sandbox filled once this transaction is committed."""
    for filler in _fillers:
        _fill_behind_the_commit(filler, twin.pk)


def _fill_behind_the_commit(filler: Filler, brand_id: int) -> None:
    def fill() -> None:  # a function of its own: Django logs what it raises under its name
        filler(brand_id)

    transaction.on_commit(fill, robust=True)


@transaction.atomic
def stand_ins(*, at: datetime) -> tuple[User, User]:
    """The two who stand for people in sandboxes, made at the first call: one asks, the other one approves.

    Of first calls at once one makes them, and the others wait for it.
    """
    first, second = (_stand_in(place, at) for place in (1, 2))
    return first, second


def _stand_in(place: int, at: datetime) -> User:
    found = StandIn.objects.select_related("user").filter(place=place).first()
    if found is not None:
        return found.user
    user = User(name=f"[Sandbox] {place}", is_active=False, date_joined=at)
    user.set_unusable_password()
    with transaction.atomic():
        user.save(force_insert=True)
        made, is_new = StandIn.objects.get_or_create(place=place, defaults={"user": user})
        if not is_new:
            user.delete()
    return made.user
