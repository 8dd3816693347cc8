"""A campaign's page before it is public, for the people of its brand: what was saved, or what was just typed.

The page stands in frames without an address of their own (`srcdoc`), so no page has to allow being framed,
and nothing of a draft is kept anywhere. The frames run no script and send no form.
"""

from datetime import datetime, timedelta

from django.contrib.auth.models import AnonymousUser
from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.shortcuts import render
from django.template.loader import render_to_string
from django.utils.translation import get_language, override
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from campaigns import access
from campaigns.forms import CampaignForm
from campaigns.models import Campaign
from ledger.statements import database_time
from parties.access import reachable_brands
from parties.errors import NotReachable
from parties.models import Role
from redemption_site import texts
from redemption_site.conditions import asked_by
from redemption_site.views.conditions import conditions_context
from redemption_site.views.pages import STANDINGS, page_context

_NOT_ECHOED = ("csrfmiddlewaretoken", "state", "lang", "page")
_MOST_FIELDS = 100


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def of_campaign(request: HttpRequest, campaign_id: int) -> HttpResponse:
    """GET shows the campaign as it was saved, POST with what stands in its form. Neither changes anything."""
    roles = () if request.user.is_superuser else tuple(Role)
    try:
        campaign = access.access_campaign(request.user, campaign_id, *roles)
    except NotReachable as refusal:
        raise Http404 from refusal
    if request.method != "POST":
        return _page(request, campaign, request.GET, [])
    return _page(request, campaign, request.POST, _type_into(campaign, request.POST))


@never_cache
@require_POST
def of_new(request: HttpRequest) -> HttpResponse:
    """The same for a campaign that was never saved, of a brand for which the person may make one."""
    brand_id = request.POST.get("brand", "")
    brands = reachable_brands(request.user, Role.MARKETER)
    if not brands.exists():
        raise Http404
    chosen = brand_id if brand_id.isascii() and brand_id.isdigit() and len(brand_id) < 19 else "0"
    brand = brands.filter(pk=int(chosen)).first()
    if brand is None:
        return render(request, "redemption_site/preview_without_brand.html")
    campaign = Campaign(brand=brand)
    return _page(request, campaign, request.POST, _type_into(campaign, request.POST))


def _type_into(campaign: Campaign, typed: QueryDict) -> list[tuple[str, str]]:
    """Put what was typed, as far as it is right, into the row in memory; what is wrong, by its field's
    label.
    """
    form = CampaignForm(typed, instance=campaign)
    for name in ("brand", *(() if "slug" in typed else ("slug",))):
        del form.fields[name]
    return [
        (str(form.fields[name].label), str(error)) for name, errors in form.errors.items() for error in errors
    ]


def _page(
    request: HttpRequest, campaign: Campaign, asked: QueryDict, wrong: list[tuple[str, str]]
) -> HttpResponse:
    _fill_gaps(campaign, database_time())
    lang = asked.get("lang") if asked.get("lang") in ("ja", "en") else (get_language() or "ja")[:2]
    state = asked.get("state") if asked.get("state") in STANDINGS else "open"
    at = database_time()
    conditions = conditions_context(campaign, None, at=at) if campaign.pk else None
    page = "conditions" if conditions and asked.get("page") == "conditions" else "campaign"
    with override(lang):
        asks_for = asked_by(campaign, request, at=at) if campaign.pk else None
        pages = {
            "campaign": ("redemption_site/code.html", page_context(campaign, str(state), asks_for)),
            "conditions": ("redemption_site/conditions.html", conditions or {}),
        }
        template, shown = pages[page]
        frame = render_to_string(template, shown | {"is_preview": True, "user": AnonymousUser()}, request)
    context = {
        "previewed": campaign,
        "frame": frame,
        "state": state,
        "states": [(name, texts.STANDINGS[name]) for name in STANDINGS],
        "lang": lang,
        "page": page,
        "has_conditions": conditions is not None,
        "wrong": wrong,
        "typed": _echoed(request.POST) if request.method == "POST" else None,
    }
    return render(request, "redemption_site/preview.html", context)


def _echoed(typed: QueryDict) -> list[tuple[str, str]]:
    """What the buttons of the preview send once more."""
    pairs = [(name, value) for name, values in typed.lists() for value in values if name not in _NOT_ECHOED]
    return pairs[:_MOST_FIELDS]


def _fill_gaps(campaign: Campaign, at: datetime) -> None:
    """Stand-ins for what a page can't be drawn without."""
    campaign.slug = campaign.slug or "preview"
    unset: datetime | None = None  # what a row that was never saved holds
    if campaign.starts_at == unset:
        campaign.starts_at = at
    if campaign.ends_at == unset:
        campaign.ends_at = campaign.starts_at + timedelta(days=30)
