"""What is typed about a brand site: addresses, to the letter, as browsers may be led nowhere else."""

import re
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from django import forms
from django.apps import apps
from django.conf import settings
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from parties.forms import PlainLineField
from parties.site_models import BrandSite

if TYPE_CHECKING:
    ModelForm = forms.ModelForm[Any]
else:
    ModelForm = forms.ModelForm

if apps.is_installed("unfold"):
    from unfold.widgets import TEXTAREA_CLASSES
else:
    TEXTAREA_CLASSES = ["vLargeTextField"]

MAX_ADDRESSES, MAX_LENGTH = 10, 500
# What stands in an address and in a header as it is; no wildcard, backslash, quote or blank.
_LETTERS = re.compile(r"[A-Za-z0-9._~:/?&=%@!$+,;()-]+")
_OWN_MACHINE = ("127.0.0.1", "localhost")


def check_address(text: str) -> None:
    """ValidationError unless people may be sent there: https, a host, and nothing that reads in two ways.

    Only where this site itself is reached by http (demo, tests) may another one on the same machine be.
    """
    try:
        parts = urlsplit(text)
        is_whole = bool(parts.hostname) and parts.port != 0
    except ValueError:
        raise ValidationError(_("“%(text)s” is not an address.") % {"text": text}) from None
    is_near = parts.scheme == "http" and parts.hostname in _OWN_MACHINE
    if parts.scheme != "https" and not (is_near and not settings.SITE_URL.startswith("https://")):
        raise ValidationError(_("“%(text)s” must begin with https://.") % {"text": text})
    if not is_whole or "@" in parts.netloc or not _LETTERS.fullmatch(text) or len(text) > MAX_LENGTH:
        raise ValidationError(
            _("“%(text)s” must be one whole address, without user, wildcard or fragment.") % {"text": text}
        )


class AddressesField(forms.CharField):
    """Addresses, one a line; their list is the value."""

    def __init__(self, **options: Any) -> None:
        look = {"rows": 3, "spellcheck": "false", "class": " ".join(TEXTAREA_CLASSES)}
        super().__init__(widget=forms.Textarea(attrs=look), **options)

    def clean(self, value: Any) -> list[str]:
        addresses = super().clean(value).split()
        if len(addresses) > MAX_ADDRESSES:
            raise ValidationError(_("At most %(most)s addresses.") % {"most": MAX_ADDRESSES})
        for address in addresses:
            check_address(address)
        return list(dict.fromkeys(addresses))


class BrandSiteForm(ModelForm):
    """A site, with what stands in its client."""

    redirect_uris = AddressesField(
        label=_("addresses after signing in"),
        help_text=_("One a line, each to the letter as the site sends it, beginning with https://."),
    )
    sign_out_uris = AddressesField(
        label=_("addresses after signing out"),
        required=False,
        help_text=_("One a line. Without any, people stay here after signing out."),
    )
    learns_email = forms.BooleanField(
        label=_("may ask for the e-mail address"),
        required=False,
        help_text=_("The member is asked before the site learns it."),
    )

    class Meta:
        model = BrandSite
        fields = ("brand", "name", "is_open")
        field_classes = {"name": PlainLineField}

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        if self.instance.pk and "redirect_uris" in self.fields:
            client = self.instance.client
            self.initial = dict(self.initial) | {
                "redirect_uris": "\n".join(client.get_redirect_uris()),
                "sign_out_uris": "\n".join(client.get_post_logout_redirect_uris()),
                "learns_email": "email" in client.get_scopes(),
            }
