"""The form of an alert setting."""

from typing import TYPE_CHECKING, Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from campaigns.alert_models import AlertRule
from campaigns.alert_rules import BOUNDS, kind_of_brand
from campaigns.wording import number

if TYPE_CHECKING:
    RuleFormBase = forms.ModelForm[AlertRule]
else:
    RuleFormBase = forms.ModelForm


class AlertRuleForm(RuleFormBase):
    """A threshold within the bounds of its kind; one setting per brand and kind."""

    class Meta:
        model = AlertRule
        fields = ("brand", "kind", "threshold", "is_mailed")
        help_texts = {
            "threshold": gettext_lazy(
                "Percent for what runs short, days for what comes near, and for unusually many claims how"
                " many times the usual deviation."
            ),
            "is_mailed": gettext_lazy(
                "Once per alert, to those in charge. Each person can turn mails off on the page of alerts."
            ),
        }

    def clean(self) -> dict[str, Any]:
        """The kind is that of the row, if it is not asked for."""
        found = super().clean() or {}
        kind = kind_of_brand(found.get("kind") or self.instance.kind)
        threshold = found.get("threshold")
        if kind is not None and threshold is not None:
            least, most = BOUNDS[kind]
            if not least <= threshold <= most:
                words = {"least": number(least), "most": number(most)}
                self.add_error("threshold", _("From %(least)s to %(most)s, for this kind.") % words)
        return found
