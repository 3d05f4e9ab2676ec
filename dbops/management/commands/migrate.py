"""Brings the database up to date around a pooler."""

from typing import Any

from django.core.management.commands import migrate

from dbops import direct


class Command(migrate.Command):
    """Django's own `migrate`, on a session with the server itself."""

    def execute(self, *args: Any, **options: Any) -> str | None:
        """Migrate by DATABASE_DIRECT_URL, wherever DATABASE_URL leads."""
        with direct.instead_of_pooled():
            # Its checks ask the server for its version, before anything is handled.
            return super().execute(*args, **options)
