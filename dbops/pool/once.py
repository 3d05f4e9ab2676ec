"""A pool that is looked at once, for all who have to judge by the same look."""

from dbops.pool.base import Pool, PoolError
from dbops.readings import PoolReading


class Once(Pool):
    """Repeats the first reading of another pool, or the error that it met."""

    def __init__(self, pool: Pool) -> None:
        self.backend = pool.backend
        self._pool = pool
        self._found: PoolReading | PoolError | None = None

    def read(self) -> PoolReading:
        """Look at it, the first time. Raises: PoolError."""
        if self._found is None:
            self._found = self._looked()
        if isinstance(self._found, PoolError):
            raise self._found
        return self._found

    def _looked(self) -> PoolReading | PoolError:
        try:
            return self._pool.read()
        except PoolError as error:
            return error

    def why_fixed(self) -> str:
        return self._pool.why_fixed()

    def resize(self, size: int) -> None:
        self._pool.resize(size)
