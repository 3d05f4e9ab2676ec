from django.apps import AppConfig
from django.utils.module_loading import import_string


class AnalyticsConfig(AppConfig):
    name = "analytics"

    def ready(self) -> None:
        """Make known which data are good enough for what."""
        import_string("analytics.usable.register")()
