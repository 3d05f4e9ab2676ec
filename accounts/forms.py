"""Forms by which people log in with a session."""

from typing import TYPE_CHECKING, Any

from django.contrib.admin.forms import AdminAuthenticationForm
from django.contrib.auth.forms import AuthenticationForm
from django.core.exceptions import ValidationError
from django.http import HttpRequest

from accounts import lockout

if TYPE_CHECKING:  # a mixin of such forms, for the type checker
    _Form = AuthenticationForm
else:
    _Form = object


class _TakesTurns(_Form):
    """Attempts at one e-mail take turns, as they do in the API."""

    request: HttpRequest

    def clean(self) -> dict[str, Any]:
        """Check the password when it is this attempt's turn. Raises: ValidationError."""
        with lockout.taking_turns(self.request, self.cleaned_data.get("username", "")):
            try:
                return super().clean()
            except ValidationError as error:  # raised from in there, it would undo the failure's count
                refusal = error
        raise refusal


class AdminLoginForm(_TakesTurns, AdminAuthenticationForm):
    """The admin's login."""


class LoginForm(_TakesTurns, AuthenticationForm):
    """The login of everybody; an unknown e-mail is told no more than a wrong password or a locked account."""

    error_messages = {
        "invalid_login": (
            "E-mail and password do not belong together, or the account is not active; "
            "an administrator can activate it."
        ),
        "inactive": "This account is not active; an administrator can activate it.",
    }
