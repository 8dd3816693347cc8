"""Addresses of the pages that members see. Of allauth's own pages only those that are needed are here."""

from django.urls import path, re_path

from redemption_site.views import claims, pages, sign_in, wallet

urlpatterns = [
    path("", pages.landing, name="landing"),
    path("c/<slug:slug>/", pages.campaign, name="campaign"),
    path("claim/", claims.claim, name="claim"),
    path("claimed/<int:serial_number>/", claims.claimed, name="claimed"),
    path("wallet/", wallet.wallet, name="wallet"),
    path("wallet/<slug:program>/history/", wallet.history, name="history"),
    # allauth looks for both names.
    path("sign-in/", sign_in.SignInView.as_view(), name="account_request_login_code"),
    path("sign-in/", sign_in.SignInView.as_view(), name="account_login"),
    path("sign-in/code/", sign_in.SignInCodeView.as_view(), name="account_confirm_login_code"),
    path("sign-in/refused/", sign_in.RefusedView.as_view(), name="account_inactive"),
    path("sign-out/", sign_in.SignOutView.as_view(), name="account_logout"),
    re_path(r"^theme/(?P<colour>[0-9a-f]{6})\.css$", pages.theme, name="theme"),
    re_path(r"^media/logos/(?P<name>[0-9a-f]{32})\.png$", pages.logo, name="logo"),
]
