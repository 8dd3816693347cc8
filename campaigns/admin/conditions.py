"""The conditions of a campaign: written and published by marketers, read by everybody of the brand."""

from typing import Any

from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from campaigns import access, conditions_queries, queries
from campaigns import services as campaigns
from campaigns.errors import CampaignsError
from campaigns.forms import ConditionsForm
from campaigns.models import Campaign
from campaigns.wording import words_of
from ledger.statements import database_time
from parties.access import holds_role
from parties.errors import NotReachable
from parties.models import Role
from parties.scoped_admin import ScopedAdmin


class ConditionsPages(ScopedAdmin):
    """Adds the page of the conditions, and its doors, to the admin of campaigns."""

    def get_urls(self) -> list[URLPattern]:
        def door(name: str, view: Any) -> URLPattern:
            tail = "" if name == "conditions" else f"{name.removeprefix('conditions_')}/"
            wrapped = self.admin_site.admin_view(view)
            address = f"<int:campaign_id>/conditions/{tail}"
            found: URLPattern = path(address, wrapped, name=f"campaigns_campaign_{name}")
            return found

        own = [
            door("conditions", self.conditions_view),
            door("conditions_publish", require_POST(self.publish_conditions_view)),
            door("conditions_discard", require_POST(self.discard_conditions_view)),
        ]
        return own + super().get_urls()

    def conditions_view(self, request: HttpRequest, campaign_id: int) -> HttpResponse:
        """All versions and the draft; POST writes the draft."""
        campaign = self._campaign(request, campaign_id)
        may_write = holds_role(request.user, campaign.brand_id, Role.MARKETER)
        draft = conditions_queries.draft_of(campaign)
        form = ConditionsForm(request.POST or None, instance=draft)
        if request.method == "POST":
            if not may_write:
                raise Http404
            if form.is_valid():
                return self._act(
                    request,
                    campaign_id,
                    _("The draft is saved. Nothing is asked of members before you publish it."),
                    lambda: campaigns.write_conditions(
                        campaign_id=campaign_id,
                        user=request.user,  # type: ignore[arg-type]  # admin_view lets nobody else in
                        at=database_time(),
                        **form.cleaned_data,
                    ),
                )
        return self._page(request, campaign, form, may_write=may_write)

    def publish_conditions_view(self, request: HttpRequest, campaign_id: int) -> HttpResponse:
        """Publish the draft that the person saw: its fingerprint comes with the form."""
        return self._act(
            request,
            campaign_id,
            _("Published. Members are asked to accept this version from the moment at which it is in force."),
            lambda: campaigns.publish_conditions(
                campaign_id=campaign_id,
                fingerprint=request.POST.get("fingerprint", ""),
                user=request.user,  # type: ignore[arg-type]
                at=database_time(),
            ),
        )

    def discard_conditions_view(self, request: HttpRequest, campaign_id: int) -> HttpResponse:
        """Delete the draft."""
        return self._act(
            request,
            campaign_id,
            _("The draft is gone. What was published stays."),
            lambda: campaigns.discard_conditions(campaign_id=campaign_id, user=request.user),  # type: ignore[arg-type]
        )

    def _campaign(self, request: HttpRequest, campaign_id: int) -> Campaign:
        try:
            return access.access_campaign(request.user, campaign_id)
        except NotReachable as refusal:
            raise Http404 from refusal

    def _act(self, request: HttpRequest, campaign_id: int, done: str, act: Any) -> HttpResponse:
        try:
            act()
        except NotReachable as refusal:
            raise Http404 from refusal
        except CampaignsError as refusal:
            self.message_user(request, words_of(refusal), messages.ERROR)
        else:
            self.log_change(request, self._campaign(request, campaign_id), done)
            self.message_user(request, done, messages.SUCCESS)
        return HttpResponseRedirect(reverse("admin:campaigns_campaign_conditions", args=(campaign_id,)))

    def _page(
        self, request: HttpRequest, campaign: Campaign, form: ConditionsForm, *, may_write: bool
    ) -> HttpResponse:
        draft, at = conditions_queries.draft_of(campaign), database_time()
        context = {
            **self.admin_site.each_context(request),
            "title": _("Conditions of participation"),
            "subtitle": str(campaign),
            "opts": self.opts,
            "campaign": campaign,
            "page_address": queries.page_address(campaign, site_url=settings.SITE_URL),
            "versions": conditions_queries.with_counts(conditions_queries.versions_of(campaign)),
            "in_force": conditions_queries.conditions_in_force(campaign, at=at),
            "at": at,
            "draft": draft,
            "fingerprint": conditions_queries.fingerprint_of_draft(draft) if draft else "",
            "form": form,
            "may_write": may_write,
        }
        status = 200 if request.method != "POST" else 400
        return TemplateResponse(request, "campaigns/conditions_page.html", context, status=status)
