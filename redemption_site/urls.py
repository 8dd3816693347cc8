"""Addresses of the pages that members see. Of allauth's own pages only those that are needed are here."""

from django.urls import path, re_path

from redemption_site.views import (
    account,
    claims,
    connected_sites,
    pages,
    sign_in,
    single_sign_on,
    sso_machines,
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
    path("account/connected-sites/", explained(connected_sites.connected_sites), name="connected_sites"),
    path(
        "account/connected-sites/<int:site_id>/withdraw/",
        explained(connected_sites.withdraw),
        name="withdraw_from_site",
    ),
    # allauth looks for both names.
    path("sign-in/", explained(sign_in.SignInView.as_view()), name="account_request_login_code"),
    path("sign-in/", explained(sign_in.SignInView.as_view()), name="account_login"),
    path("sign-in/code/", explained(sign_in.SignInCodeView.as_view()), name="account_confirm_login_code"),
    path("sign-in/refused/", explained(sign_in.RefusedView.as_view()), name="account_inactive"),
    path("sign-out/", explained(sign_in.SignOutView.as_view()), name="account_logout"),
    re_path(r"^theme/(?P<colour>[0-9a-f]{6})\.css$", explained(pages.theme), name="theme"),
    re_path(r"^media/logos/(?P<name>[0-9a-f]{32})\.png$", explained(pages.logo), name="logo"),
    # Single sign-on for brands' sites: for people, then for their servers.
    path("sso/authorize/", explained(single_sign_on.authorize), name="sso_authorize"),
    path("sso/decide/", explained(single_sign_on.decide), name="sso_decide"),
    path("sso/continue/", explained(single_sign_on.go_on), name="sso_continue"),
    path("sso/declined/", explained(single_sign_on.declined), name="sso_declined"),
    path("sso/sign-out/", explained(single_sign_on.sign_out), name="sso_sign_out"),
    path("sso/signed-out/", explained(single_sign_on.signed_out), name="sso_signed_out"),
    path(".well-known/openid-configuration", sso_machines.configuration, name="sso_configuration"),
    path("sso/keys/", sso_machines.keys, name="sso_keys"),
    path("sso/token/", sso_machines.token, name="sso_token"),
    path("sso/userinfo/", sso_machines.userinfo, name="sso_userinfo"),
    path("sso/revoke/", sso_machines.revoke, name="sso_revoke"),
]
