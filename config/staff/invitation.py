"""Where the link of an invitation leads to: what is offered, and the form that accepts it. Opening the page
uses up nothing, so that a scanner of mails takes nobody's place.
"""

from typing import TYPE_CHECKING, Any

from django.contrib import messages
from django.contrib.admin import site
from django.contrib.auth.forms import SetPasswordForm
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from config.staff import stage
from ledger.statements import database_time
from parties import factor_sealing, second_factor
from parties import invitation_services as invitations
from parties.errors import FactorKeysMissing, InvitationRefused
from parties.forms import PlainLineField
from parties.invitation_models import StaffInvitation
from parties.invitation_wording import words_of
from parties.models import User

if TYPE_CHECKING:
    PasswordForm = SetPasswordForm[User]
else:
    PasswordForm = SetPasswordForm

_LINK = "staff_invitation"  # a place in the session, sealed; the address of the page then names no secret


class AcceptForm(PasswordForm):
    """What somebody new tells: a name, and a password that only they know."""

    name = PlainLineField(label=gettext_lazy("Your name"), max_length=80)
    field_order = ("name", "new_password1", "new_password2")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for field in self.fields.values():
            field.widget.attrs["class"] = "tk-input"
        self.fields["name"].widget.attrs["autocomplete"] = "name"


@never_cache
@require_safe
def open_link(request: HttpRequest, token: str) -> HttpResponse:
    """The mailed link: on to a page whose address can be seen by anybody. Only a link that works is kept."""
    try:
        invitations.invitation_of(token=token, at=database_time())
    except InvitationRefused as refusal:
        return _shown(request, {"refusal": words_of(refusal)}, status=410)
    request.session[_LINK] = factor_sealing.seal(token)
    return HttpResponseRedirect(reverse("staff_invitation"))


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def accept(request: HttpRequest) -> HttpResponse:
    """What is offered; by POST it is accepted."""
    try:
        token = _token_in(request)
        invitation = invitations.invitation_of(token=token, at=database_time())
        return _page(request, token, invitation)
    except InvitationRefused as refusal:
        return _shown(request, {"refusal": words_of(refusal)}, status=410)


def _token_in(request: HttpRequest) -> str:
    try:
        return factor_sealing.unseal(request.session.get(_LINK, ""))
    except FactorKeysMissing as error:  # none, or of a master key that is gone
        raise InvitationRefused("gone") from error


def _page(request: HttpRequest, token: str, invitation: StaffInvitation) -> HttpResponse:
    known = User.objects.filter(email__iexact=invitation.email).first()
    if known is not None and known.is_staff:
        return _for_staff(request, token, invitation, known)
    person = known or User(email=invitation.email, name=invitation.name)
    form = AcceptForm(person, request.POST or None, initial={"name": invitation.name})
    if request.method == "POST" and form.is_valid():
        typed = form.cleaned_data
        return _accepted(request, token, name=typed["name"], password=typed["new_password1"])
    context = {"invitation": invitation, "form": form, "is_member": known is not None}
    return _shown(request, context, status=400 if form.errors else 200)


def _for_staff(request: HttpRequest, token: str, invitation: StaffInvitation, known: User) -> HttpResponse:
    is_them = site.has_permission(request) and request.user.pk == known.pk
    if request.method == "POST" and is_them:
        return _accepted(request, token, name="", password="")
    where = urlencode({"next": _link_of(token)})
    context = {"invitation": invitation, "is_them": is_them, "works_here": True}
    return _shown(request, context | {"sign_in": f"{reverse('admin:login')}?{where}"})


def _link_of(token: str) -> str:
    """The link again: a sign-in begins a new session, which knows none."""
    return reverse("staff_invitation_link", args=(token,))


def _accepted(request: HttpRequest, token: str, *, name: str, password: str) -> HttpResponse:
    signed_in = request.user if isinstance(request.user, User) and site.has_permission(request) else None
    at = database_time()
    person, is_new = invitations.accept_invitation(
        token=token, name=name, password=password, signed_in=signed_in, at=at
    )
    request.session.pop(_LINK, None)
    messages.success(request, _("You have accepted the invitation."))
    if not is_new:
        return HttpResponseRedirect(reverse("admin:index"), status=303)
    if not second_factor.is_required():
        return HttpResponseRedirect(reverse("admin:login"), status=303)
    stage.begin(request, person, next_page=reverse("admin:index"), at=at)
    return HttpResponseRedirect(reverse("staff_check"), status=303)


def _shown(request: HttpRequest, context: dict[str, Any], status: int = 200) -> HttpResponse:
    shared = {**site.each_context(request), "subtitle": None, "title": _("Invitation")}
    if (invitation := context.get("invitation")) is not None:
        context["role"] = invitation.get_role_display()
    return render(request, "config/staff/invitation.html", shared | context, status=status)
