"""PostgreSQL refuses to edit or delete published conditions, and acceptances of any."""

from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import StateApps

# (table, on which rows): a draft may be edited and discarded.
_GUARDED = [
    ("campaigns_conditionsversion", "WHEN (OLD.published_at IS NOT NULL)"),
    ("campaigns_conditionsacceptance", ""),
]


def guard(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    if schema_editor.connection.vendor != "postgresql":
        return
    for table, rows in _GUARDED:
        schema_editor.execute(
            f"CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE ON {table}"
            f" FOR EACH ROW {rows} EXECUTE FUNCTION tokuten_refuse_change()"
        )
        schema_editor.execute(
            f"CREATE TRIGGER {table}_no_truncate BEFORE TRUNCATE ON {table}"
            " FOR EACH STATEMENT EXECUTE FUNCTION tokuten_refuse_change()"
        )


def unguard(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    if schema_editor.connection.vendor != "postgresql":
        return
    for table, _rows in _GUARDED:
        schema_editor.execute(f"DROP TRIGGER {table}_append_only ON {table}")
        schema_editor.execute(f"DROP TRIGGER {table}_no_truncate ON {table}")


class Migration(migrations.Migration):
    dependencies = [("campaigns", "0006_disputes"), ("ledger", "0002_append_only")]

    operations = [migrations.RunPython(guard, unguard)]
