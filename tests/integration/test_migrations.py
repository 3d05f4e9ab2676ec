"""Migrations whose way back has to do with rows."""

from datetime import date

import pytest
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

from collectors.models import AwsSpend, Purpose
from tests import builders

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def migrate():
    """Migrate to where it is told, and to the newest afterwards."""
    newest = MigrationExecutor(connection).loader.graph.leaf_nodes()
    yield lambda *targets: MigrationExecutor(connection).migrate(list(targets))
    MigrationExecutor(connection).migrate(newest)


def test_a_day_on_which_the_autoscaler_spent_is_no_obstacle_on_the_way_back(migrate):
    account = builders.account()
    for purpose, amount in ((Purpose.COLLECT, "0.25"), (Purpose.SCALE, "0.75")):
        AwsSpend.objects.create(account=account, date=date(2026, 3, 20), purpose=purpose, amount_usd=amount)
    migrate(("scaling", None), ("collectors", "0004_room_for_updates"))
    with connection.cursor() as cursor:
        cursor.execute("SELECT amount_usd FROM collectors_awsspend")
        assert [float(amount) for (amount,) in cursor.fetchall()] == [0.25]
