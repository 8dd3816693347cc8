"""How the admin looks: the settings of django-unfold, for `config.settings`."""

from typing import Any

from django.templatetags.static import static
from django.urls import reverse_lazy
from django.utils.translation import gettext_lazy as _

UNFOLD: dict[str, Any] = {
    "SITE_TITLE": "Tokuten",
    "SITE_HEADER": "Tokuten",
    "SITE_SYMBOL": "redeem",
    "SITE_URL": reverse_lazy("landing"),
    "SITE_FAVICONS": [
        {"rel": "icon", "type": "image/svg+xml", "href": lambda _request: static("redemption_site/icon.svg")}
    ],
    "SHOW_LANGUAGES": True,
    "ACCOUNT": {
        "navigation": [
            {"title": _("My second factors"), "link": reverse_lazy("staff_factors")},
            {"title": _("My sign-ins"), "link": reverse_lazy("staff_sign_ins")},
        ]
    },
    "STYLES": [lambda _request: static("parties/admin.css")],
    "SCRIPTS": [lambda _request: static("parties/admin.js")],
    "DASHBOARD_CALLBACK": "campaigns.desk.lay_out",
    "SIDEBAR": {"navigation": "config.navigation.sidebar"},
    # A calm blue green; the darker steps carry white text.
    "COLORS": {
        "primary": {
            "50": "oklch(97.5% .012 220)",
            "100": "oklch(94.5% .025 220)",
            "200": "oklch(89.5% .045 220)",
            "300": "oklch(82% .075 220)",
            "400": "oklch(72% .1 220)",
            "500": "oklch(60% .1 222)",
            "600": "oklch(50% .088 224)",
            "700": "oklch(43% .075 225)",
            "800": "oklch(37% .062 226)",
            "900": "oklch(31% .05 227)",
            "950": "oklch(23% .038 228)",
        }
    },
}
