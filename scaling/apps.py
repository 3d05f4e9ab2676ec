from django.apps import AppConfig
from django.db.models.signals import post_delete, post_migrate


class ScalingConfig(AppConfig):
    name = "scaling"

    def ready(self) -> None:
        """Make pipelines, table, ticks and changes known, have owners take their instances along."""
        from accounts import leaving  # noqa: PLC0415 - as below
        from collectors.samples import partitions  # noqa: PLC0415 - models come when Django is ready
        from scaling import audit, pipelines, quality, storage, ticking  # noqa: PLC0415 - as above
        from scaling.models import ManagedInstance  # noqa: PLC0415 - as above
        from scaling.services import registration  # noqa: PLC0415 - as above

        pipelines.register()
        audit.register()
        quality.register()
        partitions.register(storage.TABLE)
        leaving.asked.connect(registration.why_owners_stay, dispatch_uid="scaling.owners")
        leaving.leaving.connect(registration.delete_all_of, dispatch_uid="scaling.owners")
        post_delete.connect(storage.forget, sender=ManagedInstance, dispatch_uid="scaling.samples")
        post_migrate.connect(ticking.ensure, sender=self, dispatch_uid="scaling.ticking")
