"""The one client of Valkey (or Redis) for what is not Celery's."""

from functools import cache

import redis
from django.conf import settings
from redis.backoff import NoBackoff
from redis.retry import Retry

TIMEOUT_S = 2.0


def client() -> "redis.Redis":
    """Return this process's client, for all its threads; it asks once, and waits two seconds at most.

    Whatever is kept there may be lost at any time.
    """
    return _client(settings.REDIS_URL)


@cache
def _client(url: str) -> "redis.Redis":
    return redis.Redis.from_url(
        url,
        socket_timeout=TIMEOUT_S,
        socket_connect_timeout=TIMEOUT_S,
        retry=Retry(NoBackoff(), 0),
    )
