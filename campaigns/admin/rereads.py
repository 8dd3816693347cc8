"""A file compared with the codes that it should hold. It is read in memory, and never gets onto the disk."""

from typing import Any, cast

from django.core.files.uploadhandler import MemoryFileUploadHandler, StopUpload
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils.decorators import method_decorator
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt, csrf_protect
from django.views.decorators.http import require_http_methods

from campaigns.admin.deliveries import DeliveryPages, order_of
from campaigns.delivery_forms import CheckForm
from campaigns.delivery_wording import words_of_verdict
from giftcodes import services as giftcodes
from giftcodes.errors import FurtherDeliveryRefused
from giftcodes.files.rereads import MOST_TOLD, Report
from giftcodes.files.uploads import MOST_BYTES
from ledger.statements import database_time
from parties.errors import NotReachable
from parties.models import User


class _InMemory(MemoryFileUploadHandler):
    """Whatever its size, up to the most: a file beyond that ends the upload."""

    _room = MOST_BYTES

    def handle_raw_input(self, *args: Any, **kwargs: Any) -> None:
        self.activated = True

    @property
    def is_too_large(self) -> bool:
        return self._room < 0

    def receive_data_chunk(self, raw_data: bytes, start: int) -> bytes | None:
        self._room -= len(raw_data)
        if self.is_too_large:
            raise StopUpload(connection_reset=False)
        return super().receive_data_chunk(raw_data, start)


class RereadPages(DeliveryPages):
    """Adds the page that compares files to the admin of orders."""

    def get_urls(self) -> list[URLPattern]:
        wrapped: Any = self.admin_site.admin_view(self.check_view)
        where = "<int:order_id>/files/check/"
        return [path(where, wrapped, name="campaigns_order_check_file"), *super().get_urls()]

    # The token is asked for below: before that nothing may read the body, since whoever reads it first says
    # where the file goes, and Django's own way is a temporary file.
    @method_decorator(csrf_exempt)
    def check_view(self, request: HttpRequest, order_id: int) -> HttpResponse:
        upload = _InMemory(request)
        request.upload_handlers = [upload]
        answer: HttpResponse = self._check(request, order_id, upload)
        return answer

    @method_decorator([never_cache, csrf_protect, require_http_methods(["GET", "POST"])])
    def _check(self, request: HttpRequest, order_id: int, upload: _InMemory) -> HttpResponse:
        """The form, and below it what was found."""
        order, batch = order_of(request, order_id)
        form = CheckForm(batch, *((request.POST, request.FILES) if request.method == "POST" else ()))
        report, is_fit = None, form.is_valid()
        if upload.is_too_large:
            form.errors.pop("file", None)  # that there is none
            form.tell(FurtherDeliveryRefused("size"))
        if is_fit:
            channel, file = form.cleaned_data["channel"], form.cleaned_data["file"]
            try:
                report = giftcodes.check_file(
                    batch_id=batch.pk,
                    channel_id=channel.pk if channel else None,
                    file=file.file,
                    user=cast(User, request.user),
                    at=database_time(),
                )
            except NotReachable as refusal:
                raise Http404 from refusal
            except FurtherDeliveryRefused as refusal:
                form.tell(refusal)
        context = {
            **self.admin_site.each_context(request),
            "title": _("Compare a file"),
            "subtitle": order.public_id.hex[:8],
            "opts": self.opts,
            "order": order,
            "form": form,
            "report": report,
            "most": MOST_TOLD,
            **(_told(report) if report else {}),
        }
        return TemplateResponse(request, "campaigns/check_page.html", context)


def _told(report: Report) -> dict[str, Any]:
    return {
        "counts": [(words_of_verdict(verdict), count) for verdict, count in report.counts.most_common()],
        "findings": [
            {"row": found.row, "serial": found.serial, "verdict": words_of_verdict(found.verdict)}
            for found in report.findings
        ],
    }
