"""The funnel to brand-scoped rows: what a person may reach begins here and nowhere else.

Each app that owns a brand-scoped table has an `access.py` of its own that narrows its rows by
`reachable_brands`. A row out of reach is answered like a row that does not exist.
"""

from django.contrib.auth.models import AnonymousUser
from django.db import IntegrityError
from django.db.models import Exists, Q, QuerySet

from parties.api_models import ApiClient, ApiKey, StandIn
from parties.errors import NotReachable
from parties.invitation_models import StaffInvitation
from parties.models import (
    Brand,
    Member,
    MembershipNumber,
    NumberPattern,
    Program,
    Role,
    StaffRole,
    Store,
    User,
)
from parties.notice_models import ExpiryNotice
from parties.site_models import BrandSite
from parties.staff_models import AuditRecord
from parties.webhook_models import WebhookDelivery, WebhookEndpoint

Person = User | AnonymousUser
ROLE_KEEPERS = (Role.APPROVER, Role.FINANCE)


def _is_staff(user: Person) -> bool:
    return user.is_authenticated and user.is_active and user.is_staff


def _is_stand_in(user: Person) -> bool:
    """Not any more once somebody made a log-in for a person of it."""
    is_somebody = not user.is_authenticated or user.is_active or user.is_staff or user.is_superuser
    return not is_somebody and StandIn.objects.filter(user=user.pk).exists()


def reachable_brands(user: Person, *roles: Role) -> QuerySet[Brand]:
    """Brands in which `user` holds one of `roles` (any role, if none is named).

    A role without a brand is the operator's and reaches every brand. A superuser reaches every brand to look,
    but holds no role: acts with money always need one, so `roles` are never implied. Who stands for people in
    sandboxes holds every role there, and reaches nothing else.
    """
    if not _is_staff(user):
        is_stand_in = bool(roles) and _is_stand_in(user)
        return Brand.objects.filter(program__is_sandbox=True) if is_stand_in else Brand.objects.none()
    held = StaffRole.objects.filter(user=user.pk)
    if roles:
        held = held.filter(role__in=roles)
    elif user.is_superuser:
        return Brand.objects.all()
    # One query with what it is asked for: each page of the admin comes here twenty times.
    return Brand.objects.filter(Q(pk__in=held.values("brand_id")) | Exists(held.filter(brand=None)))


def access_brand(user: Person, brand_id: int, *roles: Role) -> Brand:
    """The brand, if `user` reaches it with one of `roles`; else NotReachable."""
    brand = reachable_brands(user, *roles).filter(pk=brand_id).first()
    if brand is None:
        raise NotReachable
    return brand


def holds_role(user: Person, brand_id: int, *roles: Role) -> bool:
    """Whether `user` holds one of `roles` in the brand, or as the operator."""
    if not _is_staff(user) or not roles:
        return False
    return (
        StaffRole.objects.filter(user=user.pk, role__in=roles)
        .filter(Q(brand_id=brand_id) | Q(brand=None))
        .exists()
    )


def is_operator(user: Person, *roles: Role) -> bool:
    """Whether `user` holds one of `roles` (any, if none is named) without a brand, that is, for the
    operator.
    """
    if not _is_staff(user):
        return False
    held = StaffRole.objects.filter(user=user.pk, brand=None)
    return (held.filter(role__in=roles) if roles else held).exists()


def held_roles(user: Person) -> set[tuple[str, bool]]:
    """The roles that `user` holds somewhere, each with whether it is the operator's."""
    if not _is_staff(user):
        return set()
    held = StaffRole.objects.filter(user=user.pk).values_list("role", "brand_id")
    return {(role, brand_id is None) for role, brand_id in held}


def reachable_programs(user: Person, *roles: Role) -> QuerySet[Program]:
    """Programs of the brands that `user` reaches; the operator's people and superusers reach every
    program.
    """
    if is_operator(user, *roles) or (not roles and _is_staff(user) and user.is_superuser):
        return Program.objects.all()
    return Program.objects.filter(pk__in=reachable_brands(user, *roles).values("program_id"))


def reachable_users(user: Person, *roles: Role) -> QuerySet[User]:
    """People with a log-in: a superuser's alone. No role is enough; who works for a brand is told by its
    staff roles.
    """
    return User.objects.all() if not roles and _is_staff(user) and user.is_superuser else User.objects.none()


def reachable_members(user: Person, *roles: Role) -> QuerySet[Member]:
    """Members belong to no brand: the operator's people reach them, and superusers to look."""
    if is_operator(user, *roles) or (not roles and _is_staff(user) and user.is_superuser):
        return Member.objects.all()
    return Member.objects.none()


def reachable_number_patterns(user: Person, *roles: Role) -> QuerySet[NumberPattern]:
    """Patterns of the brands that `user` reaches."""
    return NumberPattern.objects.filter(brand__in=reachable_brands(user, *roles))


def reachable_membership_numbers(user: Person, *roles: Role) -> QuerySet[MembershipNumber]:
    """Like members: for the operator's people, and superusers."""
    return MembershipNumber.objects.filter(member__in=reachable_members(user, *roles))


def reachable_notices(user: Person, *roles: Role) -> QuerySet[ExpiryNotice]:
    """Notices to members that `user` reaches."""
    return ExpiryNotice.objects.filter(member__in=reachable_members(user, *roles).values("pk"))


def reachable_stores(user: Person, *roles: Role) -> QuerySet[Store]:
    """Stores of the brands that `user` reaches."""
    return Store.objects.filter(brand__in=reachable_brands(user, *roles))


def reachable_brand_sites(user: Person, *roles: Role) -> QuerySet[BrandSite]:
    """Sites, for single sign-on, of the brands that `user` reaches."""
    return BrandSite.objects.filter(brand__in=reachable_brands(user, *roles))


def reachable_api_clients(user: Person, *roles: Role) -> QuerySet[ApiClient]:
    """Partner systems of the brands that `user` reaches, those in the sandboxes of these brands too."""
    brands = reachable_brands(user, *roles).values("pk")
    return ApiClient.objects.filter(Q(brand__in=brands) | Q(brand__sandbox_of__in=brands))


def reachable_api_keys(user: Person, *roles: Role) -> QuerySet[ApiKey]:
    """Keys of the partner systems that `user` reaches."""
    return ApiKey.objects.filter(client__in=reachable_api_clients(user, *roles).values("pk"))


def reachable_webhook_endpoints(user: Person, *roles: Role) -> QuerySet[WebhookEndpoint]:
    """Webhook endpoints of the brands that `user` reaches, and of their sandboxes."""
    brands = reachable_brands(user, *roles).values("pk")
    return WebhookEndpoint.objects.filter(Q(brand__in=brands) | Q(brand__sandbox_of__in=brands))


def reachable_webhook_deliveries(user: Person, *roles: Role) -> QuerySet[WebhookDelivery]:
    """What is told to their endpoints."""
    endpoints = reachable_webhook_endpoints(user, *roles)
    return WebhookDelivery.objects.filter(endpoint__in=endpoints.values("pk"))


def reachable_audit_records(user: Person, *roles: Role) -> QuerySet[AuditRecord]:
    """Records of what was done for the brands that `user` reaches; those of no brand for the operator's
    people, and superusers.
    """
    if is_operator(user, *roles) or (not roles and _is_staff(user) and user.is_superuser):
        return AuditRecord.objects.all()
    return AuditRecord.objects.filter(brand__in=reachable_brands(user, *roles))


def reachable_staff_roles(user: Person, *roles: Role) -> QuerySet[StaffRole]:
    """Roles in the brands that `user` reaches. The operator's own roles are seen by the operator alone."""
    rows = StaffRole.objects.filter(brand__in=reachable_brands(user, *roles))
    if is_operator(user) or (user.is_authenticated and user.is_superuser):
        rows = rows | StaffRole.objects.filter(brand=None)
    return rows


def keeps_roles(user: Person, brand_id: int | None) -> bool:
    """Whether `user` has a say in who gets a role in the brand, or (None) of the operator: approvers and
    finance there, and superusers. It takes two of them to give one, and one to take it away.
    """
    if _is_staff(user) and user.is_superuser:
        return True
    if brand_id is None:
        return is_operator(user, *ROLE_KEEPERS)
    return holds_role(user, brand_id, *ROLE_KEEPERS)


def reachable_invitations(user: Person, *roles: Role) -> QuerySet[StaffInvitation]:
    """Invitations to roles of the brands that `user` reaches; those to the operator's for its people and
    superusers.
    """
    rows = StaffInvitation.objects.filter(brand__in=reachable_brands(user, *roles))
    if is_operator(user, *roles) or (not roles and _is_staff(user) and user.is_superuser):
        rows = rows | StaffInvitation.objects.filter(brand=None)
    return rows


def access_invitation(user: Person, invitation_id: int) -> StaffInvitation:
    """The invitation, if `user` keeps the roles that it is about; else NotReachable."""
    rows = StaffInvitation.objects.select_related("requested_by", "brand")
    invitation = rows.filter(pk=invitation_id).first()
    if invitation is None or not keeps_roles(user, invitation.brand_id):
        raise NotReachable
    return invitation


def access_staff_role(user: Person, role_id: int) -> StaffRole:
    """The role, if `user` keeps those of its brand, or of the operator; else NotReachable."""
    role = StaffRole.objects.select_related("user", "brand").filter(pk=role_id).first()
    if role is None or not keeps_roles(user, role.brand_id):
        raise NotReachable
    return role


def sees_sign_ins_of(user: Person, role: StaffRole) -> bool:
    """Whether `user` may read when and from where whoever holds this role signs in: auditors of the brand (or
    of the operator), and superusers.
    """
    if _is_staff(user) and user.is_superuser:
        return True
    if role.brand_id is None:
        return is_operator(user, Role.AUDITOR)
    return holds_role(user, role.brand_id, Role.AUDITOR)


def member_of(user: Person) -> Member:
    """The member behind a signed-in user, made at the first call; of first calls at once one makes it, and
    all get it. NotReachable for nobody, for inactive users, and for one who is gone meanwhile.
    """
    if not user.is_authenticated or not user.is_active:
        raise NotReachable
    try:
        return Member.objects.get_or_create(user_id=user.pk)[0]
    except IntegrityError as refusal:  # no member of another call's either: the account was closed just now
        raise NotReachable from refusal
