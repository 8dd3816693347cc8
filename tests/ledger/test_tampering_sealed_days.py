"""T23: whatever is changed, removed or added in a sealed day is named, by whatever way it got there."""

import uuid
from collections.abc import Iterator
from datetime import datetime, timedelta
from io import StringIO
from pathlib import Path
from shutil import copytree
from typing import cast

import pytest
from django.core.management import CommandError, call_command
from django.db import models, transaction
from pytest_django.fixtures import Settings

from ledger import seal_audit, seals
from ledger.models import Account, Hold, Lot, LotUse, Posting, Transfer
from ledger.seal_audit import HEAD, ROW
from tests.ledger.sealed_days import (
    DAYS,
    LATER,
    SECOND,
    THIRD,
    Column,
    Rows,
    another,
    day_of,
    found,
    literal,
    named,
    seal,
    seal_folder,
    subject,
    two_programs,
    where,
)
from tests.make import NOON
from tests.tampering import dismiss_the_guards, past_the_guards

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _sealed(tmp_path: Path, settings: Settings) -> Iterator[None]:
    settings.SEALS_DIR = tmp_path / "seals"
    two_programs()
    seal(*DAYS)
    assert found() == []
    yield
    transaction.set_rollback(True)  # what hangs on nothing now must not be checked at the end


@pytest.mark.parametrize("model", seals.SEALED)
def test_a_changed_column_is_named_with_its_row(model: type[models.Model]) -> None:
    dismiss_the_guards()
    for column in seals.SEALED[model]:
        field = cast(Column, model._meta.get_field(column))
        keys = list(Rows(model).order_by("pk").values_list("pk", field.attname))
        assert len(keys) >= 2
        for pk, value in (keys[0], keys[len(keys) // 2], keys[-1]):
            day, changed = day_of(model, pk), another(field, value)
            with transaction.atomic():
                past_the_guards(
                    f"UPDATE {model._meta.db_table} SET {field.column} = {literal(changed)}"
                    f" WHERE {where(model, pk)}"
                )
                differences = found()
                transaction.set_rollback(True)
            assert HEAD in {one.check for one in differences}
            said = {one.subject: one.found for one in differences if one.check == ROW}
            expected = "it was removed" if field.primary_key else "it was changed"
            assert said.get(subject(model, pk, day)) == expected, (column, pk, value, changed, said)
    assert found() == []


@pytest.mark.parametrize("model", seals.SEALED)
def test_every_removed_row_is_named(model: type[models.Model]) -> None:
    dismiss_the_guards()
    for (pk,) in Rows(model).values_list("pk"):
        day = day_of(model, pk)
        with transaction.atomic():
            past_the_guards(f"DELETE FROM {model._meta.db_table} WHERE {where(model, pk)}")
            said = named()
            transaction.set_rollback(True)
        assert said == {subject(model, pk, day): "it was removed"}


def test_a_removed_tail_is_named_row_by_row() -> None:
    last = list(Transfer.objects.filter(posted_at__gte=seals.end_of(SECOND)).order_by("posted_at", "pk")[1:])
    gone = {subject(Transfer, row.pk, "2026-11-03") for row in last}
    for model in seals.DEPENDENTS:
        for row in Rows(model).filter(transfer__in=last):
            gone.add(subject(model, row.pk, "2026-11-03"))
            past_the_guards(f"DELETE FROM {model._meta.db_table} WHERE {where(model, row.pk)}")
    for transfer in last:
        past_the_guards(f"DELETE FROM ledger_transfer WHERE {where(Transfer, transfer.pk)}")

    assert named() == dict.fromkeys(gone, "it was removed")
    assert len(gone) >= 4


def test_a_row_that_is_moved_to_another_day_is_named() -> None:
    spend = Transfer.objects.get(key="spend:second")
    for moved in (NOON - timedelta(days=1), LATER, LATER + timedelta(days=30), NOON - timedelta(days=90)):
        with transaction.atomic():
            past_the_guards(
                f"UPDATE ledger_transfer SET posted_at = {literal(moved)} WHERE {where(Transfer, spend.pk)}"
            )
            assert named()[subject(Transfer, spend.pk, "2026-11-02")] == "it was changed"
            transaction.set_rollback(True)


def test_two_rows_that_changed_places_are_both_named() -> None:
    one, other = Posting.objects.filter(posted_at=NOON).order_by("pk")[:2]
    for posting, points in ((one, one.points + 1), (other, other.points - 1)):
        past_the_guards(f"UPDATE ledger_posting SET points = {points} WHERE id = {posting.pk}")

    assert named() == {subject(Posting, row.pk, "2026-11-02"): "it was changed" for row in (one, other)}


_COPY = "INSERT INTO {table} ({columns}) SELECT {columns} FROM {table} WHERE {where}"


@pytest.mark.parametrize("model", [Posting, LotUse])
def test_a_row_added_to_an_old_transfer_is_named(model: type[models.Model]) -> None:
    table = model._meta.db_table
    columns = ", ".join(column for column in seals.SEALED[model] if column != "id")
    old = Rows(model).order_by("pk")[0].pk
    day = day_of(model, old)
    past_the_guards(_COPY.format(table=table, columns=columns, where=f"id = {old}"))
    new = Rows(model).order_by("-pk")[0].pk

    assert named() == {subject(model, new, day): "it was added"}


def _add_transfer(moment: datetime) -> tuple[uuid.UUID, int]:
    """A transfer like an earlier spend, with its posting; gives back their ids."""
    new, old = uuid.uuid4(), Transfer.objects.get(key="spend:second")
    past_the_guards(
        "INSERT INTO ledger_transfer (id, key, reason, posted_at)"
        f" VALUES ({literal(new)}, 'late', 'spend', {literal(moment)})"
    )
    past_the_guards(
        "INSERT INTO ledger_posting (transfer_id, source_id, target_id, points, posted_at)"
        f" SELECT {literal(new)}, source_id, target_id, points, {literal(moment)} FROM ledger_posting"
        f" WHERE transfer_id = {literal(old.pk)}"
    )
    return new, Posting.objects.get(transfer=new).pk


@pytest.mark.parametrize("moment", [NOON, NOON + timedelta(hours=11), NOON - timedelta(days=400)])
def test_a_transfer_added_to_a_sealed_day_is_named_with_its_postings(moment: datetime) -> None:
    transfer, posting = _add_transfer(moment)

    day = "2026-11-01" if moment < NOON else "2026-11-02"
    assert named() == {
        subject(Transfer, transfer, day): "it was added",
        subject(Posting, posting, day): "it was added",
    }


def test_an_account_added_to_a_sealed_day_is_named() -> None:
    columns = "kind, label, brand_id, member_id, balance, floor, opened_at"
    past_the_guards(
        f"INSERT INTO ledger_account (program_id, {columns})"
        " SELECT program_id, kind, 'world:2', brand_id, member_id, balance, floor, opened_at"
        f" FROM ledger_account WHERE id = {Account.objects.filter(label='world').order_by('pk')[0].pk}"
    )

    assert named() == {
        subject(Account, Account.objects.get(label="world:2").pk, "2026-11-01"): "it was added"
    }


def test_a_transfer_without_postings_is_named() -> None:
    transfer, posting = _add_transfer(NOON)
    past_the_guards(f"DELETE FROM ledger_posting WHERE id = {posting}")

    assert named() == {subject(Transfer, transfer, "2026-11-02"): "it was added"}


@pytest.mark.parametrize("model", seals.DEPENDENTS)
def test_a_row_that_hangs_on_no_transfer_is_named(model: type[models.Model]) -> None:
    pk = Rows(model).order_by("pk")[0].pk
    past_the_guards(
        f"UPDATE {model._meta.db_table} SET transfer_id = {literal(uuid.uuid4())} WHERE {where(model, pk)}"
    )

    assert "a sealed row has its transfer" in {one.check for one in found()}


def test_the_command_names_the_row_and_reads_from_a_day_on_or_a_copy(tmp_path: Path) -> None:
    copytree(seal_folder(), tmp_path / "copy")
    hold = Hold.objects.order_by("pk")[0]
    past_the_guards(f"UPDATE ledger_hold SET store_id = 0 WHERE {where(Hold, hold.pk)}")
    said = StringIO()

    for options in ({}, {"since": SECOND}, {"seals": tmp_path / "copy"}):
        with pytest.raises(SystemExit):
            call_command("audit", stdout=said, stderr=StringIO(), **options)
    assert said.getvalue().count(f"{subject(Hold, hold.pk, '2026-11-02')}: expected what was sealed") == 3
    assert not [one for one in seal_audit.differences(since=THIRD) if one.check in (ROW, HEAD)]
    with pytest.raises(CommandError, match="is not a folder"):
        call_command("audit", seals=tmp_path / "nowhere")


def test_what_changes_with_later_rows_is_no_difference() -> None:
    for model in (Lot, Account):
        column = "remaining_points" if model is Lot else "balance"
        past_the_guards(f"UPDATE {model._meta.db_table} SET {column} = {column} + 1 WHERE {column} >= 0")

    assert found() == []


def test_the_rows_of_one_day_that_are_named_have_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(seal_audit, "MAX_NAMED", 3)
    changed = Posting.objects.filter(posted_at=NOON).count()
    past_the_guards(f"UPDATE ledger_posting SET points = points + 1 WHERE posted_at = {literal(NOON)}")

    assert list(named())[-1] == f"{changed - 3} more rows of 2026-11-02"
    assert len(named()) == 4
