"""Budgets: what a month's spend is known to be, and which thresholds it has newly crossed."""

from datetime import date, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics.budgets.rules import Budget, Charge, Measure, Scope, Spend, Told, evaluate, spent
from core.errors import InvalidInputError

MAY = date(2026, 5, 1)
ALL = Budget(Scope(), Decimal(100))


def days(count, first=MAY):
    return {first + timedelta(days=each) for each in range(count)}


def charge(day, amount, **about):
    return Charge(
        date(2026, 5, day), about.pop("account", "a"), about.pop("service", "EC2"), Decimal(amount), **about
    )


def known(amount):
    return Spend(Decimal(amount), (), "")


def crossed(status, measure=Measure.ACTUAL):
    return {each.percent: each.crossed for each in status.thresholds if each.measure is measure}


# --- Spend -----------------------------------------------------------------------------------
def test_spend_is_the_sum_of_the_months_days():
    charges = [charge(1, "10.25"), charge(2, "20"), Charge(date(2026, 4, 30), "a", "EC2", Decimal(99))]
    found = spent(ALL, charges, collected=days(2), month=MAY, today=date(2026, 5, 3))
    assert found == Spend(Decimal("30.25"), (), "")


def test_days_not_collected_are_unknown_and_not_free():
    found = spent(ALL, [charge(1, 10)], collected=days(1), month=MAY, today=date(2026, 5, 4))
    assert found.amount == 10
    assert found.unknown == (date(2026, 5, 2), date(2026, 5, 3))
    assert found.reason == "Days not collected: 2."


def test_a_collected_day_without_charges_cost_nothing():
    assert spent(ALL, [], collected=days(3), month=MAY, today=date(2026, 5, 4)) == known(0)


def test_a_month_of_which_nothing_was_collected_is_unknown():
    found = spent(ALL, [], collected=set(), month=MAY, today=date(2026, 5, 3))
    assert (found.amount, found.reason) == (None, "Days not collected: 2.")


def test_on_the_first_of_a_month_nothing_is_known_yet():
    found = spent(ALL, [], collected=set(), month=MAY, today=MAY)
    assert (found.amount, found.unknown, found.reason) == (None, (), "No day of the month is over.")


def test_what_is_known_of_today_counts_but_today_is_not_missed():
    found = spent(ALL, [charge(1, 10), charge(2, 5)], collected=days(1), month=MAY, today=date(2026, 5, 2))
    assert found == known(15)


def test_a_month_in_the_future_is_unknown():
    assert spent(ALL, [], collected=set(), month=MAY, today=date(2026, 4, 9)).amount is None


def test_a_past_month_owes_all_its_days_and_no_other():
    found = spent(ALL, [], collected=days(30), month=MAY, today=date(2026, 7, 9))
    assert found.unknown == (date(2026, 5, 31),)


def test_refunds_lower_the_spend():
    charges = [charge(1, 10), charge(1, -4)]
    assert spent(ALL, charges, collected=days(1), month=MAY, today=date(2026, 5, 2)).amount == 6


@pytest.mark.parametrize(
    ("scope", "amount"),
    [
        (Scope(), 15),
        (Scope(account="a"), 7),
        (Scope(service="S3"), 12),
        (Scope(account="a", service="S3"), 4),
        (Scope(tag=("team", "web")), 3),
        (Scope(tag=("team", "")), 4),
    ],
    ids=["all", "account", "service", "both", "tag", "no such tag"],
)
def test_a_budget_counts_what_is_in_its_scope(scope, amount):
    charges = [
        charge(1, 3, account="a", service="EC2", tags={"team": "web"}),
        charge(1, 4, account="a", service="S3", tags={}),
        charge(1, 8, account="b", service="S3", tags={"team": "shop"}),
    ]
    budget = Budget(scope, Decimal(100))
    assert spent(budget, charges, collected=days(1), month=MAY, today=date(2026, 5, 2)).amount == amount


def test_a_tags_spend_is_unknown_where_the_source_carries_no_tags():
    budget = Budget(Scope(tag=("team", "web")), Decimal(100))
    found = spent(budget, [charge(1, 3)], collected=days(1), month=MAY, today=date(2026, 5, 2))
    assert (found.amount, found.unknown) == (None, (MAY,))
    assert "whose tags are unknown" in found.reason


def test_tags_of_other_accounts_are_not_missed():
    budget = Budget(Scope(account="b", tag=("team", "web")), Decimal(100))
    assert spent(budget, [charge(1, 3)], collected=days(1), month=MAY, today=date(2026, 5, 2)) == known(0)


def test_currencies_are_not_added():
    charges = [charge(1, 3), charge(1, 5, currency="EUR"), charge(2, 4), charge(2, 0, currency="EUR")]
    found = spent(ALL, charges, collected=days(2), month=MAY, today=date(2026, 5, 3))
    assert (found.amount, found.unknown) == (7, (MAY,))
    assert "another currency: 1" in found.reason


# --- Thresholds ------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("amount", "expected"),
    [
        ("49.99", {50: False, 80: False, 100: False}),
        ("50", {50: True, 80: False, 100: False}),
        ("80", {50: True, 80: True, 100: False}),
        ("100", {50: True, 80: True, 100: True}),
        ("-5", {50: False, 80: False, 100: False}),
    ],
)
def test_a_threshold_is_crossed_once_it_is_reached(amount, expected):
    assert crossed(evaluate(ALL, known(amount), month=MAY, forecast=None)) == expected


def test_with_days_missing_nothing_is_said_to_be_below_a_threshold():
    spend = Spend(Decimal(60), (MAY,), "Days not collected: 1.")
    status = evaluate(ALL, spend, month=MAY, forecast=None)
    assert crossed(status) == {50: True, 80: None, 100: None}
    assert {each.reason for each in status.thresholds if each.measure is Measure.ACTUAL} == {spend.reason}


def test_an_unknown_spend_crosses_nothing():
    status = evaluate(ALL, Spend(None, (), "No day of the month is over."), month=MAY, forecast=None)
    assert crossed(status) == {50: None, 80: None, 100: None}
    assert status.newly == ()
    assert status.used_percent(ALL) is None


def test_the_forecast_is_held_against_the_same_thresholds():
    status = evaluate(ALL, known(20), month=MAY, forecast=Decimal("85.5"))
    assert crossed(status, Measure.FORECAST) == {50: True, 80: True, 100: False}
    assert status.newly == (Told(MAY, Measure.FORECAST, 50), Told(MAY, Measure.FORECAST, 80))


def test_without_a_forecast_none_is_made_up():
    status = evaluate(ALL, known(99), month=MAY, forecast=None)
    assert crossed(status, Measure.FORECAST) == {50: None, 80: None, 100: None}


def test_a_threshold_is_told_of_once_a_month():
    first = evaluate(ALL, known(60), month=date(2026, 5, 9), forecast=None)
    assert first.newly == (Told(MAY, Measure.ACTUAL, 50),)
    later = evaluate(ALL, known(85), month=date(2026, 5, 20), forecast=None, told=first.newly)
    assert later.newly == (Told(MAY, Measure.ACTUAL, 80),)


def test_the_next_month_tells_anew():
    told = [Told(date(2026, 4, 1), Measure.ACTUAL, 50)]
    assert evaluate(ALL, known(60), month=MAY, forecast=None, told=told).newly == (
        Told(MAY, Measure.ACTUAL, 50),
    )


def test_a_budget_may_have_thresholds_of_its_own():
    budget = Budget(Scope(), Decimal(200), thresholds=(110, 25))
    status = evaluate(budget, known(60), month=MAY, forecast=None)
    # 25 % of 200 are 50, 110 % are 220; 60 of 200 are 30 %.
    assert [(each.percent, each.amount) for each in status.thresholds[:2]] == [(25, 50), (110, 220)]
    assert crossed(status) == {25: True, 110: False}
    assert status.used_percent(budget) == 30


@pytest.mark.parametrize("amount", ["0", "-1", "NaN", "Infinity"])
def test_a_budget_is_more_than_nothing(amount):
    with pytest.raises(InvalidInputError, match="more than nothing"):
        Budget(Scope(), Decimal(amount))


@pytest.mark.parametrize("thresholds", [(), (0, 50)])
def test_thresholds_are_above_zero(thresholds):
    with pytest.raises(InvalidInputError, match="Thresholds"):
        Budget(Scope(), Decimal(1), thresholds=thresholds)


@given(
    amounts=st.lists(st.decimals("-100", "500", places=4), min_size=1, max_size=31),
    missing=st.sets(st.integers(0, 30)),
)
def test_days_that_go_missing_never_turn_into_a_clear_no(amounts, missing):
    """What is below a threshold for certain is so on whole data alone."""
    charges = [Charge(MAY + timedelta(days=day), "a", "EC2", amount) for day, amount in enumerate(amounts)]
    gone = {MAY + timedelta(days=day) for day in missing if day < len(amounts)}
    spend = spent(
        ALL,
        [each for each in charges if each.day not in gone],
        collected=days(len(amounts)) - gone,
        month=MAY,
        today=MAY + timedelta(days=len(amounts)),
    )
    assert (False in crossed(evaluate(ALL, spend, month=MAY, forecast=None)).values()) <= (not gone)
    assert spend.unknown == tuple(sorted(gone))
