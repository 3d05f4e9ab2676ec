"""Other services, which come with an OpenID Connect token of an issuer that OIDC_ISSUERS names.

A token is believed where all of this holds: it is signed by a key that the issuer has now (RS256 or ES256),
is for OIDC_AUDIENCE and for nobody else, has begun and not expired, and tells a verified e-mail that is among
OIDC_CALLERS. Which of it does not hold is for the log; the caller is told that the token is invalid.

The caller is the user with that e-mail. It is made on first use, without a password and as an operator; one
that is there already keeps the roles it has, so that nobody gains a role by registering with that address.
Source: OpenID Connect Core 1.0, section 3.1.3.7.
"""

import logging
from typing import Any

import jwt
from django.conf import settings
from django.contrib.auth.models import Group
from django.db import IntegrityError, transaction
from django.utils import timezone
from rest_framework.exceptions import AuthenticationFailed

from accounts import issuers
from accounts.authentication import INVALID, BearerAuthentication, OwnOriginSessionAuthentication
from accounts.issuers import ALGORITHMS
from accounts.models import User
from accounts.permissions import Role

logger = logging.getLogger(__name__)

LEEWAY_S = 30
"""By how much the issuer's clock may be ahead of ours."""
_REQUIRED = ["exp", "iat", "iss", "aud"]
# A header nested without end, or a claim beyond the calendar, escapes the library's own checks.
_UNREADABLE = (jwt.InvalidTokenError, ArithmeticError, OSError, RecursionError, TypeError, ValueError)


class _RefusedError(Exception):
    """The token is not believed; the message is for the log."""


class CallerAuthentication(BearerAuthentication):
    """Takes the tokens of other services beside our own; for the routes that start and follow pipelines."""

    def bearer(self, token: str) -> tuple[User, Any]:
        """Return the user, and a foreign token's issuer. Raises: AuthenticationFailed, IssuerAwayError."""
        issuer = issuer_of(token)
        if issuer is None:
            return super().bearer(token)
        try:
            return _user(_verified_email(token, issuer)), issuer
        except (*_UNREADABLE, _RefusedError) as error:
            logger.warning("A token of %s is refused: %s: %s", issuer, type(error).__name__, error)
            raise AuthenticationFailed(INVALID) from error


ALSO_SERVICES = (CallerAuthentication, OwnOriginSessionAuthentication)
"""Who may ask what other services may ask as well."""


def issuer_of(token: str) -> str | None:
    """Return whose token that says it is, where that is one of OIDC_ISSUERS; nothing is verified."""
    try:
        issuer = jwt.decode(token, options={"verify_signature": False}).get("iss")
    except _UNREADABLE:
        return None
    return issuer if isinstance(issuer, str) and issuer in settings.OIDC_ISSUERS else None


def _verified_email(token: str, issuer: str) -> str:
    """Return the e-mail of a caller. Raises: IssuerAwayError, and what is among `_UNREADABLE`, or refused."""
    claims = jwt.decode(
        token,
        _key(token, issuer),
        algorithms=ALGORITHMS,
        audience=settings.OIDC_AUDIENCE,
        issuer=issuer,
        leeway=LEEWAY_S,
        options={"require": _REQUIRED},
    )
    if claims["aud"] not in (settings.OIDC_AUDIENCE, [settings.OIDC_AUDIENCE]):
        raise _RefusedError("it is for others, too")
    # The leeway is for what has not begun by our clock; what is over is over.
    if int(claims["exp"]) <= timezone.now().timestamp():
        raise _RefusedError("it has expired")
    return _allowed(claims)


def _key(token: str, issuer: str) -> jwt.PyJWK:
    """Return the key that the token says it is signed with. Raises: IssuerAwayError, _RefusedError."""
    header = jwt.get_unverified_header(token)
    kid, algorithm = header.get("kid"), header.get("alg")
    if algorithm not in ALGORITHMS or not isinstance(kid, str):
        raise _RefusedError("its header names no key, or an algorithm that is not accepted")
    key = issuers.known(issuer).key(kid)
    if key is None or key.algorithm_name != algorithm:
        raise _RefusedError(f"the issuer has no key {kid[:100]!r} for {algorithm}")
    return key


def _allowed(claims: dict[str, Any]) -> str:
    """Return the e-mail, where it is verified and that of a caller. Raises: _RefusedError."""
    email = str(claims.get("email", "")).lower()
    if claims.get("email_verified") is not True:
        raise _RefusedError("its e-mail is not verified")
    if email not in {caller.strip().lower() for caller in settings.OIDC_CALLERS}:
        raise _RefusedError(f"{email[:254]!r} is not among OIDC_CALLERS")
    return email


def _user(email: str) -> User:
    """Return the active user with this e-mail, made where there is none. Raises: _RefusedError."""
    user = User.objects.filter(email=email).first() or _made(email)
    if not user.is_active:
        raise _RefusedError(f"{email} is disabled")
    return user


def _made(email: str) -> User:
    """Make an operator who cannot log in, or find the one that another request has just made."""
    try:
        with transaction.atomic():
            user = User.objects.create_user(email)
            user.groups.add(Group.objects.get_or_create(name=Role.OPERATOR)[0])
            return user
    except IntegrityError:
        return User.objects.get(email=email)
