"""Prepares a cluster's database: `python -m tests.faults.prepare eu-west-1,eu-north-1 2`.

The arguments are the regions of the one account, and how many seconds the ledger's repairs are apart.
"""

import sys

import django


def main(regions, repair_every_s):
    """Migrate, add the stub's account, and switch off every schedule but the repair's."""
    from django.core.management import call_command
    from django_celery_beat.models import IntervalSchedule, PeriodicTask

    from benchmarks.stub.protocol import ACCOUNT
    from collectors.models import CloudAccount
    from pipelines import schedules

    call_command("migrate", interactive=False, verbosity=0)
    CloudAccount.objects.create(account_id=ACCOUNT, regions=regions.split(","))
    PeriodicTask.objects.exclude(task=schedules.RECONCILE).update(enabled=False)
    interval = IntervalSchedule.objects.create(every=int(repair_every_s), period="seconds")
    PeriodicTask.objects.filter(task=schedules.RECONCILE).update(interval=interval)


if __name__ == "__main__":
    django.setup()
    main(*sys.argv[1:])
