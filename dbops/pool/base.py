"""What a pool of connections can be asked, and told."""

from abc import ABC, abstractmethod

from rest_framework.exceptions import APIException

from core.errors import CloudIntelError
from dbops.readings import PoolReading


class PoolError(CloudIntelError, APIException):
    """The pool did not answer, or refused; the message says what to do."""

    status_code = 503


class Pool(ABC):
    """A pool of connections to this database."""

    backend: str

    @abstractmethod
    def read(self) -> PoolReading:
        """Look at it, for no longer than a second. Raises: PoolError."""

    @abstractmethod
    def why_fixed(self) -> str:
        """Say why its size cannot be changed; empty where it can. Raises: PoolError."""

    @abstractmethod
    def resize(self, size: int) -> None:
        """Have it hold so many connections from now on. Raises: PoolError."""

    def size(self) -> int:
        """Return how many connections it may hold, without looking at what they do. Raises: PoolError."""
        return self.read().size

    def ceiling(self) -> tuple[int, str] | None:
        """Return what it cannot grow beyond and why; None where nothing but the server limits it."""
        return None
