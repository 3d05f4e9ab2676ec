"""What a pool of connections can be asked, and told."""

from abc import ABC, abstractmethod

from core.errors import CloudIntelError
from dbops.readings import PoolReading


class PoolError(CloudIntelError):
    """The pool did not answer, or refused; the message says what to do."""


class Pool(ABC):
    """A pool of connections to this database."""

    backend: str

    @abstractmethod
    def read(self) -> PoolReading:
        """Look at it, for no longer than a second. Raises: PoolError."""

    @abstractmethod
    def why_fixed(self) -> str:
        """Say why its size cannot be changed; empty where it can."""

    @abstractmethod
    def resize(self, size: int) -> None:
        """Have it hold so many connections from now on. Raises: PoolError."""
