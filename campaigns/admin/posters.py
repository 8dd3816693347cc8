"""Posters and QR codes of a campaign, for people of its brand."""

from typing import Any

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils import translation
from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from campaigns import access, queries
from campaigns.files import posters, qr
from campaigns.files.posters import Poster
from campaigns.models import Campaign
from parties.errors import NotReachable
from parties.periods import period_text
from parties.scoped_admin import ScopedAdmin

_LANGUAGES = ("ja", "en")
# The names of the files, as they stand in addresses: (size, language), or a format of the bare code.
_POSTERS = {f"{size}-{language}.pdf": (size, language) for size in posters.SIZES for language in _LANGUAGES}
_CODES = {"qr.svg": (qr.svg, "image/svg+xml"), "qr.png": (qr.png, "image/png")}


class PosterPages(ScopedAdmin):
    """Adds the page of the posters, and the files, to the admin of campaigns."""

    def get_urls(self) -> list[URLPattern]:
        def door(tail: str, view: Any, name: str) -> URLPattern:
            wrapped: Any = self.admin_site.admin_view(view)
            found: URLPattern = path(f"<int:campaign_id>/posters/{tail}", wrapped, name=name)
            return found

        own = [
            door("", self.posters_view, "campaigns_campaign_posters"),
            door("<str:name>", self.poster_view, "campaigns_campaign_poster"),
        ]
        return own + super().get_urls()

    def posters_view(self, request: HttpRequest, campaign_id: int) -> HttpResponse:
        """What can be printed."""
        campaign = _campaign(request, campaign_id)
        context = {
            **self.admin_site.each_context(request),
            "title": _("Posters and QR code"),
            "subtitle": str(campaign),
            "opts": self.opts,
            "campaign": campaign,
            "address": queries.page_address(campaign, site_url=settings.SITE_URL),
        }
        return TemplateResponse(request, "campaigns/posters_page.html", context)

    def poster_view(self, request: HttpRequest, campaign_id: int, name: str) -> HttpResponse:
        """One of the files."""
        campaign = _campaign(request, campaign_id)
        if name in _POSTERS:
            size, language = _POSTERS[name]
            content, kind = posters.document(_poster(campaign, language), size), "application/pdf"
        elif name in _CODES:
            draw, kind = _CODES[name]
            content = draw(queries.page_address(campaign, site_url=settings.SITE_URL))
        else:
            raise Http404
        headers = {"Content-Disposition": f'attachment; filename="{campaign.slug}-{name}"'}
        return HttpResponse(content, content_type=kind, headers=headers)


def _campaign(request: HttpRequest, campaign_id: int) -> Campaign:
    try:
        return access.access_campaign(request.user, campaign_id)
    except NotReachable as refusal:
        raise Http404 from refusal


def _poster(campaign: Campaign, language: str) -> Poster:
    """The words of a poster: in that language, but for a title that has no English."""
    with translation.override(language):
        steps = [
            (pgettext("step on a poster", "Scan the QR code"), _("It opens the page of this campaign.")),
            (_("Enter your 16-digit code"), _("You find it on your card, leaflet or receipt.")),
            (_("Receive the points"), _("Sign in by e-mail. No password is needed.")),
        ]
        is_english = language == "en" and campaign.title_en
        return Poster(
            brand=campaign.brand.name,
            title=campaign.title_en if is_english else campaign.title_ja,
            language=language,
            colour=campaign.colour,
            logo=logo_of(campaign),
            address=queries.page_address(campaign, site_url=settings.SITE_URL),
            lead=_("Turn your code into points"),
            scan=_("Scan with your phone"),
            steps=steps,
            period_label=_("Period (Japan time)"),
            period=period_text(campaign.starts_at, campaign.ends_at),
        )


def logo_of(campaign: Campaign) -> bytes | None:
    """The campaign's logo as a PNG."""
    if not campaign.logo:
        return None
    with campaign.logo.open("rb") as file:
        content: bytes = file.read()
    return content
