"""Invitations to roles: how people come to work here. One person asks, another one confirms, the invited
person accepts with the link that was mailed to their address; no single person gives a role to anybody.
"""

import hashlib
import secrets
from datetime import datetime, timedelta

from django.db import IntegrityError, transaction
from django.db.models import F, Q, QuerySet

from parties import audit_log, second_factor
from parties.access import access_invitation, keeps_roles
from parties.errors import InvitationRefused, NotReachable
from parties.invitation_models import InvitationState, StaffInvitation
from parties.models import Brand, Role, StaffRole, User
from parties.staff_models import Act

LINK_WORKS_FOR = timedelta(days=3)
KEPT_FOR = timedelta(days=180)  # who was invited and never came, after the end
RESENT_FOR = timedelta(days=14)  # after the confirmation; later it is to be asked for anew
MOST_MAILS = 5
_OPEN = [InvitationState.REQUESTED, InvitationState.CONFIRMED]


@transaction.atomic
def request_invitation(
    *,
    brand_id: int | None,
    role: Role,
    email: str,
    name: str,
    language: str,
    reason: str,
    user: User,
    at: datetime,
) -> StaffInvitation:
    """Ask that somebody gets a role in the brand, or, without one, of the operator. Nothing is mailed before
    another person has confirmed it.

    NotReachable for whoever does not keep the roles there (`access.keeps_roles`); InvitationRefused as
    `refuse_unfit` says, or if the same is open already ("open").
    """
    if not keeps_roles(user, brand_id):
        raise NotReachable
    address = email.strip().lower()
    refuse_unfit(brand_id=brand_id, role=role, email=address, by=user)
    try:
        with transaction.atomic():
            invitation = StaffInvitation.objects.create(
                brand=Brand.objects.get(pk=brand_id) if brand_id is not None else None,
                role=role,
                email=address,
                name=name,
                language=language,
                reason=reason,
                requested_by=user,
                requested_at=at,
            )
    except IntegrityError as taken:
        raise InvitationRefused("open") from taken
    return _recorded(invitation.pk, Act.REQUESTED, user)


def refuse_unfit(*, brand_id: int | None, role: Role, email: str, by: User) -> None:
    """InvitationRefused: letters outside ASCII, which can look like others ("letters"); the asker's own
    mailbox ("own") or one that somebody's log-in has under another spelling ("mailbox"); somebody whose
    log-in was closed ("inactive"), or who has the role ("held"); what is open already ("open").
    """
    if not email.isascii():
        raise InvitationRefused("letters")
    _refuse_own(email, by)
    domain = email.rpartition("@")[2]
    for known in User.objects.filter(is_staff=True, email__iendswith=f"@{domain}").values_list("email"):
        if mailbox(str(known[0])) == mailbox(email) and str(known[0]).lower() != email.lower():
            raise InvitationRefused("mailbox")
    invited = User.objects.filter(email__iexact=email).first()
    if invited is not None and not invited.is_active:
        raise InvitationRefused("inactive")
    if invited is not None and invited.staff_roles.filter(brand=brand_id, role=role).exists():
        raise InvitationRefused("held")
    same = StaffInvitation.objects.filter(brand=brand_id, role=role, email__iexact=email, state__in=_OPEN)
    if same.exists():
        raise InvitationRefused("open")


def mailbox(email: str) -> str:
    """The address without what many mail servers leave out: letters' case, and what follows a plus sign."""
    local, _at, domain = email.lower().rpartition("@")
    return f"{local.partition('+')[0]}@{domain}"


def _refuse_own(email: str, by: User) -> None:
    if mailbox(by.email or "") == mailbox(email):
        raise InvitationRefused("own")


@transaction.atomic
def confirm_invitation(
    *, invitation_id: int, user: User, verified_at: datetime | None, at: datetime
) -> tuple[StaffInvitation, str]:
    """Agree that somebody gets the role; the invitation, and the secret of the link to be mailed, which is
    kept nowhere.

    NotReachable; FactorStale unless the second factor was shown at most five minutes before.
    InvitationRefused for whoever asked ("asker") and for the invited ("own"); if one of the two who decide
    came here by the other's invitation ("related") or the asker keeps no roles any more ("asker_left"); if it
    does not wait ("not_waiting").
    """
    invitation = access_invitation(user, invitation_id)
    if invitation.requested_by_id == user.pk:
        raise InvitationRefused("asker")
    _refuse_own(invitation.email, user)
    second_factor.refuse_stale(verified_at=verified_at, at=at)
    if _are_related(user, invitation.requested_by):
        raise InvitationRefused("related")
    if not keeps_roles(invitation.requested_by, invitation.brand_id):
        raise InvitationRefused("asker_left")
    token, link = _new_link(at)
    waiting = StaffInvitation.objects.filter(pk=invitation_id, state=InvitationState.REQUESTED)
    confirmed = {"state": InvitationState.CONFIRMED, "confirmed_by": user, "confirmed_at": at}
    if not waiting.exclude(requested_by=user).update(**confirmed, **link, sends=1):
        raise InvitationRefused("not_waiting")
    return _recorded(invitation_id, Act.CONFIRMED, user), token


def _are_related(one: User, other: User) -> bool:
    """Whether one of them came to a role by an invitation that the other one asked for or confirmed."""
    pairs = Q(accepted_by=one) & (Q(requested_by=other) | Q(confirmed_by=other))
    pairs |= Q(accepted_by=other) & (Q(requested_by=one) | Q(confirmed_by=one))
    return StaffInvitation.objects.filter(pairs).exists()


@transaction.atomic
def send_again(*, invitation_id: int, user: User, at: datetime) -> tuple[StaffInvitation, str]:
    """Another link instead of the one before, to the same address. NotReachable; InvitationRefused if the
    invitation isn't confirmed, was so more than 14 days ago, or had five mails ("not_again").
    """
    access_invitation(user, invitation_id)
    token, link = _new_link(at)
    waiting = StaffInvitation.objects.filter(pk=invitation_id, state=InvitationState.CONFIRMED)
    waiting = waiting.filter(confirmed_at__gt=at - RESENT_FOR, sends__lt=MOST_MAILS)
    if not waiting.update(**link, sends=F("sends") + 1):
        raise InvitationRefused("not_again")
    return _recorded(invitation_id, Act.REQUESTED, user, "mail"), token


def _new_link(at: datetime) -> tuple[str, dict[str, object]]:
    token = secrets.token_urlsafe(32)
    return token, {"token_digest": _digest(token), "expires_at": at + LINK_WORKS_FOR}


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


@transaction.atomic
def reject_invitation(*, invitation_id: int, user: User, at: datetime) -> StaffInvitation:
    """Turn down what waits for a second person. NotReachable, InvitationRefused ("not_waiting")."""
    access_invitation(user, invitation_id)
    waiting = StaffInvitation.objects.filter(pk=invitation_id, state=InvitationState.REQUESTED)
    if not waiting.update(state=InvitationState.REJECTED, ended_by=user, ended_at=at):
        raise InvitationRefused("not_waiting")
    return _recorded(invitation_id, Act.REJECTED, user)


@transaction.atomic
def withdraw_invitation(*, invitation_id: int, user: User, at: datetime) -> StaffInvitation:
    """End an open invitation, its link with it. NotReachable, InvitationRefused ("not_waiting")."""
    access_invitation(user, invitation_id)
    if not end_open(StaffInvitation.objects.filter(pk=invitation_id), user=user, at=at):
        raise InvitationRefused("not_waiting")
    return _recorded(invitation_id, Act.REOPENED, user)


def end_open(invitations: QuerySet[StaffInvitation], *, user: User | None, at: datetime) -> int:
    """Withdraw those of these that are open; how many."""
    ended = {"state": InvitationState.WITHDRAWN, "ended_by": user, "ended_at": at, "token_digest": ""}
    return invitations.filter(state__in=_OPEN).update(**ended)


def forget_uninvited(*, at: datetime) -> int:
    """Delete who was invited and never came, KEPT_FOR after that ended: address, name and what was written
    about them. How many. What nobody decided or accepted for so long ends before. Who asked for which role
    and who decided stays.
    """
    before = at - KEPT_FOR
    lying = Q(confirmed_at=None, requested_at__lte=before) | Q(confirmed_at__lte=before)
    end_open(StaffInvitation.objects.filter(lying), user=None, at=at)
    over = [InvitationState.REJECTED, InvitationState.WITHDRAWN]
    old = StaffInvitation.objects.filter(state__in=over, ended_at__lte=before).exclude(email="")
    return old.update(email="", name="", reason="")


def invitation_of(*, token: str, at: datetime) -> StaffInvitation:
    """What the link leads to, for the page behind it; nothing is used up. InvitationRefused ("gone") if there
    is none, it was used or replaced, or has expired.
    """
    found = StaffInvitation.objects.filter(token_digest=_digest(token), state=InvitationState.CONFIRMED)
    invitation = (
        found.filter(expires_at__gt=at).select_related("brand", "requested_by", "confirmed_by").first()
    )
    if invitation is None:
        raise InvitationRefused("gone")
    return invitation


@transaction.atomic
def accept_invitation(
    *, token: str, name: str, password: str, signed_in: User | None, at: datetime
) -> tuple[User, bool]:
    """Take the role; once. Whose it is now, and whether they got a log-in (with this name and password) by
    it. Somebody who works here already has to be signed in, and keeps the password that they have.

    InvitationRefused: "gone" as in `invitation_of`; "sign_in" if it is somebody's who works here and is not
    signed in; "inactive"; "keepers_left" if one of the two who decided keeps no roles there any more; "own".
    """
    invitation = invitation_of(token=token, at=at)
    known = _fit_to_accept(invitation, signed_in)
    works_here = known is not None and known.is_staff
    try:
        person = known if known and works_here else _let_work_here(known, invitation, name, password)
    except IntegrityError as twin:
        raise InvitationRefused("gone") from twin
    link = StaffInvitation.objects.filter(
        pk=invitation.pk, state=InvitationState.CONFIRMED, token_digest=invitation.token_digest
    )
    accepted = {
        "state": InvitationState.ACCEPTED,
        "accepted_by": person,
        "ended_at": at,
        "token_digest": "",
    }
    if not link.update(**accepted):  # somebody was faster, or it was withdrawn meanwhile
        raise InvitationRefused("gone")
    role, _is_new = StaffRole.objects.get_or_create(user=person, brand=invitation.brand, role=invitation.role)
    told = f"invitation {invitation.pk}"
    audit_log.record(Act.ADDED, by=person, subject=role, label=label_of(role), reason=told)
    return person, not works_here


def _fit_to_accept(invitation: StaffInvitation, signed_in: User | None) -> User | None:
    """The log-in that the invited address has, if any; else what `accept_invitation` refuses."""
    decided = [invitation.requested_by, invitation.confirmed_by]
    if not all(person and keeps_roles(person, invitation.brand_id) for person in decided):
        raise InvitationRefused("keepers_left")
    known = User.objects.filter(email__iexact=invitation.email).first()
    if known in decided:
        raise InvitationRefused("own")
    if known is not None and not known.is_active:
        raise InvitationRefused("inactive")
    if known is not None and known.is_staff and known != signed_in:
        raise InvitationRefused("sign_in")
    return known


def _let_work_here(known: User | None, invitation: StaffInvitation, name: str, password: str) -> User:
    person = known or User(email=invitation.email, language=invitation.language)
    person.is_staff = True
    person.name = name or person.name or invitation.name
    person.set_password(password)
    with transaction.atomic():
        person.save()
    return person


def label_of(role: StaffRole) -> str:
    """How the audit log tells the role: by the name of whoever holds it, never by their address."""
    who = role.user.name or f"#{role.user_id}"
    return f"{who} {role.get_role_display()} {role.brand or ''}".strip()


def _recorded(invitation_id: int, act: Act, user: User, reason: str = "") -> StaffInvitation:
    """In the audit log, which can't forget, without who is invited: they may never come."""
    invitation = StaffInvitation.objects.select_related("brand").get(pk=invitation_id)
    told = f"{invitation.get_role_display()} {invitation.brand or ''}".strip()
    audit_log.record(act, by=user, subject=invitation, label=told, reason=reason)
    return invitation
