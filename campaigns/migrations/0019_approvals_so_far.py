"""Orders that were approved before approvals had rows of their own get one each; and PostgreSQL refuses to edit
or delete approvals.
"""

from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import StateApps

_TABLE = "campaigns_orderapproval"


def note_approvals(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    orders = apps.get_model("campaigns", "Order").objects
    approvals = apps.get_model("campaigns", "OrderApproval").objects
    orders.exclude(state="draft").update(submissions=1)
    approvals.bulk_create(
        [
            approvals.model(
                order=order,
                submission=1,
                fingerprint=order.submitted_hash,
                requested_by_id=order.requested_by_id,
                approver_id=order.decided_by_id,
                needed=1,
                approved_at=order.decided_at,
            )
            for order in orders.filter(state="approved").order_by("pk").iterator(chunk_size=1_000)
        ],
        batch_size=1_000,
    )


def forget_approvals(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    apps.get_model("campaigns", "OrderApproval").objects.all().delete()


def guard(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    if schema_editor.connection.vendor != "postgresql":
        return
    schema_editor.execute(
        f"CREATE TRIGGER {_TABLE}_append_only BEFORE UPDATE OR DELETE ON {_TABLE}"
        " FOR EACH ROW EXECUTE FUNCTION tokuten_refuse_change()"
    )
    schema_editor.execute(
        f"CREATE TRIGGER {_TABLE}_no_truncate BEFORE TRUNCATE ON {_TABLE}"
        " FOR EACH STATEMENT EXECUTE FUNCTION tokuten_refuse_change()"
    )


def unguard(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    if schema_editor.connection.vendor != "postgresql":
        return
    schema_editor.execute(f"DROP TRIGGER {_TABLE}_append_only ON {_TABLE}")
    schema_editor.execute(f"DROP TRIGGER {_TABLE}_no_truncate ON {_TABLE}")


class Migration(migrations.Migration):
    dependencies = [("campaigns", "0018_approvals"), ("ledger", "0002_append_only")]

    operations = [
        migrations.RunPython(note_approvals, forget_approvals),
        migrations.RunPython(guard, unguard),
    ]
