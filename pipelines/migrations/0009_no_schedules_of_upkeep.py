"""Deletes the schedules of two pipelines whose work is part of the daily maintenance of the database.

What is left of them ends: no worker knows how to go on with their runs, and none that succeeds would ever
resolve the alerts on them.
"""

import json

from django.db import migrations
from django.utils import timezone

GONE = ("upkeep", "scaling-upkeep")
ACTIVE = ("queued", "running")
REASON = "There is no such pipeline any more; the daily maintenance of the database does its work."


def delete(apps, schema_editor):
    rows = apps.get_model("django_celery_beat", "PeriodicTask").objects
    for row in rows.filter(task="pipelines.tasks.start_scheduled"):
        try:
            pipeline = json.loads(row.kwargs)["pipeline"]
        except (ValueError, KeyError, TypeError):
            continue
        if pipeline in GONE:
            row.delete()


def end(apps, schema_editor):
    ended = {"status": "skipped", "error": REASON, "finished_at": timezone.now(), "lease_until": None}
    steps = apps.get_model("pipelines", "Step").objects.filter(run__pipeline__in=GONE, status__in=ACTIVE)
    steps.update(**ended, payload={})
    apps.get_model("pipelines", "Run").objects.filter(pipeline__in=GONE, status__in=ACTIVE).update(**ended)


def resolve(apps, schema_editor):
    alerts = apps.get_model("alerts", "Alert").objects.filter(resolved_at=None)
    for pipeline in GONE:
        alerts.filter(key__startswith=f"run:{pipeline}:").update(resolved_at=timezone.now())


class Migration(migrations.Migration):
    dependencies = [
        ("pipelines", "0008_ticks"),
        ("alerts", "0001_initial"),
        ("django_celery_beat", "0019_alter_periodictasks_options"),
    ]
    operations = [migrations.RunPython(step, migrations.RunPython.noop) for step in (delete, end, resolve)]
