"""Where each door stands."""

from django.contrib import admin
from django.urls import include, path

from redemption_site.views.language import switch_language

urlpatterns = [
    path("admin/", admin.site.urls),
    path("language/", switch_language, name="set_language"),
    path("", include("redemption_site.urls")),
]

handler400 = "redemption_site.views.errors.bad_request"
handler403 = "redemption_site.views.errors.permission_denied"
handler404 = "redemption_site.views.errors.page_not_found"
handler500 = "redemption_site.views.errors.server_error"
