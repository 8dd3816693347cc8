"""What members let brand sites learn, as of now."""

from django.db.models import OuterRef, QuerySet, Subquery

from parties.models import Member
from parties.site_models import BrandSite, SiteConsent


def scopes_agreed(*, member: Member, site: BrandSite) -> frozenset[str]:
    """What the member lets the site learn: scopes of the newest consent, nothing without one."""
    rows = SiteConsent.objects.filter(member=member, site=site).order_by("-pk")
    return frozenset((rows.values_list("scopes", flat=True).first() or "").split())


def connected_sites(member: Member) -> QuerySet[SiteConsent]:
    """The consents that stand, newest first, one for each site, with the site and its brand."""
    newest = (
        SiteConsent.objects.filter(member=OuterRef("member"), site=OuterRef("site"))
        .order_by("-pk")
        .values("pk")[:1]
    )
    rows = SiteConsent.objects.filter(member=member, pk=Subquery(newest)).exclude(scopes="")
    return rows.select_related("site__brand").order_by("-pk")
