"""Mailings of gifts: written and filled with a list by a marketer, sent by an approver's yes."""

from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.contrib import admin, messages
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from campaigns import access
from campaigns import mailing_queries as queries
from campaigns.acts import act
from campaigns.errors import CampaignsError
from campaigns.files.tables import TableRefused, read_table
from campaigns.mailing_files import LIMITS, recipients_in
from campaigns.mailing_forms import FIRST_BODY, FIRST_SUBJECT, MailingForm
from campaigns.mailing_models import MAX_RECIPIENTS, Mailing, MailingState
from campaigns.mailing_pages import BADGES, context_of
from campaigns.mailing_texts import columns_used
from campaigns.mailing_wording import words_of_mistake, words_of_table
from campaigns.models import Campaign
from campaigns.services import mailing_repairs, mailing_tests, mailings
from campaigns.wording import number, words_of
from ledger.admin.pages import by_post, moment_column
from ledger.statements import database_time
from parties.access import holds_role
from parties.errors import NotReachable
from parties.models import Role
from parties.scoped_admin import ScopedAdmin
from parties.second_factor import verified_at

_MISTAKES_SHOWN = 50


@admin.register(Mailing)
class MailingAdmin(ScopedAdmin):
    """The page of a mailing shows the next step; each step is a door of its own."""

    reach = access.reachable_mailings
    add_roles = (Role.MARKETER,)
    list_display = ("title", "campaign", "state_badge", "created_by", "made")
    list_filter = ("state",)
    list_select_related = ("campaign", "created_by")
    search_fields = ("title", "campaign__name")
    ordering = ("-created_at", "-pk")
    made = moment_column("created_at", gettext_lazy("created at"))

    class Media:
        css = {"all": ("parties/admin.css",)}

    def get_urls(self) -> list[URLPattern]:
        def door(rest: str, view: Any, name: str) -> URLPattern:
            address = f"<int:mailing_id>/{rest}/"
            inside = self.admin_site.admin_view(view)
            found: URLPattern = path(address, inside, name=f"campaigns_mailing_{name}")
            return found

        own = [
            door("texts", self.texts, "texts"),
            door("list", self.upload, "list"),
            door("find", by_post(self.find), "find"),
            *(
                door(name.replace("_", "-"), by_post(getattr(self, name)), name)
                for name in ("test", "submit", "reopen", "approve", "reject", "stop", "again")
            ),
            door("rows/<int:recipient_id>/replace", self.replace, "replace"),
            door("rows/<int:recipient_id>/lift", self.lift, "lift"),
        ]
        return own + super().get_urls()

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """The texts; the list comes after them."""
        if not self.has_add_permission(request):
            raise PermissionDenied
        campaigns = access.reachable_campaigns(request.user, Role.MARKETER).filter(brand__sandbox_of=None)
        first = {"subject_ja": FIRST_SUBJECT, "body_ja": FIRST_BODY}
        form = MailingForm(request.POST or None, initial=first)
        form.fields["campaign"].queryset = campaigns.order_by("-created_at")  # type: ignore[attr-defined]

        def create(form: MailingForm) -> Mailing:
            campaign: Campaign = form.cleaned_data["campaign"]
            return mailings.create_mailing(
                campaign_id=campaign.pk, wording=form.wording, user=_user(request), at=database_time()
            )

        return self._texts_page(request, form, create, None)

    def texts(self, request: HttpRequest, mailing_id: int) -> HttpResponse:
        """Other texts for a draft."""
        mailing = self._draft(request, mailing_id)
        initial = {field: getattr(mailing, field) for field in mailings.Wording._fields}
        form = MailingForm(request.POST or None, initial=initial)
        del form.fields["campaign"]

        def edit(form: MailingForm) -> Mailing:
            return mailings.edit_mailing(mailing_id=mailing.pk, wording=form.wording, user=_user(request))

        return self._texts_page(request, form, edit, mailing)

    def _texts_page(
        self,
        request: HttpRequest,
        form: MailingForm,
        save: Callable[[MailingForm], Mailing],
        mailing: Mailing | None,
    ) -> HttpResponse:
        if form.is_bound and form.is_valid():
            try:
                return HttpResponseRedirect(_page_of(save(form).pk), status=303)
            except NotReachable as refusal:
                raise Http404 from refusal
            except CampaignsError as refusal:
                form.add_error(None, words_of(refusal))
        return self._show(request, "mailing_form.html", form=form, mailing=mailing)

    def upload(self, request: HttpRequest, mailing_id: int) -> HttpResponse:
        """A table in the place of the draft's list, all of it or nothing."""
        mailing = self._draft(request, mailing_id)
        context: dict[str, Any] = {}
        if request.method == "POST":
            context = self._replace_list(request, mailing)
            if not context:
                return HttpResponseRedirect(_page_of(mailing.pk), status=303)
        used = sorted(columns_used(mailing) - {"name"})
        most = number(MAX_RECIPIENTS)
        return self._show(
            request, "mailing_list.html", mailing=mailing, used=used, most_recipients=most, **context
        )

    def _replace_list(self, request: HttpRequest, mailing: Mailing) -> dict[str, Any]:
        """What the page tells of mistakes; empty if the list was taken."""
        file = request.FILES.get("file")
        if file is None:
            return {"mistakes": [_("Choose a file.")]}
        if file.size is None or file.size > LIMITS.size:
            return {"mistakes": [words_of_table(TableRefused("size"))]}
        try:
            table = read_table(file.read(), limits=LIMITS)
        except TableRefused as refusal:
            return {"mistakes": [words_of_table(refusal)]}
        read = recipients_in(table, used=columns_used(mailing))
        if read.mistakes:
            told = [words_of_mistake(mistake) for mistake in read.mistakes[:_MISTAKES_SHOWN]]
            return {"mistakes": told, "more_mistakes": len(read.mistakes) - len(told)}
        try:
            mailings.replace_list(
                mailing_id=mailing.pk,
                rows=read.rows,
                columns=read.columns,
                twice=read.twice,
                user=_user(request),
                at=database_time(),
            )
        except CampaignsError as refusal:
            return {"mistakes": [words_of(refusal)]}
        self.message_user(request, _("The list is taken. Nobody was mailed yet."))
        return {}

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        mailing: Mailing = self.get_object(request, unquote(object_id))
        return self._page(request, mailing)

    def find(self, request: HttpRequest, mailing_id: int) -> HttpResponse:
        """The row of an address that somebody named: it stands in no address of a page."""
        mailing = self.get_object(request, str(mailing_id))
        if not holds_role(request.user, mailing.campaign.brand_id, *mailing_repairs.REPAIRERS):
            raise Http404
        found = queries.row_with(mailing, request.POST.get("address", "")[:300])
        if found is None:
            self.message_user(request, _("This address is not in the list."), messages.WARNING)
        return self._page(request, mailing, found=queries.shown([found]) if found else [])

    def _page(self, request: HttpRequest, mailing: Mailing, **more: Any) -> HttpResponse:
        typed = request.GET.get("row", "")
        row = int(typed) if typed.isascii() and typed.isdecimal() and len(typed) < 8 else 0
        user, at = _user(request), database_time()
        context = context_of(mailing, user=user, site_url=settings.SITE_URL, row=row, at=at)
        return self._show(request, "mailing_page.html", **context | more)

    def test(self, request: HttpRequest, mailing_id: int) -> HttpResponse:
        """To one's own address, with a code that nobody can claim."""
        language = "en" if request.POST.get("language") == "en" else "ja"

        def send(**who: Any) -> str:
            return mailing_tests.send_test(language=language, site_url=settings.SITE_URL, **who)

        return self._decide(request, mailing_id, send, _("The test was sent to your own address."))

    def submit(self, request: HttpRequest, mailing_id: int) -> HttpResponse:
        """Ask for approval, and state that the recipients agreed. A refusal leaves what was typed on the
        page.
        """
        how, stated = request.POST.get("consent_how", ""), request.POST.get("consent") == "yes"
        what: dict[str, Any] = {"mailing_id": mailing_id, "at": database_time(), "is_consent_stated": stated}
        done = _("Submitted. Nobody is mailed until an approver says yes.")
        if act(request, lambda user: mailings.submit_mailing(consent_how=how, user=user, **what), done):
            return HttpResponseRedirect(_page_of(mailing_id), status=303)
        return self._page(request, self.get_object(request, str(mailing_id)), typed=how, is_stated=stated)

    def reopen(self, request: HttpRequest, mailing_id: int) -> HttpResponse:
        """Take it back, to change it."""

        def take_back(**who: Any) -> Mailing:
            return mailings.reopen_mailing(mailing_id=who["mailing_id"], user=who["user"])

        return self._decide(request, mailing_id, take_back, _("It is a draft again."))

    def approve(self, request: HttpRequest, mailing_id: int) -> HttpResponse:
        """Send exactly what was seen."""

        def decide(**who: Any) -> Mailing:
            seen = request.POST.get("fingerprint", "")
            return mailings.approve_mailing(fingerprint=seen, verified_at=verified_at(request), **who)

        return self._decide(
            request, mailing_id, decide, _("Approved. The mails go out now, one after the other.")
        )

    def reject(self, request: HttpRequest, mailing_id: int) -> HttpResponse:
        """Back to the marketer, with a reason."""

        def decide(**who: Any) -> Mailing:
            note = request.POST.get("note", "")
            return mailings.reject_mailing(mailing_id=who["mailing_id"], user=who["user"], note=note)

        return self._decide(request, mailing_id, decide, _("Rejected. It is a draft again."))

    def stop(self, request: HttpRequest, mailing_id: int) -> HttpResponse:
        """Mail nobody more."""

        def stop(**who: Any) -> Mailing:
            return mailings.stop_mailing(reason=request.POST.get("reason", ""), **who)

        return self._decide(request, mailing_id, stop, _("Stopped. Nobody more is mailed."))

    def again(self, request: HttpRequest, mailing_id: int) -> HttpResponse:
        """Mail the rows once more of which nobody knows whether they were sent; one, or all."""
        typed = request.POST.get("recipient", "")
        one = int(typed) if typed.isascii() and typed.isdigit() and len(typed) < 19 else None

        def again(**who: Any) -> int:
            reason = request.POST.get("reason", "")
            return mailing_repairs.send_again(recipient_id=one, reason=reason, **who)

        return self._decide(request, mailing_id, again, _("They are mailed once more."))

    def replace(self, request: HttpRequest, mailing_id: int, recipient_id: int) -> HttpResponse:
        """Another code for the recipient; the old one is withdrawn."""
        done = _("The old code is withdrawn, and a mail with a new one goes to the same address.")
        return self._repair(request, mailing_id, recipient_id, mailing_repairs.replace_code, done)

    def lift(self, request: HttpRequest, mailing_id: int, recipient_id: int) -> HttpResponse:
        """The address may be mailed again."""
        done = _("Later mailings may mail this address again.")
        return self._repair(request, mailing_id, recipient_id, mailing_repairs.lift_bounce, done)

    def _repair(
        self, request: HttpRequest, mailing_id: int, recipient_id: int, repair: Callable[..., Any], done: str
    ) -> HttpResponse:
        if request.method != "POST":
            return HttpResponseRedirect(_page_of(mailing_id))
        what = {"reason": request.POST.get("reason", ""), "at": database_time()}
        act(request, lambda user: repair(recipient_id=recipient_id, user=user, **what), done)
        return HttpResponseRedirect(_page_of(mailing_id), status=303)

    def _decide(
        self, request: HttpRequest, mailing_id: int, decide: Callable[..., Any], done: str
    ) -> HttpResponse:
        what = {"mailing_id": mailing_id, "at": database_time()}
        act(request, lambda user: decide(user=user, **what), done)
        return HttpResponseRedirect(_page_of(mailing_id), status=303)

    def _draft(self, request: HttpRequest, mailing_id: int) -> Mailing:
        try:
            mailing = access.access_mailing(request.user, mailing_id, Role.MARKETER)
        except NotReachable as refusal:
            raise Http404 from refusal
        if mailing.state != MailingState.DRAFT:
            raise Http404
        return mailing

    def _show(self, request: HttpRequest, template: str, **context: Any) -> TemplateResponse:
        title = _("Mailing of gifts")
        frame = {**self.admin_site.each_context(request), "opts": self.opts, "title": title}
        return TemplateResponse(request, f"campaigns/{template}", frame | context)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    @admin.display(description=gettext_lazy("state"), ordering="state")
    def state_badge(self, mailing: Mailing) -> str:
        kind = BADGES[MailingState(mailing.state)]
        return format_html('<span class="tk-badge tk-{}">{}</span>', kind, mailing.get_state_display())


def _user(request: HttpRequest) -> Any:
    return request.user  # admin_view lets nobody in who isn't signed in


def _page_of(mailing_id: int) -> str:
    return reverse("admin:campaigns_mailing_change", args=(mailing_id,))
