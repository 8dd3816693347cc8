"""Addresses of the pages that members see. Of allauth's own pages only those that are needed are here."""

from django.urls import path, re_path

from redemption_site.views import (
    account,
    claims,
    consents,
    language,
    leaving,
    opt_out,
    pages,
    sign_in,
    wallet,
)
from redemption_site.views.errors import explained

urlpatterns = [
    path("", explained(pages.landing), name="landing"),
    path("c/<slug:slug>/", explained(pages.campaign), name="campaign"),
    path("claim/", explained(claims.claim), name="claim"),
    path("claimed/<int:serial_number>/", explained(claims.claimed), name="claimed"),
    path("wallet/", explained(wallet.wallet), name="wallet"),
    path("wallet/<slug:program>/history/", explained(wallet.history), name="history"),
    path("account/", explained(account.account), name="account"),
    path("account/consents/", explained(consents.consents), name="consents"),
    path("account/language/", explained(language.language), name="language"),
    path("account/close/", explained(leaving.close), name="close"),
    path("account/close/confirm/", explained(leaving.confirm), name="close_confirm"),
    path("account/close/sign-in/", explained(leaving.sign_in_again), name="close_sign_in"),
    path("closed/", explained(leaving.closed), name="closed"),
    path("notices/stop/<str:token>/", explained(opt_out.stop), name="stop_notices"),
    # allauth looks for both names.
    path("sign-in/", explained(sign_in.SignInView.as_view()), name="account_request_login_code"),
    path("sign-in/", explained(sign_in.SignInView.as_view()), name="account_login"),
    path("sign-in/code/", explained(sign_in.SignInCodeView.as_view()), name="account_confirm_login_code"),
    path("sign-in/refused/", explained(sign_in.RefusedView.as_view()), name="account_inactive"),
    path("sign-out/", explained(sign_in.SignOutView.as_view()), name="account_logout"),
    re_path(r"^theme/(?P<colour>[0-9a-f]{6})\.css$", explained(pages.theme), name="theme"),
    re_path(r"^media/logos/(?P<name>[0-9a-f]{32})\.png$", explained(pages.logo), name="logo"),
]
