"""No list of the admin asks the database more often because it is longer: the addresses are read from the
models, the rows are those of the tests of scopes, three times over.
"""

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from tests.campaigns import promos
from tests.campaigns.pages import signed_in
from tests.campaigns.test_every_admin_address import models
from tests.campaigns.test_scopes import rows_of
from tests.campaigns.test_words_of_admin import people

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("noon")]
MOST = 60  # of any list, with its sidebar


def queries_of(client: Client) -> dict[str, int]:
    """How many each list takes that the person may see."""
    found = {}
    for model in models().values():
        address = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")
        with CaptureQueriesContext(connection) as queries:
            if client.get(address).status_code == 200:
                found[address] = len(queries)
    return found


def test_a_longer_list_takes_no_more_queries() -> None:
    team = promos.team()
    rows_of(team)
    clients = [signed_in(person) for person in people(team)]
    for client in clients:
        queries_of(client)  # what is looked up once per process is known from here on
    before = [queries_of(client) for client in clients]
    for _ in range(2):
        rows_of(promos.team())
    after = [queries_of(client) for client in clients]
    assert after == before
    assert max(max(each.values()) for each in before) <= MOST
    assert len(before[0]) > 35
