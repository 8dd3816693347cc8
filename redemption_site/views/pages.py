"""Pages that need nobody: the landing page, a campaign's page, and what they are dressed in."""

from datetime import datetime
from typing import Any

from django.conf import settings
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.http import FileResponse, Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.functional import Promise
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from campaigns import services as campaigns
from campaigns.models import Campaign
from campaigns.queries import is_paused
from redemption_site import cards, conditions, pending, queries, texts
from redemption_site.conditions import NOT_TICKED, Asked, Ticked
from redemption_site.theme import theme_of
from redemption_site.typos import suspect

STANDINGS = ("not_begun", "open", "ended", "stopped", "paused")
_FOR_EVER = "public, max-age=31536000, immutable"


@never_cache
@require_safe
def landing(request: HttpRequest) -> HttpResponse:
    """The code field, in nobody's colours."""
    return code_page(request, None)


@never_cache
@require_safe
def campaign(request: HttpRequest, slug: str) -> HttpResponse:
    """The code field in a brand's colours. Looking never claims."""
    row = queries.campaign_at(slug)
    if row is None:
        raise Http404
    if request.method == "GET" and "Sec-Purpose" not in request.headers:  # which a browser says that guesses
        campaigns.count_opening(campaign_id=row.pk, at=timezone.now())
    return code_page(request, row)


def code_page(
    request: HttpRequest,
    campaign: Campaign | None,
    *,
    error: str | Promise = "",
    advice: str | Promise = "",
    typed: str = "",
    reference: str = "",
    tick: Ticked = NOT_TICKED,
    status: int = 200,
) -> HttpResponse:
    """The page with the code field, with what was typed, what is wrong with it, and what to do. Support
    finds the try by its `reference`. The tick that the person set below the field stays.
    """
    found = suspect(typed) if typed else None
    at = timezone.now()
    asked = conditions.asked_by(campaign, request, at=at)
    standing = _standing(campaign, at) if campaign else ""
    context = page_context(campaign, standing, asked) | {
        "error": error,
        "advice": advice,
        "typed": typed,
        "reference": reference,
        "has_waiting_code": not error and pending.waiting(request) is not None,
        "hint": texts.GROUP_HINTS[found.kind] % found._asdict() if found else "",
        "is_ticked": asked is not None and conditions.has_ticked(tick.text, asked.version.pk),
        "tick_error": tick.error,
    }
    return render(request, "redemption_site/code.html", context, status=status)


def page_context(campaign: Campaign | None, standing: str, asked: Asked | None = None) -> dict[str, Any]:
    """What the template needs of a campaign that stands as one of STANDINGS says, with an untouched field."""
    return {
        "campaign": campaign,
        "site_url": settings.SITE_URL,
        "asks_for_number": queries.asks_for_number(campaign) if campaign else False,
        "standing": standing,
        "asked": asked,
        "not_accepted": texts.NOT_ACCEPTED,
        "script_texts": texts.NOT_A_CODE,
        "script_hints": texts.GROUP_HINTS,
        "empty_text": texts.EMPTY_CODE,
    }


def _standing(campaign: Campaign, at: datetime) -> str:
    if at >= campaign.ends_at:
        return "ended"
    if queries.is_stopped(campaign):
        return "stopped"
    if at < campaign.starts_at:
        return "not_begun"
    return "paused" if is_paused(campaign) else "open"


@require_safe
def theme(_request: HttpRequest, colour: str) -> HttpResponse:
    """A brand's colours as a style sheet. A function of its address, so it may be kept for ever."""
    css = ":root{--brand:%s;--on-brand:%s;--brand-text:%s;--tint:%s;--shade:%s}\n" % theme_of(colour)  # noqa: UP031
    return HttpResponse(css, content_type="text/css", headers={"Cache-Control": _FOR_EVER})


@require_safe
def logo(_request: HttpRequest, name: str) -> FileResponse:
    """A brand's logo. Its name is random and never used again, so it may be kept for ever."""
    return _kept(f"logos/{name}.png", "image/png")


@require_safe
def hero(_request: HttpRequest, name: str) -> FileResponse:
    """A crop of the picture over a page, likewise."""
    return _kept(f"heroes/{name}.webp", "image/webp")


@require_safe
def card(_request: HttpRequest, slug: str, lang: str, key: str) -> HttpResponse | FileResponse:
    """What a shared link shows. A function of its key, drawn when it is first asked for: a brand or a title
    that changes needs no second step to change it too.
    """
    row, path = queries.campaign_at(slug), f"cards/{key}.png"
    if row is None:
        raise Http404
    if default_storage.exists(path):
        return _kept(path, "image/png")
    if cards.card_key(row, lang) != key:
        raise Http404
    png = cards.draw_card(row, lang)
    default_storage.save(path, ContentFile(png))
    return HttpResponse(png, content_type="image/png", headers={"Cache-Control": _FOR_EVER})


def _kept(path: str, content_type: str) -> FileResponse:
    if not default_storage.exists(path):
        raise Http404
    return FileResponse(
        default_storage.open(path), content_type=content_type, headers={"Cache-Control": _FOR_EVER}
    )
