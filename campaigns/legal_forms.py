"""What marketers type of a campaign's legal form: what each form asks for, and what goes with what."""

import json
from typing import Any, cast

from django import forms
from django.utils.functional import Promise
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from campaigns.legal import LegalForm, Tie
from campaigns.legal_models import LEGAL_FIELDS, NOT_STATED
from campaigns.models import Campaign

_EACH = tuple(LegalForm)
_LOTTERIES = (LegalForm.LOTTERY, LegalForm.JOINT_LOTTERY)
_TIED = (LegalForm.TO_ALL, *_LOTTERIES)

# Of which forms each input is asked; of others it is as if nobody had said anything.
ASKED_OF: dict[str, tuple[LegalForm, ...]] = {
    "tie": (*_TIED, LegalForm.OPEN),
    "tied_price_yen": (*_TIED, LegalForm.OPEN),
    "planned_sales_yen": _LOTTERIES,
    "joint_kind": (LegalForm.JOINT_LOTTERY,),
    "joint_parties": (LegalForm.JOINT_LOTTERY,),
    "is_by_chance": (LegalForm.TO_ALL, LegalForm.DISCOUNT),
    "collects_kinds": (*_TIED, LegalForm.OPEN),
    "points_used_at": (*_TIED, LegalForm.DISCOUNT, LegalForm.SOLD),
    "is_use_restricted": (LegalForm.DISCOUNT,),
    "is_mixed_with_premiums": (LegalForm.DISCOUNT,),
    "asks_for_posts": _EACH,
    "shows_advertisement": _EACH,
    "industry": _EACH,
    "least_age": _EACH,
    "has_guardian_consent": _EACH,
    "is_six_months_stated": (LegalForm.SOLD,),
    "prepaid_registration": (LegalForm.SOLD,),
}
# And only if another input says so.
ASKED_WITH: dict[str, tuple[str, str]] = {
    "tied_price_yen": ("tie", Tie.PURCHASE),
    "shows_advertisement": ("asks_for_posts", "on"),
}

HELP_TEXTS: dict[str, Promise] = {
    "legal_form": _(
        "What the campaign is by Japanese law. No order can be submitted before it is stated. Not sure? Ask "
        "counsel: the check below an order counts, it gives no legal advice."
    ),
    "tie": _(
        "取引付随性: what the codes are tied to. A visit, or any purchase, counts as a price of 100 yen."
    ),
    "tied_price_yen": _("取引価額: what somebody pays at least to get one code, tax included."),
    "planned_sales_yen": _(
        "売上予定総額: of the goods that the codes are tied to, while the campaign runs; of a joint lottery, "
        "those of all who take part."
    ),
    "joint_kind": _("A joint lottery is held by a considerable part of these."),
    "points_used_at": _("Points that are good at other brands, or can be exchanged, count as a premium."),
    "is_mixed_with_premiums": _("For example: 500 points or a mug."),
    "asks_for_posts": _("A post, a review, a photograph with a hashtag: anything that others read."),
    "industry": _("What the codes are given with, if it is one of these."),
    "least_age": _("0: everybody. The members' page and the conditions have to say it."),
    "has_guardian_consent": _("保護者の同意: the conditions of participation have to ask for it, too."),
    "is_six_months_stated": _(
        "Exempt from the law on prepaid means of payment, if it is stated to buyers and the claim window and "
        "the life of the points keep it. A window that is prolonged later voids it."
    ),
    "prepaid_registration": _(
        "Needed before the first code is sold, if points are good at other companies and the exemption is "
        "not stated."
    ),
}

INTRODUCTION = _(
    "What the legal check of each order goes by. It knows the limits in numbers, says where a lawyer has to "
    "be asked, and is no legal advice. An edit takes orders that wait for approval back."
)


def mark_what_is_asked(form: forms.BaseForm) -> None:
    """Let the page know which inputs to show for which form."""
    if "legal_form" in form.fields:
        field = cast(forms.ChoiceField, form.fields["legal_form"])
        field.choices = [("", _("not stated yet")), *LegalForm.choices]
        field.widget.attrs["data-asked-of"] = json.dumps(ASKED_OF)
        field.widget.attrs["data-asked-with"] = json.dumps(ASKED_WITH)
    for name in LEGAL_FIELDS:
        if name in form.fields:
            form.fields[name].required = False  # what has to be there depends on the form


def clean_statement(form: forms.BaseForm, cleaned: dict[str, Any], campaign: Campaign) -> None:
    """Put right what goes with the stated form, and tell what is missing. Left out as a whole, the statement
    stays as it is.
    """
    if "legal_form" not in form.fields:
        return
    if form.add_prefix("legal_form") not in form.data:
        cleaned.update({name: getattr(campaign, name) for name in LEGAL_FIELDS})
        return
    stated = cleaned.get("legal_form") or ""
    for name in ASKED_OF:
        is_asked = _is_asked(name, stated, cleaned)
        if not is_asked:
            form.errors.pop(name, None)
        if name not in form.errors and (not is_asked or cleaned.get(name) in (None, "")):
            cleaned[name] = NOT_STATED[name]
    if stated in _LOTTERIES:
        cleaned["is_by_chance"] = True
    for name, words in _missing(stated, cleaned).items():
        if name not in form.errors:
            form.add_error(name, words)


def _is_asked(name: str, stated: str, cleaned: dict[str, Any]) -> bool:
    source, wanted = ASKED_WITH.get(name, ("", ""))
    given = "on" if cleaned.get(source) is True else cleaned.get(source)
    return stated in ASKED_OF[name] and (not source or given == wanted)


def _missing(stated: str, cleaned: dict[str, Any]) -> dict[str, str]:
    """What the form needs and has not: words by field."""
    lacks: dict[str, str] = {}
    if stated in _TIED and cleaned.get("tie") == Tie.NONE:
        lacks["tie"] = gettext(
            "This form is tied to a purchase or a visit. If nothing ties it, state オープン懸賞 instead."
        )
    if cleaned.get("tie") == Tie.PURCHASE and cleaned.get("tied_price_yen") is None:
        lacks["tied_price_yen"] = gettext("Enter the lowest price: the limits are reckoned from it.")
    if stated in _LOTTERIES and cleaned.get("planned_sales_yen") is None:
        lacks["planned_sales_yen"] = gettext(
            "Enter the planned sales: all prizes together are a share of them."
        )
    if stated == LegalForm.JOINT_LOTTERY and not cleaned.get("joint_kind"):
        lacks["joint_kind"] = gettext("Say who holds it jointly.")
    if stated == LegalForm.JOINT_LOTTERY and cleaned.get("joint_parties") is None:
        lacks["joint_parties"] = gettext("Enter how many businesses hold it, at least two.")
    return lacks
