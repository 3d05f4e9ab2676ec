"""The automation of the database in the admin."""

from dbops.admin import judging, learning, maintenance, observing, pool  # noqa: F401 - they register themselves
