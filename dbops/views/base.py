"""What the views of the automation share."""

from drf_spectacular.utils import OpenApiResponse
from rest_framework.parsers import FormParser, MultiPartParser
from rest_framework.request import Request
from rest_framework.views import APIView

from accounts.permissions import IsOperator
from core.body import refuse_body
from core.query import ErrorSerializer, Query

TAG = "database automation"
NO_ANSWER = OpenApiResponse(ErrorSerializer, "The database or its pool does not answer in time.")


class ControlView(APIView):
    """Something that operators have done, without saying more than that."""

    permission_classes = (IsOperator,)
    # Some clients announce a form though they send nothing.
    parser_classes = (*APIView.parser_classes, FormParser, MultiPartParser)

    def initial(self, request: Request, *args: object, **kwargs: object) -> None:
        """Refuse what would not be heeded. Raises: InvalidInputError, ValidationError."""
        super().initial(request, *args, **kwargs)
        Query.read(request)
        refuse_body(request)
