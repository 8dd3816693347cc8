"""PostgreSQL refuses to edit or delete claims and voids, to change what a batch froze, and ranges that overlap."""

from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import StateApps

# Channels are part of the file's content: one renamed after minting began would be sealed with the same keystream.
_APPEND_ONLY = [
    ("giftcodes_claim", "UPDATE OR DELETE"),
    ("giftcodes_void", "UPDATE OR DELETE"),
    ("giftcodes_channel", "UPDATE OR DELETE"),
    ("giftcodes_batch", "DELETE"),
]
_FROZEN = (
    "public_id, order_key, brand_id, series_id, first_serial, size, unclaimed_id, face_points, claim_from, claim_until,"
    " lot_life_days, limit_per_member, limit_group, claim_url_base, activation, approved_at"
)
_FROZEN_FUNCTION = """
CREATE FUNCTION giftcodes_refuse_thaw() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the range and the terms of a batch are frozen'
        USING ERRCODE = 'restrict_violation', HINT = 'Void it and order another one.';
END $$
"""
_DISJOINT = {
    "giftcodes_batch_disjoint": (
        "giftcodes_batch",
        "int8range(series_id * 1000000000::bigint + first_serial, series_id * 1000000000::bigint + first_serial + size)",
    ),
    "giftcodes_channel_disjoint": (
        "giftcodes_channel",
        "int8range(batch_id, batch_id, '[]') WITH &&, int8range(first_serial, first_serial + size)",
    ),
    "giftcodes_void_disjoint": (
        "giftcodes_void",
        "int8range(batch_id, batch_id, '[]') WITH &&, int8range(first_serial, last_serial, '[]')",
    ),
}


def guard(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    if schema_editor.connection.vendor != "postgresql":
        return
    for table, changes in _APPEND_ONLY:
        schema_editor.execute(
            f"CREATE TRIGGER {table}_append_only BEFORE {changes} ON {table}"
            " FOR EACH ROW EXECUTE FUNCTION tokuten_refuse_change()"
        )
        schema_editor.execute(
            f"CREATE TRIGGER {table}_no_truncate BEFORE TRUNCATE ON {table}"
            " FOR EACH STATEMENT EXECUTE FUNCTION tokuten_refuse_change()"
        )
    schema_editor.execute(_FROZEN_FUNCTION, params=None)
    schema_editor.execute(
        f"CREATE TRIGGER giftcodes_batch_frozen BEFORE UPDATE ON giftcodes_batch FOR EACH ROW"
        f" WHEN ({' OR '.join(f'OLD.{name} IS DISTINCT FROM NEW.{name}' for name in _FROZEN.split(', '))})"
        " EXECUTE FUNCTION giftcodes_refuse_thaw()"
    )
    for name, (table, ranges) in _DISJOINT.items():
        schema_editor.execute(f"ALTER TABLE {table} ADD CONSTRAINT {name} EXCLUDE USING gist ({ranges} WITH &&)")


def unguard(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    if schema_editor.connection.vendor != "postgresql":
        return
    for name, (table, _ranges) in _DISJOINT.items():
        schema_editor.execute(f"ALTER TABLE {table} DROP CONSTRAINT {name}")
    schema_editor.execute("DROP TRIGGER giftcodes_batch_frozen ON giftcodes_batch")
    schema_editor.execute("DROP FUNCTION giftcodes_refuse_thaw()")
    for table, _changes in _APPEND_ONLY:
        schema_editor.execute(f"DROP TRIGGER {table}_append_only ON {table}")
        schema_editor.execute(f"DROP TRIGGER {table}_no_truncate ON {table}")


class Migration(migrations.Migration):
    dependencies = [("giftcodes", "0001_initial"), ("ledger", "0002_append_only")]

    operations = [migrations.RunPython(guard, unguard)]
