"""Who asks: the bearer of a token, or a session on a page of this site."""

from typing import Any, cast

from django.conf import settings
from django.core.exceptions import ValidationError
from rest_framework.authentication import BaseAuthentication, SessionAuthentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request
from rest_framework_simplejwt.authentication import JWTAuthentication
from rest_framework_simplejwt.exceptions import ExpiredTokenError, TokenError
from rest_framework_simplejwt.tokens import AccessToken, Token

from accounts.models import User

_ELSEWHERE = ("cross-site", "same-site")
_EXPIRED = "Token has expired"
INVALID = "Token is invalid"


class BearerAuthentication(BaseAuthentication):
    """Takes `Authorization: Bearer <token>`, the scheme in any case; other schemes are nobody's business.

    What makes a token invalid is not told: forged, revoked, or its user gone or disabled.
    """

    def authenticate(self, request: Request) -> tuple[User, Any] | None:
        """Return the user and the token, or None without one. Raises: AuthenticationFailed."""
        scheme, _, value = request.headers.get("Authorization", "").strip().partition(" ")
        if scheme.lower() != "bearer" or not value.strip():
            return None
        return self.bearer(value.strip())

    def bearer(self, token: str) -> tuple[User, Any]:
        """Return the user whose token it is, and what was verified. Raises: AuthenticationFailed."""
        verified = _verified(token)
        return _user(verified), verified

    def authenticate_header(self, request: Request) -> str:
        """Return the challenge that goes with a 401."""
        return 'Bearer realm="api"'


def _verified(text: str) -> Token:
    """Check signature, algorithm, kind and expiry. Raises: AuthenticationFailed."""
    try:
        return AccessToken(cast("Token", text.encode()))
    except ExpiredTokenError as error:
        raise AuthenticationFailed(_EXPIRED) from error
    except (TokenError, ArithmeticError, OSError, RecursionError, ValueError) as error:
        # A header nested without end, or a claim beyond the calendar, escapes the library's own checks.
        raise AuthenticationFailed(INVALID) from error


def _user(token: Token) -> User:
    """Find the user, active and with the same password still. Raises: AuthenticationFailed."""
    try:
        return cast("User", JWTAuthentication().get_user(token))
    except (AuthenticationFailed, ValidationError) as error:
        raise AuthenticationFailed(INVALID) from error


class OwnOriginSessionAuthentication(SessionAuthentication):
    """Takes the session of the admin and of the browsable API, from pages of this origin alone.

    Pages of other origins have tokens. A cookie that their requests carry counts for nothing: browsers
    take another port of this host for the same site, and send it.
    """

    def authenticate(self, request: Request) -> tuple[User, None] | None:
        """Return the session's user, or None without one. Raises: PermissionDenied without a CSRF token."""
        return super().authenticate(request) if _is_of_own_origin(request) else None


def _is_of_own_origin(request: Request) -> bool:
    """Tell whether one of our pages asks, also behind a proxy; what is no browser says nothing of origins."""
    if request.headers.get("Sec-Fetch-Site") in _ELSEWHERE:
        return False
    own = {f"{request.scheme}://{request.get_host()}", *settings.CSRF_TRUSTED_ORIGINS}
    return "Origin" not in request.headers or request.headers["Origin"] in own
