"""What people do here, and the languages that they are spoken to in."""

from django.db import models
from django.utils.translation import gettext_lazy as _


class Role(models.TextChoices):
    MARKETER = "marketer", _("marketer")
    APPROVER = "approver", _("approver")
    FINANCE = "finance", _("finance")
    SUPPORT = "support", _("support")
    AUDITOR = "auditor", _("auditor")


class Language(models.TextChoices):
    JAPANESE = "ja", _("Japanese")
    ENGLISH = "en", _("English")
