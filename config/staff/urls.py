"""Addresses of the staff's sign-in, below that of the admin."""

from django.urls import path

from config.staff import views
from config.staff.invitation import accept, open_link
from config.staff.new_password import NewPassword
from config.staff.sign_in import StaffSignIn

urlpatterns = [
    path("invitation/<str:token>/", open_link, name="staff_invitation_link"),
    path("invitation/", accept, name="staff_invitation"),
    path("new-password/<uidb64>/<token>/", NewPassword.as_view(), name="staff_new_password"),
    path("login/", StaffSignIn.as_view(), name="staff_sign_in"),
    path("second-factor/", views.check, name="staff_check"),
    path("second-factor/set-up/", views.set_up, name="staff_set_up"),
    path("second-factor/sign-ins/", views.sign_ins_page, name="staff_sign_ins"),
    path("second-factor/mine/", views.factors_page, name="staff_factors"),
    path("second-factor/mine/<int:factor_id>/remove/", views.remove, name="staff_factor_remove"),
    path("second-factor/recovery-codes/", views.renew_codes, name="staff_renew_codes"),
]
