"""What users do with their accounts."""

from django.contrib.auth import update_session_auth_hash
from django.db import IntegrityError, transaction
from django.http import HttpRequest
from rest_framework.request import Request

from accounts import lockout, tokens
from accounts.errors import EmailTakenError, InvalidCredentialsError, WrongPasswordError
from accounts.models import User


def register(*, email: str, password: str) -> User:
    """Store a user without a role. Raises: EmailTakenError, also to the loser of a race."""
    if User.objects.filter(email=email).exists():
        raise EmailTakenError
    try:
        with transaction.atomic():
            return User.objects.create_user(email, password)
    except IntegrityError as error:
        raise EmailTakenError from error


def log_in(request: Request, *, email: str, password: str) -> str:
    """Return a token. Raises: InvalidCredentialsError, TooManyAttemptsError."""
    user = lockout.verified_user(request, email=email, password=password)
    if user is None:
        raise InvalidCredentialsError
    return tokens.issue(user)


def change_password(
    request: HttpRequest | Request, user: User, *, current_password: str, new_password: str
) -> str:
    """Give the user who asks a new password, which voids all older tokens and other sessions; return a token.

    Raises: WrongPasswordError, TooManyAttemptsError.
    """
    if lockout.verified_user(request, email=user.email, password=current_password) is None:
        raise WrongPasswordError
    user.set_password(new_password)
    user.save(update_fields=["password"])
    if getattr(request, "auth", None) is None:
        update_session_auth_hash(request, user)
    return tokens.issue(user)
