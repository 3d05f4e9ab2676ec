"""Who changes a channel is in the audit log, whatever they logged in with."""

from contextlib import AbstractContextManager

from auditlog.context import set_actor

from accounts.models import User


def by(user: User) -> AbstractContextManager[None]:
    """Have the changes within noted as this user's."""
    changes: AbstractContextManager[None] = set_actor(user)
    return changes
