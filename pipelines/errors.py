"""What can go wrong with the runs of the ledger, each with the status that the API answers."""

from rest_framework.exceptions import APIException

from pipelines.models import Run


class RunConflictError(APIException):
    """What is asked for does not go with how a run stands; the message names the run."""

    status_code = 409
    default_code = "run_conflict"

    def __init__(self, run: Run, why: str) -> None:
        super().__init__(f"Run {run.pk} ({run.pipeline}, {run.scope}) {why}")
        self.run = run
