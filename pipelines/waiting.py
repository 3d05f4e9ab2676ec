"""Answers that start a run over HTTP, and may wait for its end."""

import time
from threading import BoundedSemaphore
from typing import Any

from django.urls import reverse
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from structlog.contextvars import bind_contextvars

from core.query import Query
from pipelines.models import Run, Status

LONGEST_WAIT_S = 120
_POLL_S = 0.2
# Half of a web process's threads: the other half answers what does not wait.
_waiting = BoundedSemaphore(4)


class WaitQuery(Query):
    """How a run is started."""

    wait = serializers.RegexField(
        r"\A[0-9]{1,3}(\.[0-9]{1,6})?\Z",
        required=False,
        trim_whitespace=False,
        help_text="Answer when the run has ended, or after that many seconds (at most 120).",
        error_messages={"invalid": "Give seconds from 0 to 120, such as 30 or 2.5."},
    )

    def validate_wait(self, value: str) -> float:
        if float(value) > LONGEST_WAIT_S:
            raise serializers.ValidationError(f"At most {LONGEST_WAIT_S} seconds.")
        return float(value)


class StartedSerializer(serializers.Serializer[Any]):
    """A run that is queued or active; `status_url` tells how far it is."""

    run_id = serializers.IntegerField()
    status = serializers.ChoiceField(Status.choices)
    status_url = serializers.URLField()


def ended_within(run: Run, seconds: float | None) -> bool:
    """Wait for the run's end for so many seconds, where any are given; tell whether it has come.

    Nobody waits where so many requests do already that others would go unanswered.
    """
    if seconds is None:
        return False
    if _waiting.acquire(blocking=False):
        try:
            _follow(run, until=time.monotonic() + seconds)
        finally:
            _waiting.release()
    return not run.is_active


def _follow(run: Run, *, until: float) -> None:
    """Read the run's row until it ends or the time is over; no transaction is held meanwhile."""
    run.refresh_from_db()
    while run.is_active and (left := until - time.monotonic()) > 0:
        time.sleep(min(_POLL_S, left))
        run.refresh_from_db()


def answer(request: Request, run: Run, finished: dict[str, Any] | None = None) -> Response:
    """Say which run it is and where it can be followed: 202; with what a finished one came to, 200.

    The request's log says so, too.
    """
    bind_contextvars(run_id=run.pk)
    url = request.build_absolute_uri(reverse("run-detail", args=[run.pk]))
    told = {"run_id": run.pk, "status": run.status, "status_url": url}
    return Response({**told, **(finished or {})}, status=202 if finished is None else 200)
