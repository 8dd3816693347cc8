"""A campaign's page becomes public, and may become a draft again."""

from typing import Any, cast

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from campaigns import services as campaigns
from campaigns.errors import CampaignsError
from campaigns.gaps import gaps_of
from campaigns.models import Campaign, OrderState
from campaigns.wording import words_of, words_of_gap
from ledger.statements import database_time
from parties.errors import NotReachable
from parties.models import User
from parties.scoped_admin import ScopedAdmin


class PublishingPage(ScopedAdmin):
    """Adds to the form of campaigns: a button that saves and publishes, one that takes the page offline, and
    what the page lacks.
    """

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(take_offline)
        own = path("<int:campaign_id>/take-offline/", view, name="campaigns_campaign_take_offline")
        return [own, *super().get_urls()]

    def render_change_form(
        self,
        request: HttpRequest,
        context: dict[str, Any],
        add: bool = False,
        change: bool = False,
        form_url: str = "",
        obj: Campaign | None = None,
    ) -> HttpResponse:
        if obj is not None and obj.pk:
            context["gaps"] = [words_of_gap(gap) for gap in gaps_of(obj)]
            context["has_codes"] = obj.orders.filter(state=OrderState.APPROVED).exists()
        return super().render_change_form(request, context, add, change, form_url, obj)

    def response_add(
        self, request: HttpRequest, obj: Campaign, post_url_continue: str | None = None
    ) -> HttpResponse:
        if "_publish" in request.POST:
            return publish(request, obj.pk)
        return super().response_add(request, obj, post_url_continue)

    def response_change(self, request: HttpRequest, obj: Campaign) -> HttpResponse:
        if "_publish" in request.POST:
            return publish(request, obj.pk)
        return super().response_change(request, obj)


def publish(request: HttpRequest, campaign_id: int) -> HttpResponse:
    """Let everybody see the page that was just saved."""
    campaigns.publish_page(campaign_id=campaign_id, user=cast(User, request.user), at=database_time())
    messages.success(request, _("The page is public now."))
    return _to_form(campaign_id)


@require_POST
def take_offline(request: HttpRequest, campaign_id: int) -> HttpResponse:
    """Make the page a draft again."""
    try:
        campaigns.take_page_offline(
            campaign_id=campaign_id, user=cast(User, request.user), at=database_time()
        )
    except NotReachable as refusal:
        raise Http404 from refusal
    except CampaignsError as refusal:
        messages.error(request, words_of(refusal))
    else:
        messages.success(request, _("The page is a draft again. Nobody outside the admin can see it."))
    return _to_form(campaign_id)


def _to_form(campaign_id: int) -> HttpResponse:
    return HttpResponseRedirect(reverse("admin:campaigns_campaign_change", args=(campaign_id,)))
