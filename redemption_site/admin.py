"""django-allauth's tables are not for the admin: they hold ways in, and providers come from the settings."""

import allauth.mfa.admin
import allauth.socialaccount.admin  # noqa: F401  # both register; after that the tables can be taken out
from allauth.mfa.models import Authenticator
from allauth.socialaccount.models import SocialAccount, SocialApp, SocialToken
from django.contrib import admin

admin.site.unregister([Authenticator, SocialAccount, SocialApp, SocialToken])
