"""Channels from an uploaded table: shown first, then put in the place of the draft's."""

from typing import Any, cast

from django.contrib import messages
from django.contrib.admin import site
from django.core import signing
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from campaigns import access, channel_files
from campaigns import services as campaigns
from campaigns.channel_files import NamedQuantity
from campaigns.channel_words import words_of_mistake, words_of_table
from campaigns.errors import CampaignsError
from campaigns.files.tables import TableRefused, read_table
from campaigns.models import Order, OrderState
from campaigns.rules import MAX_CHANNELS
from campaigns.wording import words_of
from ledger.statements import database_time
from parties.errors import NotReachable
from parties.models import Role, User

_SALT = "campaigns.channels"
_HOLDS_FOR = 3_600  # seconds between preview and click
_MOST_TOLD = 50


@never_cache
@require_http_methods(["GET", "POST"])
def upload_channels(request: HttpRequest, order_id: int) -> HttpResponse:
    """The form; with a file, what would become of it; with what that page carries, it is done."""
    try:
        order = access.access_order(request.user, order_id, Role.MARKETER)
    except NotReachable as refusal:
        raise Http404 from refusal
    if order.state != OrderState.DRAFT:
        raise Http404
    if "rows" in request.POST:
        return _replace(request, order)
    return _show(request, order, _read(request, order) if request.method == "POST" else {})


def _read(request: HttpRequest, order: Order) -> dict[str, Any]:
    """What the page shows of the file."""
    file = request.FILES.get("file")
    if file is None:
        return {"mistakes": [_("Choose a file.")]}
    if file.size is None or file.size > channel_files.LIMITS.size:
        return {"mistakes": [words_of_table(TableRefused("size"))]}
    try:
        table = read_table(file.read(), limits=channel_files.LIMITS)
    except TableRefused as refusal:
        return {"mistakes": [words_of_table(refusal)]}
    read = channel_files.channels_in(table)
    if read.mistakes:
        told = [words_of_mistake(mistake) for mistake in read.mistakes[:_MOST_TOLD]]
        return {"mistakes": told, "more_mistakes": len(read.mistakes) - len(told)}
    seen = campaigns.channels_of(order)
    carried = {"order": order.pk, "user": request.user.pk, "seen": seen, "channels": read.channels}
    return {
        "channels": read.channels,
        "codes": sum(channel.quantity for channel in read.channels),
        "rows": signing.dumps(carried, salt=_SALT, compress=True),
    }


def _replace(request: HttpRequest, order: Order) -> HttpResponse:
    here = reverse("admin:campaigns_order_channels", args=(order.pk,))
    user = cast(User, request.user)  # the admin's sign-in stands before every door
    try:
        carried = signing.loads(request.POST["rows"], salt=_SALT, max_age=_HOLDS_FOR)
    except signing.BadSignature:
        messages.error(request, _("The preview is too old. Upload the file again: nothing was changed."))
        return HttpResponseRedirect(here)
    if (carried["order"], carried["user"]) != (order.pk, user.pk):
        raise Http404
    seen, channels = ([NamedQuantity(*row) for row in carried[part]] for part in ("seen", "channels"))
    try:
        campaigns.replace_channels(
            order_id=order.pk, user=user, seen=seen, channels=channels, at=database_time()
        )
    except CampaignsError as refusal:
        messages.error(request, words_of(refusal))
        return HttpResponseRedirect(here)
    messages.success(request, _("The channels of the draft are those of the file now."))
    return HttpResponseRedirect(reverse("admin:campaigns_order_change", args=(order.pk,)))


def _show(request: HttpRequest, order: Order, found: dict[str, Any]) -> HttpResponse:
    present = campaigns.channels_of(order)
    context = {
        **site.each_context(request),
        "title": _("Channels from a file"),
        "opts": Order._meta,
        "order": order,
        "present": present,
        "present_codes": sum(channel.quantity for channel in present),
        "most_channels": MAX_CHANNELS,
        **found,
    }
    return TemplateResponse(request, "campaigns/channels_page.html", context)
