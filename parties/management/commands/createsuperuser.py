"""Django's own command, with a record in the audit log: the one door by which somebody is made without a
second person, for the first two superusers of an installation and for the day on which all are gone.
"""

from typing import Any

from django.contrib.auth.management.commands import createsuperuser

from parties import audit_log
from parties.models import User
from parties.staff_models import Act


class Command(createsuperuser.Command):
    def handle(self, *args: Any, **options: Any) -> None:
        known = set(User.objects.filter(is_superuser=True).values_list("pk", flat=True))
        super().handle(*args, **options)
        for made in User.objects.filter(is_superuser=True).exclude(pk__in=known):
            audit_log.record(Act.ADDED, by=None, subject=made, label="superuser", reason="createsuperuser")
