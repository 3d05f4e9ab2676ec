"""What a policy would have done."""

from django.utils import timezone
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.permissions import asking
from core.query import ErrorSerializer
from scaling.serializers import replay as serializers
from scaling.services import replaying


class ReplayView(APIView):
    """What a policy would have done with the load that was measured, and at what cost."""

    @extend_schema(
        operation_id="replay",
        parameters=[serializers.ReplayQuery],
        responses={
            200: serializers.ReplaySerializer,
            404: OpenApiResponse(ErrorSerializer, "No such instance or group is known."),
        },
        tags=["analytics"],
    )
    def get(self, request: Request) -> Response:
        asked = serializers.ReplayQuery.read(request)
        now = timezone.now()
        question = serializers.question(asked, now)
        found = replaying.replay(_subject(request, asked, question), question)
        return Response(serializers.ReplaySerializer(serializers.answer(found, now)).data)


def _subject(request: Request, asked: dict[str, str], question: replaying.Question) -> replaying.Subject:
    """Return whose load is asked about. Raises: UnknownInstanceError."""
    account = asked.get("account", "")
    if "group" in asked:
        base = int(asked.get("base", 0))
        return replaying.group(asked["group"], question.start, question.end, base=base, account=account)
    return replaying.find(asking(request), asked["instance_id"], question.start, question.end, account)
