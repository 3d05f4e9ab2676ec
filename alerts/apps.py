from django.apps import AppConfig


class AlertsConfig(AppConfig):
    name = "alerts"

    def ready(self) -> None:
        """Have changes of channels audited, without what is secret about them."""
        from auditlog.registry import auditlog  # noqa: PLC0415 - its models come when Django is ready

        auditlog.register(
            self.get_model("Channel"),
            exclude_fields=["last_error", "last_sent_at"],
            mask_fields=["target"],
            mask_callable="alerts.masking.masked",
        )
