"""What keeps a backup from being verified."""

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg2
from psycopg2.errors import QueryCanceled

from core.errors import CloudIntelError, TransientCloudError

_PASSING = ("08", "40", "53300", "55P03", "57P")
"""How the codes of errors begin that say nothing of a dump: connections, deadlocks, locks, shutdowns."""


class BackupError(CloudIntelError):
    """The dump could not be made, stored or restored; the message says why, and what to do about it."""


class NotMadeError(TransientCloudError):
    """Something was in the way that may be gone at the next attempt; it says nothing about any dump."""


class CutShortError(CloudIntelError):
    """Somebody, or a limit of time, ended the verification; it says nothing about any dump."""


@contextmanager
def told_apart() -> Iterator[None]:
    """Tell what was in the way from what is wrong with a dump. Raises: NotMadeError, CutShortError."""
    try:
        yield
    except QueryCanceled as error:
        raise CutShortError(_written(error)) from error
    except psycopg2.Error as error:
        if _passes(error):
            raise NotMadeError(_written(error)) from error
        raise


def _passes(error: psycopg2.Error) -> bool:
    if error.pgcode is None:  # it is not the server that tells it: there is no connection
        return isinstance(error, psycopg2.OperationalError | psycopg2.InterfaceError)
    return error.pgcode.startswith(_PASSING)


def _written(error: psycopg2.Error) -> str:
    return f"The backup could not be checked: {str(error).strip()}"
