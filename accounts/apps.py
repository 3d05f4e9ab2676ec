from django.apps import AppConfig


class AccountsConfig(AppConfig):
    name = "accounts"

    def ready(self) -> None:
        """Make the bearer token known to the OpenAPI schema; record changes of accounts, and refusals."""
        from accounts import audit, schema, security  # noqa: F401, PLC0415 - models come when Django is ready

        audit.register()
        security.register()
