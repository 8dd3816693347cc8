"""A code for a membership number: for campaigns that know their members so, without a sign-in.

Nothing of the number's wallet is told, as anybody can type anybody's number.
"""

from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.functional import Promise
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters, sensitive_variables
from django.views.decorators.http import require_http_methods, require_safe

from campaigns.conditions_models import ConditionsVersion
from campaigns.models import Campaign
from campaigns.queries import limit_group_of
from giftcodes import codec
from giftcodes import services as giftcodes
from giftcodes.errors import AnonymousClosed, ClaimHeldBack, CodeNotUsable, TooManyTries
from giftcodes.services import NumberAsker, Proviso
from parties.client_addresses import client_address
from parties.models import Member, Program
from parties.numbers import MOST_LENGTH, NotANumber, read_number, tail_of
from parties.services import NumberOf
from redemption_site import conditions, pace, pending, queries, strangers, texts
from redemption_site.conditions import Ticked
from redemption_site.pending import PendingClaim
from redemption_site.strangers import Receipt
from redemption_site.views.claims import show_waiting
from redemption_site.views.errors import AWAY, away, too_many
from redemption_site.views.pages import code_page

SECONDS_CLOSED = 30 * 60  # what the breaker stays open for, at the least


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@sensitive_post_parameters("membership_number")
@sensitive_variables()
def number(request: HttpRequest) -> HttpResponse:
    """GET asks for the number that the waiting code is for; POST claims for it."""
    found = pending.waiting(request)
    if found is None:
        if request.method != "POST":
            return redirect("landing")
        return code_page(request, None, error=texts.NO_CODE_WAITING, status=400)
    campaign = queries.campaign_by_number(found.campaign_slug) if found.campaign_slug else None
    if campaign is None:
        return show_waiting()  # typed elsewhere, or the campaign has gone back to the sign-in
    if request.method != "POST":
        return _number_page(request, found, campaign)
    return _receive(request, found, campaign)


@sensitive_variables()
def _receive(request: HttpRequest, found: PendingClaim, campaign: Campaign) -> HttpResponse:
    if not pending.is_shown(request, found):
        return HttpResponseRedirect(reverse("number"), status=303)
    typed = request.POST.get("membership_number", "")
    try:
        read = read_number(typed, campaign.brand.number_pattern.pattern)
    except NotANumber as refusal:
        error = texts.NOT_A_NUMBER[refusal.fault]
        shown = typed[: 2 * MOST_LENGTH]
        return _number_page(request, found, campaign, error=error, typed=shown, status=400)
    if ticked := conditions.tick_in(request):
        found = found._replace(accepted=ticked)
    return _claim_for(request, found, campaign, read)


@sensitive_variables()
def _claim_for(request: HttpRequest, found: PendingClaim, campaign: Campaign, read: str) -> HttpResponse:
    def has_accepted(member: Member) -> Proviso:
        return conditions.proviso(member, found.accepted)

    begun, visitor = pace.now(), strangers.visitor_of(request)
    receipts = strangers.receipts_of(request)
    asker = NumberAsker(
        of=NumberOf(campaign.brand_id, read),
        visitor=visitor,
        address=client_address(request),
        limit_group=limit_group_of(campaign),
        holds_since=pending.held_since(request),
        received=frozenset(receipt.serial_number for receipt in receipts),
    )
    try:
        claimed = giftcodes.try_code_for_number(text=found.code, asker=asker, unless=has_accepted)
    except CodeNotUsable as refusal:
        pace.wait_for_step(begun)
        response = _refusal(request, found, campaign, refusal.reference)
        pending.drop(request, response)
    except TooManyTries as refusal:
        response = too_many(request, refusal)
        pending.drop(request, response)
    except ClaimHeldBack as held:
        # The tick came with the code; since then its campaign has published others.
        version = ConditionsVersion.objects.select_related("campaign__brand").get(pk=held.rows[0][0])
        response = _number_page(request, found, campaign, typed=read, version=version, status=428)
    except AnonymousClosed:
        response = _closed(request, found, campaign)  # the code goes on waiting, for a sign-in
    except AWAY:
        response = away(request, waiting_code=found.code, again="number")
    else:
        query = "?again=1" if claimed.is_repeat else ""
        address = reverse("received", args=[claimed.serial_number]) + query
        response = HttpResponseRedirect(address, status=303)
        receipt = Receipt(
            serial_number=claimed.serial_number,
            points=claimed.points,
            claimed_at=claimed.claimed_at.isoformat(),
            expires_at=claimed.expires_at.isoformat(),
            program_id=claimed.program_id,
            campaign_slug=campaign.slug,
            tail=tail_of(read),
        )
        strangers.add_receipt(request, response, receipt)
        pending.drop(request, response)
    strangers.keep_visitor(response, visitor)
    return response


@sensitive_variables()
def _number_page(
    request: HttpRequest,
    found: PendingClaim,
    campaign: Campaign,
    *,
    error: str | Promise = "",
    typed: str = "",
    version: ConditionsVersion | None = None,
    status: int = 200,
) -> HttpResponse:
    context = {
        "code": found.code,
        "campaign": campaign,
        "pattern": campaign.brand.number_pattern,
        "is_numeric": not campaign.brand.number_pattern.has_letters
        and not campaign.brand.number_pattern.prefix.strip("0123456789"),
        "error": error,
        "typed": typed.replace("\0", ""),
        "version": version,
        "tick_error": texts.CONDITIONS_CHANGED if version else "",
    }
    return render(request, "redemption_site/number.html", context, status=status)


@sensitive_variables()
def _refusal(request: HttpRequest, found: PendingClaim, campaign: Campaign, reference: str) -> HttpResponse:
    return code_page(
        request,
        campaign,
        error=texts.CODE_NOT_USABLE,
        advice=texts.CODE_NOT_USABLE_WITH_NUMBER,
        typed=codec.group(found.code),
        reference=reference,
        tick=Ticked(found.accepted),
        status=422,
    )


@sensitive_variables()
def _closed(request: HttpRequest, found: PendingClaim, campaign: Campaign) -> HttpResponse:
    """428: sign in, and the same code can be claimed; or wait."""
    context = {"waiting_code": found.code, "campaign": campaign}
    response = render(request, "redemption_site/sign_in_instead.html", context, status=428)
    response.headers["Retry-After"] = str(SECONDS_CLOSED)
    return response


@never_cache
@require_safe
def received(request: HttpRequest, serial_number: int) -> HttpResponse:
    """What a code brought, in the browser that claimed it, for half an hour; else there is no such page."""
    receipts = strangers.receipts_of(request)
    receipt = next((row for row in receipts if row.serial_number == serial_number), None)
    campaign = queries.campaign_at(receipt.campaign_slug) if receipt else None
    if receipt is None or campaign is None:
        raise Http404
    context = {
        "receipt": receipt,
        "campaign": campaign,
        "program": Program.objects.get(pk=receipt.program_id),
        "is_repeat": "again" in request.GET,
    }
    return render(request, "redemption_site/received.html", context)
