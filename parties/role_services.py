"""Roles are taken away by one person, at once: it only takes power. They are given by invitations alone."""

from datetime import datetime

from django.db import transaction

from parties import audit_log, invitation_services
from parties.access import access_staff_role
from parties.invitation_models import StaffInvitation
from parties.models import Role, StaffRole, User
from parties.staff_models import Act, FactorGuard


@transaction.atomic
def remove_role(*, role_id: int, user: User, reason: str, at: datetime) -> User:
    """Take the role away, end the sessions of whoever had it, and withdraw what invites them to the same
    brand. Whoever has no role left, and is no superuser, can't open the admin any more.

    NotReachable for whoever does not keep the roles there.
    """
    role = access_staff_role(user, role_id)
    person = role.user
    label = invitation_services.label_of(role)
    audit_log.record(Act.DELETED, by=user, subject=role, label=label, reason=reason)
    role.delete()
    open_ones = StaffInvitation.objects.filter(brand=role.brand_id, email__iexact=person.email)
    invitation_services.end_open(open_ones, user=user, at=at)
    end_sessions(person, at=at)
    if not person.staff_roles.exists():
        User.objects.filter(pk=person.pk, is_superuser=False).update(is_staff=False)
    return person


def end_sessions(person: User, *, at: datetime) -> None:
    """Whatever the person is signed in with that showed its second factor before `at` is nobody's from now
    on.
    """
    FactorGuard.objects.update_or_create(
        user=person, defaults={"sessions_from": at}, create_defaults={"sessions_from": at, "since": at}
    )


def is_last_approver(role: StaffRole) -> bool:
    """Whether nobody else who can sign in approves for the brand itself (or for the operator)."""
    if role.role != Role.APPROVER:
        return False
    others = StaffRole.objects.filter(brand=role.brand_id, role=Role.APPROVER).exclude(pk=role.pk)
    return not others.filter(user__is_active=True, user__is_staff=True).exists()
