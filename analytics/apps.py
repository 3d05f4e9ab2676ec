from django.apps import AppConfig
from django.utils.module_loading import import_string


class AnalyticsConfig(AppConfig):
    name = "analytics"

    def ready(self) -> None:
        """Make known which data are good enough for what, and what is computed each night."""
        import_string("analytics.usable.register")()
        import_string("analytics.computing.register_pipeline")()
        import_string("analytics.forecasting.costing.register")()
        import_string("analytics.forecasting.loading.register")()
        import_string("analytics.anomalies.computing.register")()
        import_string("analytics.savings.service.register")()
        import_string("analytics.savings.refreshing.register")()
