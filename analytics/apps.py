from django.apps import AppConfig
from django.utils.module_loading import import_string


class AnalyticsConfig(AppConfig):
    name = "analytics"

    def ready(self) -> None:
        """Make known which data are good enough for what, what each night computes, and what is audited."""
        from auditlog.registry import auditlog  # noqa: PLC0415 - its models come when Django is ready

        import_string("analytics.usable.register")()
        import_string("analytics.computing.register_pipeline")()
        import_string("analytics.forecasting.costing.register")()
        import_string("analytics.forecasting.loading.register")()
        import_string("analytics.anomalies.computing.register")()
        import_string("analytics.savings.service.register")()
        import_string("analytics.savings.refreshing.register")()
        import_string("analytics.carbon.service.register")()
        import_string("analytics.budgets.service.register")()
        auditlog.register(self.get_model("Budget"), exclude_fields=["created_at", "created_by", "updated_at"])
