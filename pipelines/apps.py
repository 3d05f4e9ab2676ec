from django.apps import AppConfig
from django.db.models.signals import post_migrate


class PipelinesConfig(AppConfig):
    name = "pipelines"

    def ready(self) -> None:
        """Listen to what becomes of workers, and have schedules created when the database is brought up."""
        from pipelines import schedules, workers  # noqa: F401, PLC0415 - models come when Django is ready

        post_migrate.connect(schedules.ensure, sender=self, dispatch_uid="pipelines.schedules")
