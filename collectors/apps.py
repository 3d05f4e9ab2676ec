from django.apps import AppConfig
from django.core.exceptions import ImproperlyConfigured
from django.utils.module_loading import import_string

from core.errors import InvalidInputError


class CollectorsConfig(AppConfig):
    name = "collectors"

    def ready(self) -> None:
        """Tell the ledger how each source is collected, and refuse settings that nobody can follow."""
        import_string("collectors.pipelines.register")()
        try:
            import_string("collectors.services.rates.limits")()
        except InvalidInputError as error:
            raise ImproperlyConfigured(f"AWS_RATE_LIMITS: {error}") from error
