"""PostgreSQL keeps what spending, settlement and sealed days have recorded, and takes no row for a closed day."""

from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import StateApps

# (table, what is refused). The first are history; of the others only some columns ever change (below).
_GUARDED = [
    ("ledger_lotuse", "UPDATE OR DELETE"),
    ("ledger_settlementline", "UPDATE OR DELETE"),
    ("ledger_settlementnote", "UPDATE OR DELETE"),
    ("ledger_closedday", "UPDATE OR DELETE"),
    ("ledger_dayseal", "UPDATE OR DELETE"),
    ("ledger_lot", "DELETE"),
    ("ledger_hold", "DELETE"),
    ("ledger_receivable", "DELETE"),
    ("ledger_adjustment", "DELETE"),
    ("ledger_settlement", "DELETE"),
]
# (table, columns of which it fires, condition): what was asked for, granted or ended stays as it was.
_FROZEN = [
    ("ledger_lot", "id, wallet_id, funder_id, transfer_id, granted_points, granted_at, expires_at", "true"),
    ("ledger_hold", "transfer_id, wallet_id, store_id, points, held_at, expires_at", "true"),
    ("ledger_hold", "state, captured_points, ended_at", "OLD.state <> 'open'"),
    ("ledger_receivable", "original_id, wallet_id, funder_id, points, arose_at", "true"),
    (
        "ledger_adjustment",
        ("public_id, kind, brand_id, points, reason, wallet_id, expiry_policy, original_id, settlement_id,"
        " acceptor_id, store_id, fingerprint, requested_by_id, requested_at"),
        "true",
    ),
    ("ledger_adjustment", "state, decided_by_id, decided_at", "OLD.state <> 'requested'"),
    (
        "ledger_settlement",
        ("public_id, program_id, program_name, starts_at, ends_at, last_use_id, yen_per_point, sha256,"
        " prepared_by_id, prepared_at"),
        "true",
    ),
    ("ledger_settlement", "previous_id, state, decided_by_id, decided_at", "OLD.state <> 'prepared'"),
]
_CLOSED_DAY = """
CREATE FUNCTION tokuten_refuse_closed_day() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    -- max() reads one entry of the index, however many days there are; EXISTS was planned as a scan of all of them.
    IF {moment} < (SELECT max(ends_at) FROM ledger_closedday) THEN
        RAISE EXCEPTION 'the day of % is closed', {moment} USING ERRCODE = 'restrict_violation',
            HINT = 'Book it on a day that is still open.';
    END IF;
    RETURN NEW;
END $$
"""
_DATED = [("ledger_transfer", "posted_at"), ("ledger_account", "opened_at")]


def guard(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    if schema_editor.connection.vendor != "postgresql":
        return
    for table, changes in _GUARDED:
        schema_editor.execute(
            f"CREATE TRIGGER {table}_append_only BEFORE {changes} ON {table}"
            " FOR EACH ROW EXECUTE FUNCTION tokuten_refuse_change()"
        )
        schema_editor.execute(
            f"CREATE TRIGGER {table}_no_truncate BEFORE TRUNCATE ON {table}"
            " FOR EACH STATEMENT EXECUTE FUNCTION tokuten_refuse_change()"
        )
    for number, (table, columns, condition) in enumerate(_FROZEN):
        schema_editor.execute(
            f"CREATE TRIGGER {table}_frozen_{number} BEFORE UPDATE OF {columns} ON {table}"
            f" FOR EACH ROW WHEN ({condition}) EXECUTE FUNCTION tokuten_refuse_change()"
        )
    for table, moment in _DATED:
        function = f"tokuten_refuse_closed_day_{table}"
        schema_editor.execute(
            _CLOSED_DAY.replace("tokuten_refuse_closed_day", function).replace("{moment}", f"NEW.{moment}"),
            params=None,
        )
        schema_editor.execute(
            f"CREATE TRIGGER {table}_closed_day BEFORE INSERT ON {table}"
            f" FOR EACH ROW EXECUTE FUNCTION {function}()"
        )


def unguard(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    if schema_editor.connection.vendor != "postgresql":
        return
    for table, _moment in _DATED:
        schema_editor.execute(f"DROP TRIGGER {table}_closed_day ON {table}")
        schema_editor.execute(f"DROP FUNCTION tokuten_refuse_closed_day_{table}()")
    for number, (table, _columns, _condition) in enumerate(_FROZEN):
        schema_editor.execute(f"DROP TRIGGER {table}_frozen_{number} ON {table}")
    for table, _changes in _GUARDED:
        schema_editor.execute(f"DROP TRIGGER {table}_append_only ON {table}")
        schema_editor.execute(f"DROP TRIGGER {table}_no_truncate ON {table}")


class Migration(migrations.Migration):
    dependencies = [("ledger", "0003_spending_settlement_seals")]

    operations = [migrations.RunPython(guard, unguard)]
