from django.apps import AppConfig


class AccountsConfig(AppConfig):
    name = "accounts"

    def ready(self) -> None:
        """Record changes of accounts, and refusals."""
        from accounts import audit, security  # noqa: PLC0415 - models come when Django is ready

        audit.register()
        security.register()
