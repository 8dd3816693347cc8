"""The page on which a person of the staff turns their monthly mail off and on."""

from functools import partial

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext as _

from campaigns import services as campaigns
from campaigns.acts import act
from campaigns.monthly_models import NoMonthlyMail
from campaigns.monthly_queries import TOLD
from ledger.statements import database_time
from parties.access import held_roles
from parties.scoped_admin import ScopedAdmin


class MonthlyMailPage(ScopedAdmin):
    """Adds the page to the admin of campaigns. Everybody's own choice, of no brand."""

    def get_urls(self) -> list[URLPattern]:
        page = self.admin_site.admin_view(self.mails_view)
        return [path("results/mails/", page, name="campaigns_campaign_mails"), *super().get_urls()]

    def mails_view(self, request: HttpRequest) -> HttpResponse:
        """POST with `want` turns it on, without it off."""
        if request.method == "POST":
            is_wanted = "want" in request.POST
            wish = partial(campaigns.want_monthly_mails, is_wanted=is_wanted, at=database_time())
            act(request, lambda user: wish(user=user))
            on, off = _("You get the monthly mail again."), _("You get no monthly mail any more.")
            messages.success(request, on if is_wanted else off)
            return HttpResponseRedirect(reverse("admin:campaigns_campaign_mails"))
        context = {
            **self.admin_site.each_context(request),
            "title": _("Monthly mail"),
            "opts": self.opts,
            "is_wanted": not NoMonthlyMail.objects.filter(user=request.user.pk).exists(),
            "gets_any": any(
                role in TOLD and not is_operator for role, is_operator in held_roles(request.user)
            ),
        }
        return TemplateResponse(request, "campaigns/mails_page.html", context)
