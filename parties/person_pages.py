"""How a person of the staff comes in, for superusers: their factors and sign-ins; and the button for the day
on which somebody lost their device.
"""

from django.conf import settings
from django.contrib import messages
from django.contrib.admin import site
from django.contrib.auth.tokens import default_token_generator
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.encoding import force_bytes
from django.utils.http import urlsafe_base64_encode
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from parties import access, audit_log, factor_services, second_factor
from parties.factor_mails import tell_owner
from parties.invitation_mails import send_new_password
from parties.models import User
from parties.staff_models import Act

_SHOWN = 100


@require_http_methods(["GET", "HEAD", "POST"])
def person_access(request: HttpRequest, user_id: int) -> HttpResponse:
    """The page, and its button."""
    person = access.reachable_users(request.user).filter(pk=user_id).first()
    if person is None:
        raise Http404
    if request.method == "POST":
        (_send_password_link if "link" in request.POST else _withdraw)(request, person)
        return HttpResponseRedirect(reverse("admin:parties_user_access", args=(person.pk,)))
    context = {
        **site.each_context(request),
        "title": _("Second factor and sign-ins"),
        "subtitle": str(person),
        "opts": User._meta,
        "person": person,
        "factors": [str(factor) for factor in factor_services.factors_of(person)],
        "sign_ins": audit_log.sign_ins_of(person)[:_SHOWN],
    }
    return TemplateResponse(request, "parties/person_access.html", context)


def _withdraw(request: HttpRequest, person: User) -> None:
    reason = request.POST.get("reason", "").strip()[:200]
    if not reason:
        messages.error(request, _("Please write a reason: the audit log keeps it."))
        return
    second_factor.refuse_stale_person(request)
    with transaction.atomic():
        factor_services.reset_factors(user=person)
        audit_log.record(Act.FACTORS_WITHDRAWN, by=request.user, subject=person, reason=reason)
    tell_owner(person, Act.FACTORS_WITHDRAWN)
    messages.success(request, _("Withdrawn. Their sessions have ended; the next sign-in sets up a new one."))


def _send_password_link(request: HttpRequest, person: User) -> None:
    """To their own address: whoever sends it learns nothing by which to come in as them."""
    if not (person.is_active and person.is_staff):
        raise Http404
    second_factor.refuse_stale_person(request)
    person_id = urlsafe_base64_encode(force_bytes(person.pk))
    address = reverse("staff_new_password", args=(person_id, default_token_generator.make_token(person)))
    if send_new_password(person, link=settings.SITE_URL + address):
        audit_log.record(Act.REQUESTED, by=request.user, subject=person, label=_("new password"))
        text = _("The link is on its way to %(email)s.") % {"email": person.email}
        messages.success(request, text)
    else:
        messages.error(request, _("The mail could not be sent. Please send it again in a few minutes."))
