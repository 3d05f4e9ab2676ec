"""What a password may be, beyond Django's own validators."""

from django.core.exceptions import ValidationError

from accounts.models import User

LONGEST_PASSWORD = 1024


class MaximumLengthValidator:
    """Refuses passwords longer than any that a person or a password manager makes."""

    def validate(self, password: str, user: User | None = None) -> None:
        """Raises: ValidationError."""
        if len(password) > LONGEST_PASSWORD:
            raise ValidationError(f"This password is longer than {LONGEST_PASSWORD} characters.")

    def get_help_text(self) -> str:
        """Return the rule for forms."""
        return f"Your password can have at most {LONGEST_PASSWORD} characters."
