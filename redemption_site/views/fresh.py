"""Who changes how they sign in has to have signed in just now: a session that was left open is not enough."""

from collections.abc import Callable
from functools import wraps

from django.contrib.auth import logout
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from parties.models import User
from redemption_site.sign_in import is_fresh, sign_in_page, wanted_page

View = Callable[..., HttpResponse]


def for_members(view: View) -> View:
    """The view for a signed-in member, never kept. Staff have no such page: they sign in by password."""

    @never_cache
    @login_required
    @wraps(view)
    def answer(request: HttpRequest, *args: object, **kwargs: object) -> HttpResponse:
        if member_user(request).is_staff:
            raise Http404
        return view(request, *args, **kwargs)

    return answer


def for_fresh_members(back_to: str) -> Callable[[View], View]:
    """The same, after a sign-in within the last ten minutes; else a page that leads through one. What was
    sent with a form is not kept: its person comes back to the page of that name.
    """

    def guarded(view: View) -> View:
        @for_members
        @wraps(view)
        def answer(request: HttpRequest, *args: object, **kwargs: object) -> HttpResponse:
            if is_fresh(request):
                return view(request, *args, **kwargs)
            is_form = request.method == "POST"
            context = {"next_page": reverse(back_to) if is_form else request.path}
            status = 403 if is_form else 200
            return render(request, "redemption_site/sign_in_again.html", context, status=status)

        return answer

    return guarded


def member_user(request: HttpRequest) -> User:
    """The user of such a view's request."""
    user = request.user
    if not isinstance(user, User):
        raise Http404
    return user


@never_cache
@require_POST
def sign_in_again(request: HttpRequest) -> HttpResponse:
    """Ends the session and leads through the sign-in back to the page that asked for it."""
    logout(request)
    return HttpResponseRedirect(sign_in_page(wanted_page(request)), status=303)
