"""What the OpenAPI schema says of logging in; Swagger's Authorize button takes the token from it."""

from drf_spectacular.authentication import SessionScheme
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.openapi import AutoSchema


class BearerScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]  # its registration is
    """The scheme of RFC 6750; the token is what `POST /api/auth/login` answers."""

    target_class = "accounts.authentication.BearerAuthentication"
    name = "bearerAuth"

    def get_security_definition(self, auto_schema: AutoSchema) -> dict[str, str]:
        """Return the definition."""
        return {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}


class CallerScheme(BearerScheme):  # type: ignore[no-untyped-call]  # its registration is
    """The tokens of other services, which are taken beside our own."""

    target_class = "accounts.oidc.CallerAuthentication"
    name = "serviceAuth"

    def get_security_definition(self, auto_schema: AutoSchema) -> dict[str, str]:
        """Return the definition."""
        said = "An OpenID Connect token of another service, from one of OIDC_ISSUERS."
        return {**super().get_security_definition(auto_schema), "description": said}

    def get_security_requirement(self, auto_schema: AutoSchema) -> list[dict[str, list[str]]]:
        """Ask for one or the other."""
        return [{BearerScheme.name: []}, {self.name: []}]


class OwnOriginSessionScheme(SessionScheme):  # type: ignore[no-untyped-call]  # its registration is
    """The admin's session."""

    target_class = "accounts.authentication.OwnOriginSessionAuthentication"
