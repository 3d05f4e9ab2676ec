"""Brings the database up to date around a pooler."""

from typing import Any

from django.core.management.commands import migrate

from dbops import direct


class Command(migrate.Command):
    """Django's own `migrate`, on a session with the server itself."""

    def handle(self, *args: Any, **options: Any) -> None:
        """Migrate by DATABASE_DIRECT_URL, wherever DATABASE_URL leads."""
        with direct.instead_of_pooled():
            super().handle(*args, **options)
