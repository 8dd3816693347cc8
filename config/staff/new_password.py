"""Where the link leads to that a superuser had mailed to somebody who forgot their password."""

from typing import TYPE_CHECKING, Any

from django.contrib import messages
from django.contrib.admin import site
from django.contrib.auth.forms import SetPasswordForm
from django.contrib.auth.views import PasswordResetConfirmView
from django.http import HttpResponse
from django.urls import reverse_lazy
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from parties import audit_log
from parties.models import User
from parties.staff_models import Act

if TYPE_CHECKING:
    PasswordForm = SetPasswordForm[User]
else:
    PasswordForm = SetPasswordForm


class NewPassword(PasswordResetConfirmView):
    """Django's own page and its link, which a changed password ends. It signs nobody in: the password and the
    second factor do, as always.
    """

    template_name = "config/staff/new_password.html"
    success_url = reverse_lazy("staff_sign_in")
    title = gettext_lazy("Choose a new password")

    def get_user(self, uidb64: str) -> User | None:
        user = super().get_user(uidb64)
        return user if isinstance(user, User) and user.is_active and user.is_staff else None

    def form_valid(self, form: PasswordForm) -> HttpResponse:
        answer = super().form_valid(form)
        person = form.user
        audit_log.record(Act.CHANGED, by=person, subject=person, reason="password")
        messages.success(self.request, _("Your new password is set. Please sign in with it."))
        return answer

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        shared = {**site.each_context(self.request), "subtitle": None}
        return shared | super().get_context_data(**kwargs)
