from django.apps import AppConfig
from django.core.exceptions import ImproperlyConfigured
from django.utils.module_loading import import_string

from core.errors import InvalidInputError


class CollectorsConfig(AppConfig):
    name = "collectors"

    def ready(self) -> None:
        """Tell the ledger how each source is collected, and refuse settings that nobody can follow."""
        from auditlog.registry import auditlog  # noqa: PLC0415 - models come when Django is ready

        import_string("collectors.pipelines.register")()
        import_string("collectors.services.billing.register")()
        import_string("collectors.quality.register")()
        # Of an account all but what is secret: the external id stands for a password of its role.
        auditlog.register(
            self.get_model("CloudAccount"),
            include_fields=[
                "account_id",
                "name",
                "role_arn",
                "actor_role_arn",
                "regions",
                "cost_source",
                "enabled",
            ],
        )
        try:
            import_string("collectors.services.rates.limits")()
        except InvalidInputError as error:
            raise ImproperlyConfigured(f"AWS_RATE_LIMITS: {error}") from error
