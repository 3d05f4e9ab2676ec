"""The account endpoints, as section 2 to 4 of the autoscaler's API describes them."""

from django.utils.cache import add_never_cache_headers
from drf_spectacular.utils import OpenApiExample, OpenApiResponse, extend_schema
from rest_framework import status
from rest_framework.permissions import AllowAny, IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts import services
from accounts.authentication import BearerAuthentication
from accounts.permissions import asking
from accounts.serializers import (
    CredentialsSerializer,
    PasswordChangeSerializer,
    ProfileSerializer,
    RegisteredSerializer,
    RegistrationSerializer,
    TokenSerializer,
)
from core.body import given
from core.examples import answered
from core.query import ErrorSerializer

_CREDENTIALS = OpenApiExample(
    "E-mail and password", {"email": "user@example.com", "password": "securepassword123"}, request_only=True
)
_USER_ID = "550e8400-e29b-41d4-a716-446655440000"


def _token_response(message: str, token: str) -> Response:
    response = Response({"message": message, "token": token})
    add_never_cache_headers(response)
    return response


def _refused(reason: str) -> OpenApiResponse:
    return OpenApiResponse(ErrorSerializer, reason)


@extend_schema(tags=["accounts"])
class RegisterView(APIView):
    """Registers a user, who has no role until an administrator gives one."""

    authentication_classes = ()
    permission_classes = (AllowAny,)

    @extend_schema(
        request=RegistrationSerializer,
        responses={201: RegisteredSerializer, 409: _refused("The e-mail is registered already.")},
        examples=[
            _CREDENTIALS,
            answered({"message": "User registered successfully", "user_id": _USER_ID}, 201),
        ],
    )
    def post(self, request: Request) -> Response:
        user = services.register(**given(RegistrationSerializer, request))
        answer = {"message": "User registered successfully", "user_id": user.pk}
        return Response(answer, status=status.HTTP_201_CREATED)


@extend_schema(tags=["accounts"])
class LoginView(APIView):
    """Gives a token, good for 24 hours, for an e-mail and its password."""

    authentication_classes = ()
    permission_classes = (AllowAny,)

    @extend_schema(
        request=CredentialsSerializer,
        responses={
            200: TokenSerializer,
            401: _refused("The e-mail and the password do not belong together."),
            429: _refused("Too many wrong passwords; Retry-After says how many seconds to wait."),
        },
        examples=[
            _CREDENTIALS,
            answered({"message": "Login successful", "token": "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9..."}),
        ],
    )
    def post(self, request: Request) -> Response:
        token = services.log_in(request, **given(CredentialsSerializer, request))
        return _token_response("Login successful", token)


@extend_schema(tags=["accounts"])
class ProfileView(APIView):
    """Tells users about themselves; pages of any origin may ask it, so a cookie speaks for nobody."""

    authentication_classes = (BearerAuthentication,)
    permission_classes = (IsAuthenticated,)

    @extend_schema(
        responses=ProfileSerializer,
        examples=[
            answered(
                {
                    "user_id": _USER_ID,
                    "email": "user@example.com",
                    "created_at": "2026-01-22T05:16:25.123456",
                    "instance_count": 5,
                    "monitoring_count": 2,
                }
            )
        ],
    )
    def get(self, request: Request) -> Response:
        return Response(ProfileSerializer(asking(request)).data)


@extend_schema(tags=["accounts"])
class PasswordView(APIView):
    """Changes one's own password; older tokens are void from then on."""

    permission_classes = (IsAuthenticated,)

    @extend_schema(
        request=PasswordChangeSerializer,
        responses={
            200: TokenSerializer,
            429: _refused("Too many wrong passwords; Retry-After says how many seconds to wait."),
        },
    )
    def post(self, request: Request) -> Response:
        token = services.change_password(request, asking(request), **given(PasswordChangeSerializer, request))
        return _token_response("Password changed; older tokens are void", token)
