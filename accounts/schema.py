"""What the OpenAPI schema says of logging in; Swagger's Authorize button takes the token from it."""

from drf_spectacular.authentication import SessionScheme
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.openapi import AutoSchema


class BearerScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]  # its registration is
    """The scheme of RFC 6750; the token is what `POST /api/auth/login` answers, or another service's."""

    target_class = "accounts.authentication.BearerAuthentication"
    match_subclasses = True
    name = "bearerAuth"

    def get_security_definition(self, auto_schema: AutoSchema) -> dict[str, str]:
        """Return the definition."""
        return {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}


class OwnOriginSessionScheme(SessionScheme):  # type: ignore[no-untyped-call]  # its registration is
    """The admin's session."""

    target_class = "accounts.authentication.OwnOriginSessionAuthentication"
