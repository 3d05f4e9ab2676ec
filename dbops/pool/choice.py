"""Which pool this application's connections come from."""

from django.conf import settings
from django.db import connections

from dbops.pool.base import Pool
from dbops.pool.observed import Observed
from dbops.pool.pgbouncer import PgBouncer


def chosen() -> Pool:
    """Return the pool that PGBOUNCER_ADMIN_URL names, else the server as it is."""
    if not settings.PGBOUNCER_ADMIN_URL:
        return Observed()
    asked = connections["default"].settings_dict
    return PgBouncer(settings.PGBOUNCER_ADMIN_URL, database=asked["NAME"], user=asked["USER"])
