"""Backups of the database, each of which is proved by restoring it."""

from dbops.backups.verifying import verify

__all__ = ["verify"]
