"""The tokens that users log in with: signed, good for 24 hours, void once the password changes."""

from rest_framework_simplejwt.tokens import AccessToken

from accounts.models import User


def issue(user: User) -> str:
    """Return a new token of the user's."""
    return str(AccessToken.for_user(user))
