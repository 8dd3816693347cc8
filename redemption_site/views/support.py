"""What to do when a code does not work; and questions to support, for whoever asked them alone."""

import uuid
from collections.abc import Callable

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import get_language
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters, sensitive_variables
from django.views.decorators.http import require_http_methods, require_safe

from campaigns import dispute_queries
from campaigns import services as campaigns
from campaigns.dispute_models import Dispute, DisputeState
from campaigns.errors import DisputeLimit, DisputeNotOpen, DisputeRefused
from giftcodes.guarding.rules import STRIKES_PER_PERSON
from giftcodes.guarding.visitors import LETTERS
from ledger.statements import database_time
from parties.errors import NotReachable
from redemption_site import texts
from redemption_site.access import member_behind
from redemption_site.dispute_forms import AddForm, AskForm, reference_in

SHOWN = 50


@never_cache
@require_safe
def help_page(request: HttpRequest) -> HttpResponse:
    """What to try, what the limits are, and how to reach support; for everybody."""
    context = {
        "support_email": settings.SUPPORT_EMAIL,
        "per_minute": settings.CLAIM_TRIES_PER_MINUTE,
        "per_hour": settings.CLAIM_TRIES_PER_HOUR,
        "strikes": STRIKES_PER_PERSON,
    }
    return render(request, "redemption_site/help.html", context)


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@sensitive_post_parameters("text", "reference", "serial")
@sensitive_variables()
@login_required
def ask(request: HttpRequest) -> HttpResponse:
    """POST opens a ticket, GET shows the form; the number of a refused try may come with the address."""
    if request.method != "POST":
        return _ask_page(
            request, AskForm(initial={"reference": reference_in(request.GET.get("reference", ""))})
        )
    form = AskForm(request.POST)
    if not form.is_valid():
        return _ask_page(request, form, status=400)
    try:
        dispute = campaigns.open_dispute(
            form_number=form.cleaned_data["form_number"],
            member=member_behind(request.user),
            asked=form.asked(),
            language="en" if get_language() == "en" else "ja",
            at=database_time(),
        )
    except NotReachable as refusal:
        raise Http404 from refusal
    except DisputeLimit as refusal:
        return _ask_page(request, form, refusal=texts.DISPUTE_LIMITS[refusal.rule], status=429)
    except DisputeRefused:
        return _ask_page(request, form, refusal=texts.FORM_USED, status=400)
    return _to_ticket(dispute.number)


@sensitive_variables()
def _ask_page(
    request: HttpRequest, form: AskForm, *, refusal: object = "", status: int = 200
) -> HttpResponse:
    context = {"form": form, "refusal": refusal or _incomplete(form), "form_number": _form_number(form)}
    return render(request, "redemption_site/dispute_form.html", context, status=status)


@never_cache
@require_safe
@login_required
def disputes(request: HttpRequest) -> HttpResponse:
    """The member's own tickets."""
    rows = dispute_queries.disputes_of(member_behind(request.user))[:SHOWN]
    return render(request, "redemption_site/disputes.html", {"disputes": rows})


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@sensitive_post_parameters("text")
@sensitive_variables()
@login_required
def dispute(request: HttpRequest, number: str) -> HttpResponse:
    """One ticket: GET shows it, POST adds to it or withdraws it. For its member alone; else there is none."""
    found = dispute_queries.dispute_of(member_behind(request.user), _plain_number(number))
    if found is None:
        raise Http404
    if request.method != "POST":
        return _ticket_page(request, found, AddForm())
    if request.POST.get("act") == "withdraw":
        return _withdraw(request, found)
    form = AddForm(request.POST)
    if not form.is_valid():
        return _ticket_page(request, found, form, status=400)
    return _add(request, found, form)


@sensitive_variables()
def _add(request: HttpRequest, found: Dispute, form: AddForm) -> HttpResponse:
    def add() -> None:
        campaigns.add_to_dispute(
            number=found.number,
            form_number=form.cleaned_data["form_number"],
            member=found.member,
            text=form.cleaned_data["text"],
            at=database_time(),
        )

    return _act(request, found, form, add)


def _withdraw(request: HttpRequest, found: Dispute) -> HttpResponse:
    form = AddForm({"form_number": request.POST.get("form_number", ""), "text": "-"})
    if not form.is_valid():
        return _ticket_page(request, found, AddForm(), refusal=texts.FORM_INCOMPLETE, status=400)

    def withdraw() -> None:
        campaigns.withdraw_dispute(
            number=found.number,
            form_number=form.cleaned_data["form_number"],
            member=found.member,
            at=database_time(),
        )

    return _act(request, found, AddForm(), withdraw)


@sensitive_variables()
def _act(request: HttpRequest, found: Dispute, form: AddForm, act: Callable[[], None]) -> HttpResponse:
    try:
        act()
    except NotReachable as refusal:
        raise Http404 from refusal
    except DisputeLimit as refusal:
        return _ticket_page(request, found, form, refusal=texts.DISPUTE_LIMITS[refusal.rule], status=429)
    except DisputeNotOpen:
        messages.error(request, texts.DISPUTE_OVER)
    except DisputeRefused:
        return _ticket_page(request, found, form, refusal=texts.FORM_USED, status=400)
    return _to_ticket(found.number)


@sensitive_variables()
def _ticket_page(
    request: HttpRequest, found: Dispute, form: AddForm, *, refusal: object = "", status: int = 200
) -> HttpResponse:
    may_add = dispute_queries.may_add(found, at=timezone.now())
    context = {
        "dispute": found,
        "lines": dispute_queries.messages_of(found),
        "form": form,
        "refusal": refusal or _incomplete(form),
        "form_number": _form_number(form),
        "withdrawal_number": uuid.uuid4(),
        "may_add": may_add,
        "may_withdraw": found.state != DisputeState.RESOLVED,
        "until": dispute_queries.reopens_until(found.resolved_at) if found.resolved_at else None,
    }
    return render(request, "redemption_site/dispute.html", context, status=status)


def _incomplete(form: AskForm | AddForm) -> object:
    return texts.FORM_INCOMPLETE if form.is_bound and "form_number" in form.errors else ""


def _form_number(form: AskForm | AddForm) -> uuid.UUID:
    """What the form goes by when it is sent again: its own number, or a new one if that was none."""
    kept = form.cleaned_data.get("form_number") if form.is_bound and hasattr(form, "cleaned_data") else None
    return kept if isinstance(kept, uuid.UUID) else uuid.uuid4()


def _plain_number(number: str) -> str:
    return number.upper() if set(number.upper()) <= set(LETTERS) else ""


def _to_ticket(number: str) -> HttpResponse:
    return HttpResponseRedirect(reverse("dispute", args=[number]), status=303)
