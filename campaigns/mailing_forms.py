"""The texts of a mailing, as a marketer writes them."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from campaigns.mailing_models import MAX_BODY, MAX_SUBJECT
from campaigns.models import Campaign
from campaigns.services.mailings import Wording
from parties.forms import PlainLineField, plain_text

_INPUT = {"class": "tk-input"}
FIRST_SUBJECT = "{{name}}様へ ポイントのプレゼントです"
FIRST_BODY = """{{name}} 様

いつもご利用ありがとうございます。
感謝をこめて {{points}} ポイントをお贈りします。
次のページを開いて、お受け取りください。

{{link}}

お受け取りの期限: {{last_day}}
"""


def _line(
    label: Any, most: int, *, required: bool = True, help_text: Any = "", lang: str = ""
) -> PlainLineField:
    widget = forms.TextInput(attrs=_INPUT | {"maxlength": str(most)} | ({"lang": lang} if lang else {}))
    return PlainLineField(label=label, max_length=most, required=required, help_text=help_text, widget=widget)


class BodyField(forms.CharField):
    """A text of paragraphs in that language, with nothing in it that can't be seen."""

    def __init__(self, *, lang: str, **options: Any) -> None:
        widget = forms.Textarea(attrs=_INPUT | {"rows": "12", "lang": lang})
        super().__init__(widget=widget, max_length=MAX_BODY, **options)

    def to_python(self, value: Any) -> str:
        return plain_text(super().to_python(value) or "")


class MailingForm(forms.Form):
    """Whether the texts can be mailed is said by the service."""

    campaign = forms.ModelChoiceField(
        Campaign.objects.none(),
        label=_("campaign"),
        widget=forms.Select(attrs=_INPUT),
        help_text=_("The gifts are drawn from this campaign's orders of gifts, and claimed on its page."),
    )
    title = _line(
        _("name of the mailing"), 60, help_text=_("For you and your colleagues. Nobody else sees it.")
    )
    subject_ja = _line(_("subject (Japanese)"), MAX_SUBJECT, lang="ja")
    body_ja = BodyField(label=_("text of the mail (Japanese)"), lang="ja")
    subject_en = _line(_("subject (English)"), MAX_SUBJECT, required=False, lang="en")
    body_en = BodyField(
        label=_("text of the mail (English)"),
        lang="en",
        required=False,
        help_text=_(
            "For rows of the list whose language is “en”. Leave subject and text empty if there are none."
        ),
    )
    sender_name = _line(
        _("sender"), 60, help_text=_("The name of the company. It stands in each mail, as the law asks.")
    )
    sender_address = _line(
        _("postal address of the sender"), 120, help_text=_("Stands below each mail, as the law asks.")
    )
    contact = _line(
        _("contact for questions"), 120, help_text=_("A telephone number, an e-mail address or a page.")
    )

    @property
    def wording(self) -> Wording:
        return Wording(*(self.cleaned_data[field] for field in Wording._fields))
