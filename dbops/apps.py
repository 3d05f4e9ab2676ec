from django.apps import AppConfig
from django.db.models.signals import post_migrate


class DbopsConfig(AppConfig):
    name = "dbops"
    verbose_name = "database automation"

    def ready(self) -> None:
        """Make maintenance and retention known; have the schedules created with the database."""
        from dbops import retention, schedule  # noqa: PLC0415 - models come when Django is ready
        from dbops.services import maintaining  # noqa: PLC0415 - as above

        maintaining.register()
        retention.register()
        post_migrate.connect(schedule.ensure, sender=self, dispatch_uid="dbops.schedule")
