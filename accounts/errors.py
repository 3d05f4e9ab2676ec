"""What can go wrong with accounts, each with the status that the API answers."""

import math

from rest_framework.exceptions import APIException, Throttled

from core.api import RETRY_AFTER_S


class InvalidCredentialsError(APIException):
    """E-mail and password do not belong together, or the user is disabled: which of these is not told."""

    status_code = 401
    default_detail = "Invalid credentials"
    default_code = "invalid_credentials"
    auth_header = 'Bearer realm="api"'


class WrongPasswordError(APIException):
    """The password that was to be confirmed is another one."""

    status_code = 400
    default_detail = "The current password is wrong"
    default_code = "wrong_password"


class EmailTakenError(APIException):
    """Somebody has registered with this address already."""

    status_code = 409
    default_detail = "User with this email already exists"
    default_code = "email_taken"


class TooManyAttemptsError(Throttled):
    """Too many wrong passwords; the right one is not even looked at for a while."""

    def __init__(self, wait_s: float) -> None:
        minutes = math.ceil(wait_s / 60)
        unit = "minute" if minutes == 1 else "minutes"
        super().__init__(detail=f"Too many wrong passwords; try again in {minutes} {unit}.")
        self.wait = math.ceil(wait_s)


class IssuerAwayError(APIException):
    """Whether a token of another issuer is good cannot be told: the issuer does not give its keys."""

    status_code = 503
    default_detail = "The issuer of the token does not answer; try again shortly."
    default_code = "issuer_away"
    wait = RETRY_AFTER_S
