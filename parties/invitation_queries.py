"""What pages ask about invitations and roles."""

from django.db.models import QuerySet
from django.urls import reverse

from parties.access import ROLE_KEEPERS, Person, reachable_invitations
from parties.invitation_models import InvitationState, StaffInvitation
from parties.models import StaffRole


def link_of(token: str) -> str:
    """Where the mailed link leads to, below the site's address."""
    return reverse("staff_invitation_link", args=(token,))


def invitations_to_confirm(user: Person) -> QuerySet[StaffInvitation]:
    """What waits for `user` as the second person."""
    roles = () if user.is_authenticated and user.is_superuser else ROLE_KEEPERS
    waiting = reachable_invitations(user, *roles).filter(state=InvitationState.REQUESTED)
    return waiting.exclude(requested_by=user.pk)


def is_of_a_new_domain(invitation: StaffInvitation) -> bool:
    """Whether nobody who works there signs in with an address of the same domain."""
    domain = invitation.email.rpartition("@")[2]
    people = StaffRole.objects.filter(brand=invitation.brand_id)
    return not people.filter(user__email__iendswith=f"@{domain}").exists()
