"""Brand sites in the admin. Superusers keep them; everybody else sees those of their own brands."""

from typing import Any

import allauth.idp.oidc.admin  # noqa: F401  # registers its own, which are taken out below
from allauth.idp.oidc.models import Client, Token
from django.contrib import admin
from django.db.models import ForeignKey
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache

from parties import access, site_services
from parties.scoped_admin import ScopedAdmin
from parties.site_forms import BrandSiteForm
from parties.site_models import BrandSite

# A client's addresses and a member's tokens have one way in, and it goes through a brand.
admin.site.unregister([Client, Token])


@admin.register(BrandSite)
class BrandSiteAdmin(ScopedAdmin):
    """Where members may take their identity to: it decides who learns their number and address."""

    form = BrandSiteForm
    reach = access.reachable_brand_sites
    keeps_people = True
    list_display = ("name", "brand", "id_at_the_site", "is_open")
    list_filter = ("is_open",)
    search_fields = ("name", "client__id")
    list_select_related = ("brand",)
    change_form_template = "parties/site_form.html"

    class Media:
        css = {"all": ("parties/admin.css",)}

    def get_fields(self, request: HttpRequest, obj: BrandSite | None = None) -> tuple[str, ...]:
        if obj is not None and not self.has_change_permission(request, obj):
            return ("brand", "name", "id_at_the_site", "is_open", "addresses")
        asked = ("redirect_uris", "sign_out_uris", "learns_email")
        return (
            ("brand", "name", *asked)
            if obj is None
            else ("brand", "name", "id_at_the_site", "is_open", *asked)
        )

    def get_readonly_fields(self, request: HttpRequest, obj: BrandSite | None = None) -> tuple[str, ...]:
        return () if obj is None else ("brand", "id_at_the_site", "addresses")

    def formfield_for_foreignkey(
        self, db_field: "ForeignKey[Any, Any]", request: HttpRequest, **kwargs: Any
    ) -> Any:
        kwargs["queryset"] = access.reachable_brands(request.user)
        return super().formfield_for_foreignkey(db_field, request, **kwargs)

    def get_urls(self) -> list[URLPattern]:
        secret = never_cache(self.admin_site.admin_view(self.secret))
        return [path("<int:site_id>/secret/", secret, name="parties_brandsite_secret"), *super().get_urls()]

    def save_model(self, request: HttpRequest, obj: BrandSite, form: Any, change: bool) -> None:
        if change:
            super().save_model(request, obj, form, change)
        else:
            made = site_services.add_site(brand=obj.brand, name=obj.name, at=timezone.now())
            obj.pk, obj.client = made.pk, made.client
        site_services.set_addresses(
            site=obj,
            redirect_uris=form.cleaned_data["redirect_uris"],
            sign_out_uris=form.cleaned_data["sign_out_uris"],
            learns_email=form.cleaned_data["learns_email"],
        )

    def secret(self, request: HttpRequest, site_id: int) -> HttpResponse:
        """A new secret, shown once, after the question whether it is meant."""
        site: BrandSite = self.get_object(request, str(site_id))
        if not self.has_change_permission(request, site):
            raise Http404
        context = {
            **self.admin_site.each_context(request),
            "title": _("Secret of %(site)s") % {"site": site.name},
            "opts": self.opts,
            "site": site,
            "has_one": bool(site.secret_digest),
        }
        if request.method == "POST":
            context["secret"] = site_services.renew_secret(site_id=site.pk, at=timezone.now())
            self.log_change(request, site, _("A new secret was made."))
        return TemplateResponse(request, "parties/site_secret.html", context)

    @admin.display(description=gettext_lazy("client ID"))
    def id_at_the_site(self, site: BrandSite) -> str:
        return str(site.client_id)

    @admin.display(description=gettext_lazy("addresses after signing in"))
    def addresses(self, site: BrandSite) -> str:
        return "\n".join(site.client.get_redirect_uris())
