from django.apps import AppConfig
from django.db.models.signals import post_migrate


class PipelinesConfig(AppConfig):
    name = "pipelines"

    def ready(self) -> None:
        """Have the schedules created whenever the database is brought up to date."""
        from pipelines import schedules  # noqa: PLC0415 - models are not there before Django is ready

        post_migrate.connect(schedules.ensure, sender=self, dispatch_uid="pipelines.schedules")
