from django.apps import AppConfig


class TrialsConfig(AppConfig):
    name = "tests.faults.trials"

    def ready(self):
        from tests.faults.trials import pipelines

        pipelines.register()
