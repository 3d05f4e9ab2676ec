"""Deletes the schedules of two pipelines whose work is part of the daily maintenance of the database."""

import json

from django.db import migrations

GONE = ("upkeep", "scaling-upkeep")


def delete(apps, schema_editor):
    rows = apps.get_model("django_celery_beat", "PeriodicTask").objects
    for row in rows.filter(task="pipelines.tasks.start_scheduled"):
        try:
            pipeline = json.loads(row.kwargs)["pipeline"]
        except (ValueError, KeyError, TypeError):
            continue
        if pipeline in GONE:
            row.delete()


class Migration(migrations.Migration):
    dependencies = [
        ("pipelines", "0008_ticks"),
        ("django_celery_beat", "0019_alter_periodictasks_options"),
    ]
    operations = [migrations.RunPython(delete, migrations.RunPython.noop)]
