from django.apps import AppConfig
from django.db.models.signals import post_delete, post_migrate


class ScalingConfig(AppConfig):
    name = "scaling"

    def ready(self) -> None:
        """Make pipelines, table and ticks known, and have the samples of a deleted instance deleted."""
        from collectors.samples import partitions  # noqa: PLC0415 - models come when Django is ready
        from scaling import pipelines, storage, ticking  # noqa: PLC0415 - as above
        from scaling.models import ManagedInstance  # noqa: PLC0415 - as above

        pipelines.register()
        partitions.register(storage.TABLE)
        post_delete.connect(storage.forget, sender=ManagedInstance, dispatch_uid="scaling.samples")
        post_migrate.connect(ticking.ensure, sender=self, dispatch_uid="scaling.ticking")
