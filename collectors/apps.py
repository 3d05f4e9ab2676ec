from django.apps import AppConfig
from django.utils.module_loading import import_string


class CollectorsConfig(AppConfig):
    name = "collectors"

    def ready(self) -> None:
        """Tell the ledger how each source is collected."""
        import_string("collectors.pipelines.register")()
