"""Other sites of the brands, that people sign in to with their account here, and who let which one learn
what.
"""

from allauth.idp.oidc.models import Client
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

SCOPES = ("openid", "email")


class BrandSite(models.Model):
    """A site of one brand that members sign in to with their account here (OpenID Connect).

    What the protocol asks for stands in its `client`: the addresses it may be answered at and the scopes. The
    secret is ours, as a digest; it is random and long, so a slow hash would only cost time at each sign-in.
    """

    brand = models.ForeignKey("parties.Brand", models.PROTECT, related_name="sites", verbose_name=_("brand"))
    client = models.OneToOneField(
        Client, models.PROTECT, related_name="brand_site", editable=False, verbose_name=_("client ID")
    )
    name = models.CharField(_("name"), max_length=80)
    is_open = models.BooleanField(_("members can sign in to it"), default=True)
    secret_digest = models.CharField(_("digest of the secret"), max_length=64, blank=True, editable=False)
    # Goes on for a day after a new one was made, so that the site can change over without an interruption.
    old_secret_digest = models.CharField(
        _("digest of the old secret"), max_length=64, blank=True, editable=False
    )
    old_secret_until = models.DateTimeField(_("old secret is valid until"), null=True, editable=False)
    created_at = models.DateTimeField(_("created at"), default=timezone.now, editable=False)

    class Meta:
        verbose_name = _("brand site")
        verbose_name_plural = _("brand sites")
        constraints = [
            models.UniqueConstraint(fields=["brand", "name"], name="parties_site_name_once_per_brand"),
            models.CheckConstraint(
                condition=Q(old_secret_digest="", old_secret_until=None)
                | (~Q(old_secret_digest="") & Q(old_secret_until__isnull=False)),
                name="parties_site_old_secret_ends",
            ),
        ]

    def __str__(self) -> str:
        return self.name


class SiteConsent(models.Model):
    """A member let a brand site learn `scopes`, or nothing any more (""), at one moment. The newest row of
    both counts; none is changed.
    """

    member = models.ForeignKey(
        "parties.Member", models.CASCADE, related_name="site_consents", verbose_name=_("member")
    )
    site = models.ForeignKey(BrandSite, models.PROTECT, related_name="consents", verbose_name=_("brand site"))
    scopes = models.CharField(_("what it may learn"), max_length=40, blank=True)
    given_at = models.DateTimeField(_("given at"))

    class Meta:
        verbose_name = _("consent to a brand site")
        verbose_name_plural = _("consents to brand sites")
        indexes = [models.Index(fields=["member", "site", "-id"], name="parties_site_consent_newest")]
        constraints = [
            models.CheckConstraint(
                condition=Q(scopes__in=["", "openid", "openid email"]), name="parties_site_consent_scopes"
            )
        ]

    def __str__(self) -> str:
        return f"{self.member} {self.site} {self.scopes or '-'}"
