from django.apps import AppConfig
from django.db.models.signals import post_migrate


class PipelinesConfig(AppConfig):
    name = "pipelines"

    def ready(self) -> None:
        """Listen to what becomes of workers and schedules; have these created with the database."""
        # Models come when Django is ready.
        from pipelines import (  # noqa: PLC0415
            quality,
            schedules,
            staffing,
            upkeep,
            watching,
            workers,  # noqa: F401
        )

        post_migrate.connect(schedules.ensure, sender=self, dispatch_uid="pipelines.schedules")
        schedules.watch()
        schedules.record()
        upkeep.register()
        watching.register()
        staffing.register()
        quality.register()
