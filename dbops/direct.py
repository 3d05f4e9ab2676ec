"""Connections to the server itself, around a pooler: for what a pooled session cannot do."""

import os
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

import psycopg2
from django.conf import settings
from django.db import connections
from psycopg2.extensions import connection as Connection  # noqa: N812 - it is a class

from core.sessions import AUTOMATION

NAME = AUTOMATION
"""What these sessions call themselves, so that they are told apart from those of the application."""


def parameters(*, database: str | None = None) -> dict[str, Any]:
    """Return where the server is and who asks, as libpq names it; of this database, or of another one."""
    name = database or connections["default"].settings_dict["NAME"]
    direct = settings.DATABASE_DIRECT
    given = {
        "host": direct["HOST"],
        "port": direct["PORT"],
        "user": direct["USER"],
        "password": direct["PASSWORD"],
    }
    known = {key: value for key, value in given.items() if value}
    return {"dbname": name, **known, **settings.DATABASE_DIRECT_TLS}


def environment(*, database: str | None = None) -> dict[str, str]:
    """Return an environment in which PostgreSQL's own programs reach that database."""
    names = {
        "dbname": "PGDATABASE",
        "host": "PGHOST",
        "port": "PGPORT",
        "user": "PGUSER",
        "password": "PGPASSWORD",
    }
    told = {
        names.get(key, f"PG{key.upper()}"): str(value) for key, value in parameters(database=database).items()
    }
    return {"PATH": os.defpath, "LC_ALL": "C", "PGAPPNAME": NAME, **told}


@contextmanager
def connect(
    *, statement_timeout_ms: int, lock_timeout_ms: int | None = None, database: str | None = None
) -> Iterator[Connection]:
    """Open a session that commits each statement by itself, and gives up those that take too long."""
    limits = {
        "statement_timeout": statement_timeout_ms,
        "lock_timeout": lock_timeout_ms or statement_timeout_ms,
    }
    options = " ".join(f"-c {name}={value}" for name, value in limits.items())
    with closing(
        psycopg2.connect(
            **parameters(database=database), application_name=NAME, connect_timeout=5, options=options
        )
    ) as session:
        session.autocommit = True
        yield session


@contextmanager
def instead_of_pooled() -> Iterator[None]:
    """Have Django's own connection lead to the server itself meanwhile."""
    pooled = connections["default"]
    options = {**pooled.settings_dict["OPTIONS"], **settings.DATABASE_DIRECT_TLS}
    here = {**settings.DATABASE_DIRECT, "OPTIONS": options}
    there = {name: pooled.settings_dict[name] for name in here}
    if there == here:
        yield
        return
    pooled.close()
    pooled.settings_dict.update(here)
    try:
        yield
    finally:
        pooled.close()
        pooled.settings_dict.update(there)
