"""What keeps a backup from being verified."""

from core.errors import CloudIntelError


class BackupError(CloudIntelError):
    """The dump could not be made, stored or restored; the message says why, and what to do about it."""
