"""Where each door stands."""

from django.contrib import admin
from django.urls import include, path

from redemption_site.views.language import switch_language

urlpatterns = [
    path("admin/", include("config.staff.urls")),
    path("admin/", admin.site.urls),
    path("api/v1/", include("config.api.urls")),
    path("api/docs/", include("config.api.docs")),
    path("language/", switch_language, name="set_language"),
    path("", include("redemption_site.urls")),
]

# In the shape of the API below its address, as pages elsewhere.
handler400 = "config.api.handlers.bad_request"
handler403 = "redemption_site.views.errors.permission_denied"
handler404 = "config.api.handlers.page_not_found"
handler500 = "config.api.handlers.server_error"
