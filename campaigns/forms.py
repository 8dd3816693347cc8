"""What people type about campaigns, orders and deposits: parsed, made plain, and told about while it can be
mended.
"""

import uuid
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from django import forms
from django.apps import apps
from django.core.exceptions import ValidationError
from django.core.files.uploadedfile import UploadedFile
from django.core.validators import RegexValidator
from django.utils.translation import gettext_lazy as _

from campaigns import heroes, legal_forms, logos, markdown, pictures, queries
from campaigns.conditions_models import ConditionsVersion
from campaigns.legal_models import LEGAL_FIELDS, MAX_AGE, MAX_PARTIES, MAX_YEN
from campaigns.models import Campaign, Deposit, KnownBy
from campaigns.sandbox import RESERVED
from ledger.models import MAX_POINTS
from parties.forms import MarkedTextField, PeriodEndField, PeriodStartField, PlainLineField, PlainTextField
from parties.periods import period_text

if TYPE_CHECKING:
    ModelForm = forms.ModelForm[Any]
else:
    ModelForm = forms.ModelForm

if apps.is_installed("unfold"):
    from unfold.widgets import COLOR_CLASSES
else:
    COLOR_CLASSES = ["vColorField"]


MAX_LIMIT_PER_MEMBER = 32_767  # what its column holds in PostgreSQL


def whole_number(least: int, most: int) -> Callable[..., forms.IntegerField]:
    """A field class with bounds of its own: a column's are wider, and would be told first."""

    def field(**options: Any) -> forms.IntegerField:
        return forms.IntegerField(**options | {"min_value": least, "max_value": most})

    return field


class PageAddressField(forms.SlugField):
    """The end of a page's address; underscores and capitals would be mistyped from paper."""

    default_validators = [
        RegexValidator(
            r"^[a-z0-9]+(-[a-z0-9]+)*\Z", _("Use small letters, digits and single hyphens between them.")
        )
    ]


class ColourField(forms.CharField):
    """A colour as browsers send it, in small letters."""

    default_validators = [
        RegexValidator(r"^#[0-9a-f]{6}\Z", _("Enter a colour as # and six hexadecimal digits."))
    ]

    def to_python(self, value: Any) -> str | None:
        text = super().to_python(value)
        return text.lower() if text else text


class ColourInput(forms.TextInput):
    """The browser's own control for a colour."""

    input_type = "color"

    def __init__(self) -> None:
        super().__init__(attrs={"class": " ".join(COLOR_CLASSES)})


class LogoField(forms.ImageField):
    """A picture that is decoded and written anew before it is kept."""

    default_error_messages = {
        "size": _("The file is too large. Choose a picture of at most 1 MB and 25 megapixels."),
        "format": _("This is no PNG, JPEG, WebP or GIF picture."),
    }

    def to_python(self, data: Any) -> Any:
        if not isinstance(data, UploadedFile):
            return data or None
        try:
            return logos.clean_logo(data)
        except pictures.NotAPicture as refusal:
            raise ValidationError(self.error_messages[refusal.code], code=refusal.code) from refusal


class HeroField(forms.ImageField):
    """The picture over the page; what is kept are two crops of it."""

    default_validators = []  # the file is judged by what is in it, never by its name
    default_error_messages = {
        "size": _("The file is too large. Choose a picture of at most 10 MB and 25 megapixels."),
        "format": _("This is no PNG, JPEG, WebP or GIF picture."),
        "small": _("This picture would look blurred. Choose one of at least 1280 × 400 pixels."),
        "detail": _(
            "This picture has so much fine detail that it would load slowly on a telephone. Choose a "
            "calmer one, or one that is less grainy."
        ),
    }

    def to_python(self, data: Any) -> Any:
        if not isinstance(data, UploadedFile):
            return data or None
        try:
            return heroes.clean_hero(data)
        except pictures.NotAPicture as refusal:
            raise ValidationError(self.error_messages[refusal.code], code=refusal.code) from refusal


class PageTextField(MarkedTextField):
    """Markdown for a campaign's page."""

    default_error_messages = {
        "deep": _("Lists and quotes can stand in one another at most %(most)s deep."),
    }

    def validate(self, value: Any) -> None:
        super().validate(value)
        if markdown.depth_of(value or "") > markdown.MOST_DEPTH:
            most = {"most": markdown.MOST_DEPTH}
            raise ValidationError(self.error_messages["deep"], code="deep", params=most)


_HOW_TO_MARK = _(
    "Line breaks are kept. “**today**” is bold, a line that begins with “- ” is part of a list, and "
    "“[our shops](https://example.com/shops)” is a link."
)


class CampaignForm(ModelForm):
    """A campaign. Its period can't be cut below what approved orders promise."""

    class Meta:
        model = Campaign
        fields = (
            "brand",
            "name",
            "slug",
            "starts_at",
            "ends_at",
            "limit_per_member",
            "known_by",
            *LEGAL_FIELDS,
            "title_ja",
            "text_ja",
            "title_en",
            "text_en",
            "colour",
            "logo",
            "hero_wide",
            "is_hero_decorative",
            "hero_alt_ja",
            "hero_alt_en",
        )
        field_classes = {
            "name": PlainLineField,
            "slug": PageAddressField,
            "limit_per_member": whole_number(1, MAX_LIMIT_PER_MEMBER),
            "tied_price_yen": whole_number(1, MAX_YEN),
            "planned_sales_yen": whole_number(1, MAX_YEN),
            "joint_parties": whole_number(2, MAX_PARTIES),
            "least_age": whole_number(0, MAX_AGE),
            "prepaid_registration": PlainLineField,
            "colour": ColourField,
            "title_ja": PlainLineField,
            "title_en": PlainLineField,
            "text_ja": PageTextField,
            "text_en": PageTextField,
            "hero_wide": HeroField,
            "hero_alt_ja": PlainLineField,
            "hero_alt_en": PlainLineField,
            "starts_at": PeriodStartField,
            "ends_at": PeriodEndField,
            "logo": LogoField,
        }
        widgets = {
            "starts_at": PeriodStartField.widget,
            "ends_at": PeriodEndField.widget,
            "colour": ColourInput,
        }
        help_texts = {
            **legal_forms.HELP_TEXTS,
            "name": _("For your own lists; members don't see it."),
            "slug": _(
                "Small letters, digits and hyphens: the end of the page's address, for example spring-2027."
            ),
            "starts_at": _("Japan time."),
            "ends_at": _(
                "Japan time; the last minute that is still part of the campaign, for example 23:59."
            ),
            "limit_per_member": _("How many codes of this campaign one member may claim. Empty: no limit."),
            "known_by": _(
                "Holds from the next page view on; codes and points given out stay as they are. Without a"
                " sign-in anybody can type any number: a limit per member then counts by number, and made-up"
                " numbers with a right check digit are taken."
            ),
            "title_en": _("Left empty, the English page shows the Japanese title."),
            "text_ja": _HOW_TO_MARK,
            "text_en": _HOW_TO_MARK,
            "logo": _(
                "PNG, JPEG, WebP or GIF, at most 1 MB. It is scaled down to 512 pixels, or to less if it "
                "would weigh more than 20 kB."
            ),
            "hero_wide": _(
                "A photograph or drawing of at least 1280 × 400 pixels, at most 10 MB. Its middle is shown: "
                "1280 × 400 on desktops, 720 × 360 on telephones. No text stands on it, and it should hold "
                "none."
            ),
            "is_hero_decorative": _("Screen readers pass it over, and it needs no description."),
            "hero_alt_ja": _(
                "What can be seen on it, for people who can't see it, for example: “Freshly baked bread on a "
                "wooden table”."
            ),
            "hero_alt_en": _("Left empty, the English page has the Japanese description."),
            "colour": _("Any colour: the text on it and in it is made readable. Below is what members see."),
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "known_by" in self.fields:
            self.fields["known_by"].required = False  # left out, it stays as it is
        legal_forms.mark_what_is_asked(self)

    def clean_slug(self) -> str:
        """Addresses of sandboxes are theirs, or a sandbox that is opened later would find its own taken."""
        slug: str = self.cleaned_data["slug"]
        if slug.startswith(RESERVED) and slug != self.instance.slug:
            raise ValidationError(
                _("Only pages of sandboxes have an address that begins with “%(start)s”.")
                % {"start": RESERVED}
            )
        return slug

    def clean_known_by(self) -> str:
        known_by: str = self.cleaned_data["known_by"] or self.instance.known_by
        brand = self.instance.brand if self.instance.pk else self.cleaned_data.get("brand")
        if known_by == KnownBy.MEMBERSHIP_NUMBER and brand and not hasattr(brand, "number_pattern"):
            raise ValidationError(
                _(
                    "This brand has no pattern for membership numbers yet. Set it first, below people and"
                    " companies."
                )
            )
        return known_by

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        self._clean_hero(cleaned)
        legal_forms.clean_statement(self, cleaned, self.instance)
        starts_at, ends_at = cleaned.get("starts_at"), cleaned.get("ends_at")
        if starts_at is None or ends_at is None:
            return cleaned
        if ends_at <= starts_at:
            self.add_error("ends_at", _("The end has to be later than the beginning."))
            return cleaned
        promised = queries.promised_until(self.instance.pk) if self.instance.pk else None
        if promised is not None and (promised[0] < starts_at or promised[1] > ends_at):
            message = _(
                "Approved codes of this campaign can be claimed from %(window)s. The period has to "
                "contain that."
            )
            self.add_error("ends_at", ValidationError(message, params={"window": period_text(*promised)}))
        return cleaned

    def _clean_hero(self, cleaned: dict[str, Any]) -> None:
        """Both crops come and go together, and a picture is described unless it is mere decoration."""
        hero = cleaned.get("hero_wide")
        if isinstance(hero, heroes.Hero):
            cleaned["hero_wide"], self.instance.hero_narrow = hero.wide, hero.narrow
        elif hero is False:
            self.instance.hero_narrow = ""
        is_described = cleaned.get("hero_alt_ja") or cleaned.get("is_hero_decorative")
        if hero and not is_described and "hero_alt_ja" not in self.errors:
            message = _("Describe the picture for people who can't see it, or mark it as decoration.")
            self.add_error("hero_alt_ja", message)


class DepositForm(ModelForm):
    """What came in for a brand. The hidden number is made with the page, so that two clicks record one
    deposit.
    """

    form_number = forms.UUIDField(label="", widget=forms.HiddenInput, initial=uuid.uuid4)

    class Meta:
        model = Deposit
        fields = ("brand", "points", "reference")
        field_classes = {"points": whole_number(1, MAX_POINTS), "reference": PlainLineField}
        help_texts = {
            "reference": _(
                "What the payment can be found by, for example the number of the transfer. Once per brand."
            ),
        }

    def validate_constraints(self) -> None:
        """Left to the service: it knows a repeated form from a second payment with the same reference."""


class ConditionsForm(ModelForm):
    """The draft of the next version of a campaign's conditions."""

    class Meta:
        model = ConditionsVersion
        fields = ("text_ja", "text_en", "in_force_from")
        field_classes = {
            "text_ja": PlainTextField,
            "text_en": PlainTextField,
            "in_force_from": PeriodStartField,
        }
        widgets = {
            "text_ja": forms.Textarea(attrs={"class": "tk-input", "rows": 14}),
            "text_en": forms.Textarea(attrs={"class": "tk-input", "rows": 14}),
            "in_force_from": forms.DateTimeInput(
                attrs={"class": "tk-input", "type": "datetime-local", "step": "60"}, format="%Y-%m-%dT%H:%M"
            ),
        }
        help_texts = {
            "text_ja": _("Plain text; line breaks are kept."),
            "text_en": _("Left empty, the English page shows the Japanese text."),
            "in_force_from": _("Japan time. Left empty, it is in force as soon as it is published."),
        }

    def validate_constraints(self) -> None:
        """Left to the service, which fills in what this form does not have."""
