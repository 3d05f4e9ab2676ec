from django.apps import AppConfig
from django.db.models.signals import post_migrate


class DbopsConfig(AppConfig):
    name = "dbops"
    verbose_name = "database automation"

    def ready(self) -> None:
        """Have the schedules of the automation created with the database."""
        from dbops import schedule  # noqa: PLC0415 - models come when Django is ready

        post_migrate.connect(schedule.ensure, sender=self, dispatch_uid="dbops.schedule")
