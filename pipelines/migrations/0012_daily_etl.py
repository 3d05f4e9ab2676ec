"""Moves the daily collection to 04:30 in New York, where its schedule is still the one that it was created with.

It begins at that moment, as every schedule does whose rhythm changes: what was due before has been collected.
"""

import json

from django.db import migrations
from django.utils import timezone

TITLE = "Collect EC2, costs and CPU"
RHYTHM = {
    "minute": "30",
    "hour": "4",
    "day_of_month": "*",
    "month_of_year": "*",
    "day_of_week": "*",
    "timezone": "America/New_York",
}
DAY = (("days", 1), ("hours", 24))


def starts_daily(row):
    try:
        return json.loads(row.kwargs)["pipeline"] == "daily"
    except (ValueError, KeyError, TypeError):
        return False


def move(apps, schema_editor):
    rows = apps.get_model("django_celery_beat", "PeriodicTask").objects.select_related("interval")
    crontabs = apps.get_model("django_celery_beat", "CrontabSchedule").objects
    for row in rows.filter(name=TITLE, task="pipelines.tasks.start_scheduled", enabled=True).exclude(interval=None):
        if starts_daily(row) and (row.interval.period, row.interval.every) in DAY:
            row.crontab = crontabs.filter(**RHYTHM).first() or crontabs.create(**RHYTHM)
            row.interval, row.start_time, row.expire_seconds = None, timezone.now(), 3600
            row.save()


class Migration(migrations.Migration):
    dependencies = [
        ("pipelines", "0011_attempts"),
        ("django_celery_beat", "0019_alter_periodictasks_options"),
    ]
    operations = [migrations.RunPython(move, migrations.RunPython.noop)]
