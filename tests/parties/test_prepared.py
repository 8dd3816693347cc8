"""A prepared query gives what the ORM gives, for whatever value, with no further question."""

import pytest
from django.db.models import QuerySet
from django.db.models.functions import Now
from pytest_django import DjangoAssertNumQueries

from ledger.statements import run_prepared
from parties.api_models import ApiKey
from parties.prepared import PreparedQuery, Run, by_cursor
from tests import make
from tests.api.partner import Partner, api_client

pytestmark = pytest.mark.django_db


def keys(prefix: str) -> QuerySet[ApiKey]:
    return ApiKey.objects.select_related("client__brand__program").annotate(now=Now()).filter(prefix=prefix)


@pytest.mark.parametrize("run", [by_cursor, run_prepared])
def test_it_gives_the_same_rows_as_the_query(
    run: Run, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    prepared: PreparedQuery[ApiKey] = PreparedQuery(lambda: keys(""))
    first = Partner(api_client(make.brand()), addresses=["203.0.113.0/24"]).key
    second = Partner(api_client(make.brand())).key
    for key in (first, second, first):
        [found] = prepared.rows(key.prefix, run=run)
        kept = ApiKey.objects.select_related("client__brand__program").get(pk=key.pk)
        with django_assert_num_queries(0):
            for mine, its in (
                (found, kept),
                (found.client, kept.client),
                (found.client.brand, kept.client.brand),
                (found.client.brand.program, kept.client.brand.program),
            ):
                fields = [field.attname for field in its._meta.concrete_fields]
                assert [getattr(mine, name) for name in fields] == [getattr(its, name) for name in fields]
        assert vars(found)["now"].tzinfo is not None


def test_it_sees_what_has_changed_since() -> None:
    prepared: PreparedQuery[ApiKey] = PreparedQuery(lambda: keys(""))
    key = Partner(api_client(make.brand())).key
    assert prepared.rows(key.prefix)[0].client.disabled_at is None
    assert prepared.rows("nobody's") == []
    type(key.client).objects.filter(pk=key.client_id).update(disabled_at=key.created_at)
    assert prepared.rows(key.prefix)[0].client.disabled_at == key.created_at
