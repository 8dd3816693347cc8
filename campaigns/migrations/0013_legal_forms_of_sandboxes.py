"""The campaigns that fill sandboxes state their form, so that their orders go on being renewed. All others have
stated none, and somebody has to before their next order.
"""

from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import StateApps

STATED = {"legal_form": "discount", "least_age": 18}


def state(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    campaigns = apps.get_model("campaigns", "Campaign").objects
    campaigns.filter(brand__program__is_sandbox=True, legal_form="", slug__startswith="sandbox").update(**STATED)


class Migration(migrations.Migration):
    dependencies = [("campaigns", "0012_legal_forms")]

    operations = [migrations.RunPython(state, migrations.RunPython.noop)]
