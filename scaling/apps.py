from django.apps import AppConfig


class ScalingConfig(AppConfig):
    name = "scaling"

    def ready(self) -> None:
        """Make the pipeline known."""
        from scaling import pipelines  # noqa: PLC0415  # models come when Django is ready

        pipelines.register()
