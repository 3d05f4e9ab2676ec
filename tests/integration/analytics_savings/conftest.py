from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from analytics.savings import service
from tests import builders

NOW = datetime(2026, 3, 20, 10, tzinfo=UTC)
TODAY = NOW.date()


def days_ago(days):
    """A moment so many days before now."""
    return NOW - timedelta(days=days)


def day(days):
    """The ISO day so many days before today."""
    return (TODAY - timedelta(days=days)).isoformat()


@pytest.fixture
def prices():
    """Round prices in eu-west-1."""
    return builders.price_list(hourly={"m5.xlarge": "0.2", "m5.large": "0.1", "m6i.xlarge": "0.18"})


@pytest.fixture
def compute(claimed, prices):
    """Compute savings as of now, or of another moment."""

    def computed(now=NOW):
        return service.compute(claimed, now)

    return computed


def histogram(percent, count=288):
    """Samples that are all in the bucket of that percent."""
    return Decimal(count * 10 ** (8 * int(percent)))


def sampled(of, *, percent, days=range(1, 15), **fields):
    """A fortnight of whole days of samples at that CPU load."""
    for number in days:
        builders.metric_day(of, day(number), percent, cpu_histogram=histogram(percent), **fields)


def told(of, *, average, days=range(1, 15), **fields):
    """A fortnight of daily figures; the highest is twice the average."""
    for number in days:
        builders.cpu_day(of, day(number), average, **fields)


def machine(owner=None, **fields):
    return builders.instance(
        owner, **{"instance_type": "m5.xlarge", "platform": "Linux/UNIX", "name": "web", **fields}
    )
