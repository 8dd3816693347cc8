from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import StateApps
from django.db.models import F


def publish(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Every page was public as soon as it was saved. New rows are drafts, so this is what tells them apart."""
    campaigns = apps.get_model('campaigns', 'Campaign').objects.using(schema_editor.connection.alias)
    campaigns.filter(published_at=None).update(published_at=F('created_at'))


class Migration(migrations.Migration):

    dependencies = [
        ('campaigns', '0002_pages_to_be_proud_of'),
    ]

    # Going back, the column goes, and with it what was written here.
    operations = [
        migrations.RunPython(publish, migrations.RunPython.noop),
    ]
