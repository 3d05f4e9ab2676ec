"""The pool that PgBouncer keeps for this application, watched and sized through its admin console.

Source: https://www.pgbouncer.org/usage.html#admin-console, and what version 1.18 was seen to do: a pool
grows within a third of a second of SET, keeps those of its surplus connections that are never free until
RECONNECT, and is as large as its file says again after RELOAD.
"""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import mean

from dbops.pool.base import Pool, PoolError
from dbops.pool.console import Console, quoted
from dbops.readings import PoolReading

LOOKS = 5
LOOK_EVERY_S = 0.1
PATIENCE_S = 2.0
_LONG_WAIT_S = 0.1
"""Who has waited for longer did not merely wait for a connection that was being opened."""


@dataclass(frozen=True, slots=True)
class Look:
    """The pool at one moment: `waiting` are clients that have no connection to wait for but a busy one."""

    busy: int
    idle: int
    waiting: int
    max_wait_s: float


@dataclass(frozen=True, slots=True)
class Sizes:
    """How large the pool may be: `own` is the database's, which follows `default` unless it is configured."""

    own: int
    default: int
    most: int
    """What the database's max_db_connections allows; 0 without a limit."""
    is_known: bool
    user: str
    """Whom PgBouncer logs in for everybody; empty where it logs in who asks."""

    @property
    def effective(self) -> int:
        return min(self.own, self.most) if self.most else self.own


class PgBouncer(Pool):
    """The pool of one database and user, whose size is PgBouncer's default_pool_size."""

    backend = "pgbouncer"

    def __init__(self, url: str, *, database: str, user: str) -> None:
        self._url = url
        self._database = database
        self._user = user

    def read(self) -> PoolReading:
        """Look at it several times within half a second, so that no single moment decides."""
        with self._console() as console:
            sizes = self._sizes(console)
            looks = [self._look(console, sizes) for _ in paced(LOOKS, LOOK_EVERY_S)]
        return summary(sizes.effective, looks)

    def size(self) -> int:
        """Return the size that holds now."""
        with self._console() as console:
            return self._sizes(console).effective

    def why_fixed(self) -> str:
        """Say when the database has a size of its own, which the console cannot change."""
        with self._console() as console:
            sizes = self._sizes(console)
        return self._own_size(sizes.own) if sizes.own != sizes.default else ""

    def ceiling(self) -> tuple[int, str] | None:
        """Return what PgBouncer allows this database in all."""
        with self._console() as console:
            most = self._sizes(console).most
        return (most, f"PgBouncer's max_db_connections allows {most}") if most else None

    def resize(self, size: int) -> None:
        """Set the size; connections that are too many are closed as soon as they are free."""
        with self._console() as console:
            before = self._sizes(console)
            console.ask(f"SET default_pool_size = {size:d}")
            if self._sizes(console).own != size:
                # Other databases follow the default, and are none of this application's business.
                console.ask(f"SET default_pool_size = {before.default:d}")
                raise PoolError(self._own_size(before.own))
            if size < before.own and before.is_known:
                console.ask(f"RECONNECT {quoted(self._database)}")

    def _console(self) -> Console:
        return Console(self._url, within_s=PATIENCE_S)

    def _sizes(self, console: Console) -> Sizes:
        default = _number(console.ask("SHOW CONFIG"), "default_pool_size")
        for row in console.ask("SHOW DATABASES"):
            if row["name"] == self._database:
                return Sizes(
                    own=int(row["pool_size"]),
                    default=default,
                    most=int(row["max_connections"]),
                    is_known=True,
                    user=row["force_user"] or "",
                )
        # One that its entry `*` stands for appears when its first client does.
        return Sizes(own=default, default=default, most=0, is_known=False, user="")

    def _look(self, console: Console, sizes: Sizes) -> Look:
        user = sizes.user or self._user
        rows = [
            row
            for row in console.ask("SHOW POOLS")
            if row["database"] == self._database and row["user"] == user
        ]
        busy = sum(row["sv_active"] + row.get("sv_being_canceled", 0) for row in rows)
        wait_s = max((row["maxwait"] + row["maxwait_us"] / 1e6 for row in rows), default=0.0)
        is_short = busy >= sizes.effective or wait_s >= _LONG_WAIT_S
        return Look(
            busy=busy,
            idle=sum(row["sv_idle"] + row["sv_used"] + row["sv_tested"] for row in rows),
            waiting=sum(row["cl_waiting"] for row in rows) if is_short else 0,
            max_wait_s=wait_s if is_short else 0.0,
        )

    def _own_size(self, size: int) -> str:
        return (
            f"PgBouncer's configuration gives the database {self._database} a pool_size of its own ({size}), "
            "which cannot be changed through its console: remove it there, and RELOAD."
        )


def summary(size: int, looks: Sequence[Look]) -> PoolReading:
    """Join looks to a reading: what was busy on average, and the most that waited.

    A pool for which clients waited in most of the looks has no share left, whatever its connections did.
    """
    active = mean(look.busy for look in looks)
    is_saturated = sum(look.waiting > 0 for look in looks) * 2 > len(looks)
    return PoolReading(
        backend=PgBouncer.backend,
        size=size,
        active=active,
        idle=mean(look.idle for look in looks),
        waiting=max(look.waiting for look in looks),
        max_wait_s=max(look.max_wait_s for look in looks),
        utilization=1.0 if is_saturated else min(1.0, active / max(size, 1)),
    )


def paced(times: int, every_s: float) -> Iterator[None]:
    """Yield so many times, so many seconds apart."""
    for number in range(times):
        if number:
            time.sleep(every_s)
        yield


def _number(rows: list[dict[str, str]], key: str) -> int:
    return next(int(row["value"]) for row in rows if row["key"] == key)
