from django.apps import AppConfig
from django.db.models.signals import post_delete


class ScalingConfig(AppConfig):
    name = "scaling"

    def ready(self) -> None:
        """Make pipeline and table known, and have the samples of a deleted instance deleted."""
        from collectors.samples import partitions  # noqa: PLC0415 - models come when Django is ready
        from scaling import pipelines, storage  # noqa: PLC0415 - as above
        from scaling.models import ManagedInstance  # noqa: PLC0415 - as above

        pipelines.register()
        partitions.register(storage.TABLE)
        post_delete.connect(storage.forget, sender=ManagedInstance, dispatch_uid="scaling.samples")
