"""What a member chose to tell about themselves."""

from datetime import datetime
from typing import NamedTuple

from django.db import transaction

from parties.leaving import hold_member
from parties.models import Gender, Member, MemberProfile
from parties.prefectures import PREFECTURES

OLDEST = 120  # years


class Told(NamedTuple):
    """Each None or "" where the member tells nothing."""

    birth_year: int | None
    prefecture: int | None
    gender: str

    def is_possible(self, *, year: int) -> bool:
        """Whether somebody of this year can be so."""
        return (
            (self.birth_year is None or year - OLDEST <= self.birth_year <= year)
            and (self.prefecture is None or self.prefecture in PREFECTURES)
            and self.gender in ("", *Gender.values)
        )


class NotPossible(Exception):
    """Nobody can be so; nothing was kept."""


def profile_of(member_id: int) -> Told:
    """What the member has told."""
    fields = MemberProfile.objects.filter(member=member_id).values_list("birth_year", "prefecture", "gender")
    return Told(*(fields.first() or (None, None, "")))


@transaction.atomic
def tell(*, member: Member, told: Told, at: datetime) -> None:
    """Keep exactly this about the member; what they no longer tell is deleted, with nothing left the row too.

    NotPossible; MemberHasLeft for whoever has closed the account.
    """
    if not told.is_possible(year=at.year):
        raise NotPossible
    hold_member(member)
    if told == Told(None, None, ""):
        MemberProfile.objects.filter(member=member).delete()
        return
    MemberProfile.objects.update_or_create(member=member, defaults=told._asdict())
