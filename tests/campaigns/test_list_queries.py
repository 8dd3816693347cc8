"""No list of the admin asks the database more often because it is longer: the addresses are read from the
models, the rows are those of the tests of scopes, three times over.
"""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from parties.models import User
from tests.campaigns import promos
from tests.campaigns.pages import signed_in
from tests.campaigns.test_every_admin_address import models
from tests.campaigns.test_scopes import rows_of
from tests.campaigns.test_words_of_admin import people

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("noon")]
MOST = 60  # of any list, with its sidebar


def queries_of(people: list[User]) -> dict[str, int]:
    """How many each list takes, for the first of the people who may see it."""
    found: dict[str, int] = {}
    for client in [signed_in(person) for person in people]:
        for model in models().values():
            address = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")
            if address in found:
                continue
            with CaptureQueriesContext(connection) as queries:
                if client.get(address).status_code == 200:
                    found[address] = len(queries)
    return found


def test_a_longer_list_takes_no_more_queries() -> None:
    team = promos.team()
    rows_of(team)
    staff = people(team)
    signed_in(staff[0]).get(reverse("admin:index"))  # what is looked up once per process is known now
    before = queries_of(staff)
    for _ in range(2):
        rows_of(promos.team())
    assert queries_of(staff) == before
    assert max(before.values()) <= MOST
    assert len(before) > 40
