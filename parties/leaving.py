"""A person is forgotten; the member that the ledger knows stays, as a number without a person."""

from datetime import datetime

from django.contrib.admin.models import LogEntry
from django.contrib.contenttypes.models import ContentType
from django.db import transaction
from django.db.models import ProtectedError

from parties.act_models import CardShowing
from parties.consents import withdraw_consents
from parties.errors import LeavingRefused, MemberHasLeft
from parties.models import Member, MemberCard, MemberProfile, MembershipNumber, User


def hold_member(member: Member) -> None:
    """Hold the member to the end of the transaction: until then the account isn't closed. MemberHasLeft if it
    was before. What is kept about a member without this may be written behind the erasing.
    """
    if Member.objects.select_for_update(no_key=True).get(pk=member.pk).closed_at is not None:
        raise MemberHasLeft


@transaction.atomic
def erase_person(*, member_id: int, at: datetime) -> bool:
    """Erase who the member is: the log-in with everything that hangs on it (address, name, language, ways to
    sign in, what the admin's notes call it), the profile, the card and where it was shown, and the membership
    numbers. False, and nothing happens, if the member has left before.

    Every consent that stands is withdrawn first; the rows of consents stay, as proof without a person.
    LeavingRefused for staff, and for people who were staff and whose acts are on record. Sessions end by
    themselves, everywhere: they name a user that no longer exists.
    """
    member = (
        Member.objects.select_for_update(no_key=True, of=("self",)).select_related("user").get(pk=member_id)
    )
    if member.closed_at is not None:
        return False
    user = member.user
    if user is not None and user.is_staff:
        raise LeavingRefused
    withdraw_consents(member_id=member_id, at=at)
    MemberProfile.objects.filter(member=member).delete()
    MemberCard.objects.filter(member=member).delete()
    MembershipNumber.objects.filter(member=member).delete()
    CardShowing.objects.filter(member=member).delete()
    Member.objects.filter(pk=member_id).update(user=None, closed_at=at)
    if user is not None:
        # The admin notes a row under what it was called then: here, by name or address.
        noted = LogEntry.objects.filter(content_type=ContentType.objects.get_for_model(User))
        noted.filter(object_id=str(user.pk)).update(object_repr=f"#{user.pk}")
        try:
            user.delete()
        except ProtectedError as reason:
            raise LeavingRefused from reason
    return True
