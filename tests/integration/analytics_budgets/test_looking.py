"""How far budgets are along, what is told of that, and when it is over."""

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from alerts.models import Alert, Severity
from analytics import computing
from analytics.budgets import service
from analytics.models import Budget, Computation, CostForecast, Subject
from pipelines import ledger
from pipelines.models import Status
from pipelines.params import INTELLIGENCE
from tests import builders
from tests.integration.conftest import work_off

pytestmark = pytest.mark.django_db

NOON = datetime(2026, 3, 11, 12, tzinfo=UTC)
"""Ten days of March are over."""


@pytest.fixture
def account():
    return builders.account("111111111111")


def budget(**fields):
    return Budget.objects.create(**{"name": "all", "amount": Decimal(100), **fields})


def charged(account, amount="5", days=range(1, 11), month="2026-03", **fields):
    for day in days:
        builders.cost(account, f"{month}-{day:02}", amount, **fields)


def looked(of, at=NOON, **how):
    service.look(of.pk, at, **how)
    of.refresh_from_db()
    return of.status


def opened():
    return {alert.key: alert for alert in Alert.objects.unresolved()}


def crossed(status, measure="actual"):
    return {each["percent"]: each["crossed"] for each in status.thresholds if each["measure"] == measure}


def expecting(amount, owner=None, service=""):
    """Have forecast what March will cost in a scope."""
    CostForecast.objects.filter(account=owner, service=service).delete()
    builders.cost_forecast(owner, service, expected=amount)


# --- Spend -----------------------------------------------------------------------------------
def test_what_is_spent_is_the_sum_of_the_months_charges(account):
    charged(account)
    charged(account, "99", days=[28], month="2026-02")
    status = looked(budget())
    assert (status.month, status.spent, status.unknown_days) == (date(2026, 3, 1), 50, [])
    assert crossed(status) == {50: True, 80: False, 100: False}


@pytest.mark.parametrize(
    ("scope", "spent"),
    [({"account": True}, 30), ({"service": "AmazonS3"}, 20), ({"account": True, "service": "AmazonS3"}, 10)],
    ids=["account", "service", "both"],
)
def test_a_budget_counts_what_is_in_its_scope(account, scope, spent):
    other = builders.account()
    charged(account, "2")
    charged(account, "1", service="AmazonS3")
    charged(other, "1", service="AmazonS3")
    scope = {**scope, **({"account": account} if "account" in scope else {})}
    assert looked(budget(**scope)).spent == spent


def test_days_that_one_account_lacks_are_unknown_and_not_free(account):
    charged(account)
    charged(builders.account(), days=range(1, 8))
    status = looked(budget(amount=Decimal(1000)))
    assert status.unknown_days == ["2026-03-08", "2026-03-09", "2026-03-10"]
    assert status.reason == "Days not collected: 3."
    assert crossed(status) == {50: None, 80: None, 100: None}


def test_an_account_that_is_not_asked_any_more_is_not_waited_for(account):
    charged(account)
    charged(builders.account(enabled=False), days=[1])
    assert (looked(budget()).spent, looked(Budget.objects.get()).unknown_days) == (55, [])


def test_credits_count_and_other_currencies_are_not_added(account):
    charged(account)
    builders.cost(account, "2026-03-05", "-12.5", service="Credits")
    builders.cost(account, "2026-03-06", "3", unit="EUR")
    status = looked(budget())
    assert (status.spent, status.unknown_days) == (Decimal("37.5"), ["2026-03-06"])


def test_each_account_is_counted_from_one_source(account):
    charged(account)
    charged(account, source="files")
    assert looked(budget()).spent == 50


@pytest.fixture
def by_team(account):
    """Each day of March: 3 for web, 1 for shop, 1 without a team."""
    charged(account)
    for day in range(1, 11):
        for amount, value in (("3", "web"), ("1", "shop"), ("1", "")):
            builders.cost_by_tag(account, f"2026-03-{day:02}", amount, value)


@pytest.mark.parametrize(("value", "spent"), [("web", 30), ("shop", 10), ("", 10), ("gone", 0)])
def test_a_budget_for_a_tag_counts_what_billing_files_tell_of_it(by_team, value, spent):
    status = looked(budget(tag_key="team", tag_value=value))
    assert (status.spent, status.unknown_days, status.reason) == (spent, [], "")
    assert crossed(status, "forecast") == {50: None, 80: None, 100: None}
    assert status.thresholds[-1]["reason"] == "Costs by tag are not forecast."


@pytest.mark.parametrize(
    ("scope", "spent"), [({"service": "AmazonS3"}, 2), ({"account": True}, 30)], ids=["service", "account"]
)
def test_a_tag_is_counted_within_the_rest_of_the_scope(account, by_team, scope, spent):
    other = builders.account(enabled=False)
    builders.cost_by_tag(other, "2026-03-01", "2", "web", service="AmazonS3")
    scope = {**scope, **({"account": account} if "account" in scope else {})}
    assert looked(budget(tag_key="team", tag_value="web", **scope)).spent == spent


def test_days_of_which_no_file_tells_the_tag_are_unknown_and_say_why(account, by_team):
    charged(builders.account(), days=range(1, 11))
    status = looked(budget(tag_key="team", tag_value="web"))
    assert (status.spent, len(status.unknown_days)) == (30, 10)
    assert status.reason == "Days with charges whose tags are unknown, or in another currency: 10."
    assert crossed(status) == {50: None, 80: None, 100: None}


def test_of_a_tag_that_no_file_tells_nothing_is_known(by_team):
    status = looked(budget(tag_key="Team", tag_value="web"))
    assert (status.spent, len(status.unknown_days)) == (None, 10)


def test_values_that_are_not_told_apart_could_be_any(account, by_team):
    builders.cost_by_tag(account, "2026-03-04", "2", is_other=True)
    status = looked(budget(tag_key="team", tag_value="web"))
    assert (status.spent, status.unknown_days) == (30, ["2026-03-04"])


def test_on_the_first_of_a_month_nothing_is_known_yet(account):
    charged(account)
    status = looked(budget(), datetime(2026, 4, 1, 9, tzinfo=UTC))
    assert (status.month, status.spent) == (date(2026, 4, 1), None)


# --- What is told ----------------------------------------------------------------------------
def test_each_threshold_is_told_once_a_month(account):
    charged(account)
    of = budget()
    looked(of)
    looked(of)
    (alert,) = opened().values()
    assert (alert.key, alert.count, alert.severity) == (
        f"budget:{of.pk}:2026-03:actual:50",
        1,
        Severity.WARNING,
    )
    assert alert.title == "Budget all: 50 % are spent"
    assert alert.body == "50.00 (50.0 %) of 100 USD for March 2026 are spent."


def test_all_of_it_is_worse_than_a_part(account):
    charged(account, "10")
    of = budget()
    looked(of)
    severities = {key.rpartition(":")[2]: alert.severity for key, alert in opened().items()}
    assert severities == {"50": Severity.WARNING, "80": Severity.WARNING, "100": Severity.ERROR}


def test_what_is_expected_is_told_apart_from_what_is_spent(account):
    charged(account, "1")
    expecting(Decimal(85))
    of = budget()
    status = looked(of)
    assert (status.spent, status.forecast) == (10, 85)
    assert crossed(status, "forecast") == {50: True, 80: True, 100: False}
    assert {key.rpartition("2026-03:")[2] for key in opened()} == {"forecast:50", "forecast:80"}
    assert opened()[f"budget:{of.pk}:2026-03:forecast:80"].body == (
        "The month is expected to come to 85.00 (85.0 %) of 100 USD for March 2026."
    )


@pytest.mark.parametrize(
    ("scope", "forecast"),
    [
        ({}, 900),
        ({"account": True}, 300),
        ({"service": "AmazonS3"}, None),
        ({"account": True, "service": "AmazonS3"}, 30),
        ({"tag_key": "team", "tag_value": "web"}, None),
        ({"account": True, "currency": "EUR"}, None),
    ],
)
def test_a_budget_is_held_against_the_forecast_of_its_own_scope(account, scope, forecast):
    charged(account, "1")
    expecting(900)
    expecting(300, account)
    expecting(30, account, "AmazonS3")
    scope = {**scope, **({"account": account} if "account" in scope else {})}
    assert looked(budget(**scope)).forecast == forecast


def test_a_correction_below_a_threshold_and_up_again_tells_nobody_twice(account):
    charged(account, "1")
    of = budget()
    for amount in (Decimal(85), Decimal(70), Decimal(90)):
        expecting(amount)
        looked(of)
    assert opened()[f"budget:{of.pk}:2026-03:forecast:80"].count == 1
    assert Alert.objects.filter(key__endswith="forecast:80").count() == 1


def test_with_the_month_its_alerts_are_over_and_the_next_begins_anew(account):
    charged(account)
    of = budget()
    looked(of)
    looked(of, datetime(2026, 4, 1, 9, tzinfo=UTC))
    assert not opened()
    charged(account, "60", days=[1], month="2026-04")
    looked(of, datetime(2026, 4, 2, 9, tzinfo=UTC))
    assert list(opened()) == [f"budget:{of.pk}:2026-04:actual:50"]


def test_a_raised_budget_is_over_what_it_does_not_cross_any_more(account):
    charged(account, "10")
    of = budget()
    looked(of)
    of.amount = Decimal(200)
    of.save()
    looked(of, is_changed=True)
    assert list(opened()) == [f"budget:{of.pk}:2026-03:actual:50"]


def test_what_a_raised_budget_crosses_later_is_news(account):
    charged(account, "10", days=range(1, 10))
    of = budget()
    looked(of)
    of.amount = Decimal(125)
    of.save()
    looked(of, is_changed=True)
    assert f"budget:{of.pk}:2026-03:actual:80" not in opened()
    charged(account, "10", days=[10])
    looked(of)
    assert f"budget:{of.pk}:2026-03:actual:80" in opened()


# --- Each night ------------------------------------------------------------------------------
@pytest.fixture
def night(sent, now, monkeypatch):
    """End a nightly computation: `night(at=NOON)`."""
    monkeypatch.setattr(computing, "_steps", {})

    def run(at=NOON):
        now(at)
        started = ledger.start(INTELLIGENCE)
        work_off(started)
        started.refresh_from_db()
        assert started.status == Status.SUCCEEDED, started.error
        return started

    return run


def test_each_night_all_budgets_are_looked_at(account, night):
    charged(account)
    one, other = budget(), budget(name="S3", service="AmazonS3")
    run = night()
    assert run.counts == {"budgets": 2, "budget_notices": 1}
    assert (Budget.objects.get(pk=one.pk).status.spent, Budget.objects.get(pk=other.pk).status.spent) == (
        50,
        0,
    )
    assert Computation.objects.get(subject=Subject.BUDGETS).computed_at == NOON


def test_alerts_of_budgets_that_went_with_their_account_are_over(account, night):
    charged(account)
    looked(budget(account=account))
    account.delete()
    night()
    assert not opened()
