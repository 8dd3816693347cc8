"""PostgreSQL keeps what was issued as it was issued: a gift ends once, a strand only goes on, the rest stays."""

from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import StateApps

_APPEND_ONLY = [
    ("giftcodes_giftrequest", "UPDATE OR DELETE"),
    ("giftcodes_giftvoid", "UPDATE OR DELETE"),
    ("giftcodes_giftreveal", "UPDATE OR DELETE"),
    ("giftcodes_gift", "DELETE"),
    ("giftcodes_giftstrand", "DELETE"),
]
_GIFT = (
    "id, public_id, brand_id, batch_id, request_id, position, points, claim_until, recipient_ref, metadata,"
    " issued_at"
)
_STRAND = "id, batch_id, place, end_serial"
# As 0002 has it, and the kind of the batch.
_BATCH = (
    "public_id, order_key, brand_id, series_id, first_serial, size, unclaimed_id, face_points, claim_from, claim_until,"
    " lot_life_days, limit_per_member, limit_group, claim_url_base, activation, approved_at"
)


def _changes(columns: str) -> str:
    return " OR ".join(f"OLD.{name} IS DISTINCT FROM NEW.{name}" for name in columns.split(", "))


def _refuse(name: str, table: str, when: str, *, by: str = "tokuten_refuse_change") -> str:
    return f"CREATE TRIGGER {name} BEFORE UPDATE ON {table} FOR EACH ROW WHEN ({when}) EXECUTE FUNCTION {by}()"


def _freeze_batch(columns: str) -> list[str]:
    return [
        "DROP TRIGGER giftcodes_batch_frozen ON giftcodes_batch",
        _refuse("giftcodes_batch_frozen", "giftcodes_batch", _changes(columns), by="giftcodes_refuse_thaw"),
    ]


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
    for statement in (
        _refuse("giftcodes_gift_frozen", "giftcodes_gift", f"OLD.state <> 'issued' OR {_changes(_GIFT)}"),
        _refuse(
            "giftcodes_strand_goes_on",
            "giftcodes_giftstrand",
            f"NEW.next_serial < OLD.next_serial OR {_changes(_STRAND)}",
        ),
        # A strand changes with each draw: room in its page for the next version spares its indexes.
        "ALTER TABLE giftcodes_giftstrand SET (fillfactor = 40)",
        *_freeze_batch(_BATCH + ", most_points"),
    ):
        schema_editor.execute(statement)


def unguard(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    if schema_editor.connection.vendor != "postgresql":
        return
    for statement in (
        *_freeze_batch(_BATCH),
        "ALTER TABLE giftcodes_giftstrand RESET (fillfactor)",
        "DROP TRIGGER giftcodes_strand_goes_on ON giftcodes_giftstrand",
        "DROP TRIGGER giftcodes_gift_frozen ON giftcodes_gift",
    ):
        schema_editor.execute(statement)
    for table, _columns in _APPEND_ONLY:
        schema_editor.execute(f"DROP TRIGGER {table}_append_only ON {table}")
        schema_editor.execute(f"DROP TRIGGER {table}_no_truncate ON {table}")


class Migration(migrations.Migration):
    dependencies = [("giftcodes", "0005_gifts")]

    operations = [migrations.RunPython(guard, unguard)]
