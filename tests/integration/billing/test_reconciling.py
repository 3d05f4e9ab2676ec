"""What billing files say of a day is held against what Cost Explorer says."""

from datetime import UTC, date, datetime

import pytest
from django.db import transaction
from django.utils import timezone

from collectors.billing import reconciling
from collectors.models import Reconciliation
from tests import builders
from tests.integration.billing import telling
from tests.integration.billing.conftest import collect

pytestmark = pytest.mark.django_db(transaction=True)

DAY, NEXT = "2026-03-01", "2026-03-02"
NOW = datetime(2026, 3, 20, tzinfo=UTC)


def compare(since=DAY):
    with transaction.atomic():
        return reconciling.reconcile(date.fromisoformat(since), NOW)


def compared():
    return {
        (row.date.isoformat(), row.unit): tuple(
            map(str, (row.files_amount, row.explorer_amount, row.difference))
        )
        for row in Reconciliation.objects.all()
    }


@pytest.fixture
def account():
    return builders.account(telling.ACCOUNT)


def test_the_difference_is_what_files_say_less_what_cost_explorer_says(account):
    builders.cost(account, DAY, "1.25", source="files")
    builders.cost(account, DAY, "2", source="files", service="AmazonS3")
    builders.cost(account, DAY, "3.5", service="Amazon EC2")
    assert compare() == 1
    assert compared() == {(DAY, "USD"): ("3.25", "3.5", "-0.25")}


def test_a_day_that_only_one_tells_of_is_not_compared(account):
    builders.cost(account, DAY, "1", source="files")
    builders.cost(account, NEXT, "1")
    assert compare() == 0
    assert compared() == {}


def test_currencies_are_compared_by_themselves(account):
    for unit, amount in (("USD", "1"), ("CNY", "7")):
        builders.cost(account, DAY, amount, unit=unit, source="files")
        builders.cost(account, DAY, amount, unit=unit)
    builders.cost(account, NEXT, "1", unit="CNY", source="files")
    builders.cost(account, NEXT, "1", unit="USD")
    compare()
    assert compared() == {(DAY, "USD"): ("1", "1", "0"), (DAY, "CNY"): ("7", "7", "0")}


def test_only_what_was_charged_is_compared(account):
    builders.cost(account, DAY, "1", source="files")
    builders.cost(account, DAY, "9", source="files", basis="effective")
    builders.cost(account, DAY, "1")
    compare()
    assert compared() == {(DAY, "USD"): ("1", "1", "0")}


def test_what_is_compared_no_more_goes_and_what_lies_before_stays(account):
    for day in (DAY, NEXT):
        builders.reconciliation(account, day)
    compare(since=NEXT)
    assert list(compared()) == [(DAY, "USD")]


def test_a_run_compares_the_days_that_files_told_of(folder, account):
    builders.cost(account, "2020-01-05", "1")
    folder.write("a.csv", "2020-01-05 3")
    folder.manifest("a.csv", start="2020-01-01", end="2020-02-01")
    assert collect().counts["reconciled"] == 1
    assert compared() == {("2020-01-05", "USD"): ("3", "1", "2")}


def test_a_run_without_news_compares_what_cost_explorer_restated(folder, account):
    today = timezone.now().date().isoformat()
    folder.write("a.csv", f"{today} 3")
    folder.manifest("a.csv")
    restated = builders.cost(account, today, "1")
    collect()
    restated.amount = 2
    restated.save()
    collect()
    assert compared() == {(today, "USD"): ("3", "2", "1")}
