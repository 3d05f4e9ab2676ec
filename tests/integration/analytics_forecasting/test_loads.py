"""What instances will measure in the coming hours, computed by night and read by day."""

from datetime import timedelta

import numpy as np
import pytest

from analytics.forecasting import HOURLY, forecast
from analytics.models import LoadForecast, Subject
from tests import builders
from tests.integration.analytics_forecasting.conftest import FULL_HOUR, HOUR, NOON, daylight, hourly

pytestmark = pytest.mark.django_db


@pytest.fixture
def loads(computed):
    return lambda: computed(Subject.LOAD_FORECAST)


def test_before_the_first_computation_an_answer_says_so(ask):
    assert ask(kind="load") == {
        "computed_at": None,
        "reason": "This was not computed yet; it is each night.",
        "kind": "load",
        "forecasts": [],
    }


def test_the_rhythm_of_the_day_is_continued_for_two_days(loads, ask):
    instance = hourly(builders.instance(), daylight)
    loads()
    answer = ask(instance_id=instance.instance_id)
    assert (answer["computed_at"], answer["reason"]) == ("2026-03-18T12:20:00Z", None)
    (found,) = answer["forecasts"]
    assert (found["account"], found["region"], found["metric"]) == (
        instance.account.account_id,
        "eu-west-1",
        "cpu",
    )
    assert len(found["data"]) == 48
    for ahead, hour in enumerate(found["data"]):
        moment = FULL_HOUR + ahead * HOUR
        assert hour["timestamp"] == moment.strftime("%Y-%m-%dT%H:%M:%SZ")
        assert hour["expected"] == pytest.approx(daylight(moment), abs=5)
        assert hour["low"] < hour["expected"] < hour["high"]
    assert 0.6 <= found["measured"] <= 1
    assert found["mase"] < 1


def test_what_is_stored_is_what_the_hours_from_the_first_midnight_on_give(loads, ask):
    hours = 24 * 21 + 5
    hourly(builders.instance(), daylight, hours)
    loads()
    # The first hour is at 07:00, so that 17 hours are left out for the days to be whole.
    moments = [FULL_HOUR - back * HOUR for back in range(hours, 0, -1)][17:]
    assert moments[0].hour == 0
    expected = forecast([daylight(moment) for moment in moments], seasons=HOURLY, horizon=48)
    (found,) = ask(kind="load")["forecasts"]
    for name in ("expected", "low", "high"):
        stored = [hour[name] for hour in found["data"]]
        assert stored == pytest.approx(np.minimum(getattr(expected, name), 100), abs=1e-3)
    assert (found["method"], found["measured"]) == (expected.method, expected.measured)


def test_percents_end_at_a_hundred(loads, ask):
    hourly(builders.instance(), lambda moment: min(100.0, daylight(moment) + 40))
    loads()
    (found,) = ask(kind="load")["forecasts"]
    assert max(hour["high"] for hour in found["data"]) == 100


def test_what_else_is_measured_is_forecast_beside_cpu(loads, ask):
    hourly(builders.instance(), daylight, memory=lambda moment: 30 + moment.hour)
    loads()
    assert [each["metric"] for each in ask(kind="load")["forecasts"]] == ["cpu", "memory"]
    (found,) = ask(kind="load", metric="memory")["forecasts"]
    # 12:00 is the first hour ahead.
    assert found["data"][0]["expected"] == pytest.approx(42, abs=0.5)


def test_an_instance_that_nothing_is_known_of_is_refused_not_zero(loads, ask):
    builders.instance()
    loads()
    (found,) = ask(kind="load")["forecasts"]
    assert found["reason"] == "0 of the 96 values that a forecast is made from are there."
    assert (found["data"], found["method"], found["measured"]) == ([], None, None)


def test_too_short_and_too_patchy_histories_are_refused(loads, ask):
    short = hourly(builders.instance(), daylight, 50)
    patchy = hourly(builders.instance(), lambda moment: None if 2 <= moment.hour < 14 else 9.0)
    loads()
    reasons = {each["instance_id"]: each["reason"] for each in ask(kind="load")["forecasts"]}
    # The first of 50 hours is at 10:00: 36 are left from midnight on.
    assert reasons[short.instance_id] == "36 of the 96 values that a forecast is made from are there."
    assert "of the values are unknown, and 25% is the most" in reasons[patchy.instance_id]


def test_hours_that_are_not_there_yet_are_passed_over(loads, ask):
    hourly(builders.instance(), daylight, until=FULL_HOUR - 3 * HOUR)
    loads()
    (found,) = ask(kind="load")["forecasts"]
    assert found["reason"] is None
    assert found["data"][0]["timestamp"] == "2026-03-18T12:00:00Z"
    assert found["data"][0]["expected"] == pytest.approx(60, abs=5)


def test_what_does_not_run_is_left_out(loads, ask):
    hourly(builders.instance(state="stopped"), daylight)
    hourly(builders.instance(gone_at=NOON), daylight)
    running = hourly(builders.instance(), daylight)
    loads()
    assert [each["instance_id"] for each in ask(kind="load")["forecasts"]] == [running.instance_id]


def test_without_any_instance_it_says_so(loads, ask):
    loads()
    answer = ask(kind="load")
    assert (answer["computed_at"], answer["reason"]) == (None, "No instance is known that runs.")


def test_the_busiest_come_first_and_beyond_the_limit_all_are_named(loads, ask, settings):
    settings.FORECAST_SERIES = 2
    instances = {cpu: builders.instance() for cpu in (10, 90, 50)}
    for cpu, instance in instances.items():
        hourly(instance, lambda moment, cpu=cpu: float(cpu), memory=lambda moment: 20.0)
        builders.metric_day(instance, NOON.date() - timedelta(days=1), average=float(cpu))
    loads()
    found = [(each["instance_id"], each["reason"]) for each in ask(kind="load", metric="cpu")["forecasts"]]
    left_out = "Left out: the 2 largest series are forecast a night (FORECAST_SERIES)."
    assert found == [
        (instances[90].instance_id, None),
        (instances[50].instance_id, None),
        (instances[10].instance_id, left_out),
    ]
    memory = ask(kind="load", metric="memory")["forecasts"]
    assert {each["reason"] for each in memory} == {left_out}


def test_computing_again_changes_nothing(loads, ask):
    hourly(builders.instance(), daylight)
    loads()
    before = ask(kind="load"), LoadForecast.objects.count()
    loads()
    assert (ask(kind="load"), LoadForecast.objects.count()) == before


def test_loads_are_chosen_by_account_and_region(loads, ask):
    here = builders.instance(region="eu-west-1")
    there = builders.instance(region="us-east-1")
    loads()
    by_account = ask(kind="load", account=here.account.account_id)["forecasts"]
    by_region = ask(kind="load", region="us-east-1")["forecasts"]
    assert [each["instance_id"] for each in by_account] == [here.instance_id]
    assert [each["instance_id"] for each in by_region] == [there.instance_id]


def test_an_instance_that_is_not_known_is_not_found(api):
    assert api.get("/api/v1/analytics/forecast", {"instance_id": "i-none"}).status_code == 404


def test_a_read_is_a_few_queries_however_much_there_is(loads, api, django_assert_num_queries):
    for _ in range(3):
        builders.instance()
    loads()
    query = {"kind": "load"}
    api.get("/api/v1/analytics/forecast", query)
    with django_assert_num_queries(4):
        api.get("/api/v1/analytics/forecast", query)


def test_a_failure_of_one_part_leaves_the_other(compute, ask, monkeypatch):
    builders.instance()
    hourly(builders.instance(), daylight)
    monkeypatch.setattr("analytics.forecasting.costing.Estate.at", lambda today: 1 / 0)
    run = compute()
    assert run.status == "partial"
    assert ask()["computed_at"] is None
    assert ask(kind="load")["computed_at"] is not None
