"""The automation of the database in the admin."""

from dbops.admin import maintenance

__all__ = ["maintenance"]
