"""GET /status: how things are, in one answer."""

from typing import Any

from django.utils import timezone
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.oidc import ALSO_SERVICES
from core.examples import answered
from core.query import ErrorSerializer, refuse_strange
from pipelines import standing
from pipelines.models import Status
from pipelines.quality.serializers import ScoresSerializer


class LastRunSerializer(serializers.Serializer[Any]):
    """What became of a run."""

    run_id = serializers.IntegerField(source="pk")
    status = serializers.ChoiceField(Status.choices)
    started_at = serializers.DateTimeField(allow_null=True)
    finished_at = serializers.DateTimeField(allow_null=True)
    duration_s = serializers.FloatField(allow_null=True, help_text="Seconds from first start to end.")
    error = serializers.CharField()


class StandingPipelineSerializer(serializers.Serializer[Any]):
    """A pipeline: its last run, and when its schedule starts the next one."""

    name = serializers.CharField()
    title = serializers.CharField()
    last_run = LastRunSerializer(allow_null=True, help_text="Null: it has never run.")
    next_due = serializers.DateTimeField(allow_null=True, help_text="Null: no schedule starts it.")


class StandingQueueSerializer(serializers.Serializer[Any]):
    """The work of all pipelines, in pieces that a worker takes."""

    queued = serializers.IntegerField(help_text="What a worker may take now.")
    running = serializers.IntegerField(help_text="What workers have taken.")
    oldest_age_s = serializers.FloatField(
        allow_null=True, help_text="For how long the oldest has waited; null: nothing waits."
    )


class StandingWorkerSerializer(serializers.Serializer[Any]):
    """A worker that said within the last 60 seconds that it is there."""

    name = serializers.CharField()
    host = serializers.CharField()
    slots = serializers.IntegerField(help_text="How much it does at once.")
    seen_at = serializers.DateTimeField()
    cpu_percent = serializers.FloatField(allow_null=True, help_text="Of its machine; null: not known yet.")


class StandingQualitySerializer(ScoresSerializer):
    """How good the data of the last daily report are, from 0 to 100; null is unknown."""

    computed_at = serializers.DateTimeField()


class StandingFreshnessSerializer(serializers.Serializer[Any]):
    """Whether the day's data came in time."""

    fresh = serializers.BooleanField(allow_null=True, help_text="Null: unknown; `reason` says why.")
    deadline = serializers.DateTimeField(allow_null=True)
    last_success_at = serializers.DateTimeField(allow_null=True)
    reason = serializers.CharField(allow_blank=True)


class StandingSerializer(serializers.Serializer[Any]):
    """How things are."""

    pipelines = StandingPipelineSerializer(many=True)
    queue = StandingQueueSerializer()
    workers = StandingWorkerSerializer(many=True)
    quality = StandingQualitySerializer(allow_null=True, help_text="Null: there is no report.")
    freshness = StandingFreshnessSerializer()


_EXAMPLE: dict[str, Any] = {
    "pipelines": [
        {
            "name": "ec2",
            "title": "ec2",
            "last_run": {
                "run_id": 6,
                "status": "running",
                "started_at": "2026-11-30T05:03:36.851090Z",
                "finished_at": None,
                "duration_s": None,
                "error": "",
            },
            "next_due": None,
        },
        {
            "name": "metrics",
            "title": "Collect metric samples",
            "last_run": None,
            "next_due": "2026-11-30T06:00:00Z",
        },
    ],
    "queue": {"queued": 4, "running": 2, "oldest_age_s": 0.318448},
    "workers": [
        {
            "name": "worker-io-d0dcec47@cloudintel",
            "host": "cloudintel",
            "slots": 8,
            "seen_at": "2026-11-30T05:03:30.920719Z",
            "cpu_percent": 99.9,
        }
    ],
    "quality": None,
    "freshness": {
        "fresh": None,
        "deadline": "2026-11-30T10:00:00Z",
        "last_success_at": "2026-11-29T21:14:05.113027Z",
        "reason": "By its schedule, no collection was due in the day before 2026-11-30 10:00 UTC.",
    },
}


@extend_schema(tags=["pipelines"])
class StatusView(APIView):
    """Tells how things are: last runs, what waits, who works, and how good and fresh the data are."""

    authentication_classes = ALSO_SERVICES

    @extend_schema(
        responses={
            200: StandingSerializer,
            400: OpenApiResponse(ErrorSerializer, "It has no parameters."),
        },
        examples=[answered(_EXAMPLE)],
    )
    def get(self, request: Request) -> Response:
        refuse_strange(request.query_params, known=())
        return Response(StandingSerializer(standing.now_is(timezone.now())).data)
