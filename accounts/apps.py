from django.apps import AppConfig


class AccountsConfig(AppConfig):
    name = "accounts"

    def ready(self) -> None:
        """Make the bearer token known to the OpenAPI schema."""
        from accounts import schema  # noqa: F401, PLC0415 - it registers itself when imported
