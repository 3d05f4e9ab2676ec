"""What the endpoints of the autoscaler share.

What is about one instance is for its owner alone, whatever anybody's role, and by bearer token alone: pages
of any origin may call it, and a cookie must not speak for whoever looks at them.
"""

from typing import Any

from drf_spectacular.utils import OpenApiResponse
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.views import APIView

from accounts.authentication import BearerAuthentication
from core.query import ErrorSerializer, Query

MALFORMED = OpenApiResponse(ErrorSerializer, "What was sent cannot be understood; the reason names it.")
ANYONES = {400: MALFORMED}
OWNERS = {
    **ANYONES,
    403: OpenApiResponse(ErrorSerializer, "The instance is somebody else's, or its owner lacks a role."),
    404: OpenApiResponse(ErrorSerializer, "Nobody registered such an instance."),
}


class BearerView(APIView):
    """Lets in who has a token, and reads the query string by `query`: what that does not know is refused."""

    authentication_classes = (BearerAuthentication,)
    permission_classes = (IsAuthenticated,)
    metadata_class = None  # OPTIONS would answer whoever has a token, whether the instance is theirs or not
    query = Query

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Read the query string once it is known who asks. Raises: ValidationError."""
        super().initial(request, *args, **kwargs)
        self.asked = self.query.read(request)
