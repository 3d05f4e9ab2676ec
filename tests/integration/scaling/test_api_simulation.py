"""Loads that are only said to be there."""

from datetime import UTC, datetime, timedelta

import pytest
from rest_framework.test import APIClient

from scaling.models import ManagedSample, Source
from tests import builders
from tests.integration.scaling.answers import NOT_YOURS, UNKNOWN, told

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 1, 22, 5, 22, 15, 123456, UTC)
LOAD = {"cpu_utilization": 95.5, "memory_usage": 70.2, "network_in": 3072000, "network_out": 1536000}


@pytest.fixture
def instance(owner):
    return builders.managed(owner, instance_id="mock-test-1")


@pytest.fixture
def simulate(api, instance):
    """Simulate something about the instance."""
    return lambda **body: told(
        api.post("/api/metrics/simulate", {"instance_id": instance.instance_id, **body})
    )


def stored(**kept):
    return ManagedSample.objects.filter(**kept).order_by("timestamp")


class TestAnInstantLoad:
    def test_answers_as_the_document_says(self, api, simulate, instance, now):
        now(NOW)
        status, body = simulate(**LOAD)
        metric_id = body["metric"].pop("id")
        assert (status, body) == (
            201,
            {
                "message": "Simulated metric created successfully",
                "metric": {
                    "instance_id": "mock-test-1",
                    "timestamp": "2026-01-22T05:22:15.123456",
                    "cpu_utilization": 95.5,
                    "memory_usage": 70.2,
                    "network_in": 3072000,
                    "network_out": 1536000,
                },
            },
        )
        (metric,) = api.get("/api/metrics/mock-test-1?sources=true").json()["metrics"]
        assert (metric["id"], metric["source"]) == (metric_id, "simulated")

    def test_is_stored_as_simulated(self, simulate, instance, now):
        now(NOW)
        simulate(**LOAD)
        sample = stored().get()
        assert (sample.instance, sample.timestamp, sample.source) == (instance, NOW, Source.SIMULATED)
        assert (sample.cpu, sample.memory, sample.network_in, sample.network_out) == (
            95.5,
            70.2,
            3072000,
            1536000,
        )

    @pytest.mark.parametrize("absent", [{}, dict.fromkeys(("memory_usage", "network_in", "network_out"))])
    def test_leaves_null_what_is_not_given(self, simulate, absent):
        status, body = simulate(cpu_utilization=95, **absent)
        sample = stored().get()
        assert status == 201
        assert [body["metric"][name] for name in ("memory_usage", "network_in", "network_out")] == [None] * 3
        assert (sample.memory, sample.network_in, sample.network_out) == (None, None, None)

    def test_leaves_other_samples_alone(self, simulate, instance, now):
        now(NOW)
        builders.managed_sample(instance, NOW - timedelta(seconds=1))
        simulate(**LOAD)
        assert stored().count() == 2


class TestALastingLoad:
    def test_answers_as_the_document_says(self, simulate):
        assert simulate(**LOAD, duration_minutes=10, interval_seconds=30) == (
            201,
            {
                "message": "Created 20 simulated metrics over 10 minutes",
                "metrics_created": 20,
                "duration_minutes": 10,
                "interval_seconds": 30,
            },
        )

    def test_ends_now(self, simulate, now):
        now(NOW)
        simulate(**LOAD, duration_minutes=10, interval_seconds=30)
        moments = list(stored().values_list("timestamp", flat=True))
        assert moments == [NOW - timedelta(seconds=30 * back) for back in reversed(range(20))]

    def test_is_measured_each_30_seconds_unless_told(self, simulate):
        status, body = simulate(cpu_utilization=95, duration_minutes=1)
        assert (status, body["metrics_created"], body["interval_seconds"]) == (201, 2, 30)

    @pytest.mark.parametrize(
        ("minutes", "interval_s", "points"),
        [(1, 45, 1), (1, 60, 1), (10, 7, 85), (1000, 60, 1000), (1440, 87, 993)],
    )
    def test_has_as_many_points_as_fit(self, simulate, minutes, interval_s, points):
        body = simulate(cpu_utilization=95, duration_minutes=minutes, interval_seconds=interval_s)[1]
        assert body["metrics_created"] == points == stored().count()

    def test_takes_the_place_of_what_was_made_up_for_that_time(self, simulate, instance, owner, now):
        now(NOW)
        ten_minutes = timedelta(minutes=10)
        microsecond = timedelta(microseconds=1)
        other = builders.managed(owner)
        for source in (Source.MOCK, Source.SIMULATED):
            shift = microsecond * source
            builders.managed_sample(instance, NOW - ten_minutes + shift, source=source)
            builders.managed_sample(instance, NOW - shift, source=source)
        kept = [
            builders.managed_sample(instance, NOW - ten_minutes),
            builders.managed_sample(instance, NOW + microsecond),
            builders.managed_sample(
                instance, NOW - timedelta(minutes=4, seconds=7), source=Source.CLOUDWATCH
            ),
            builders.managed_sample(other, NOW - timedelta(minutes=4)),
        ]
        simulate(**LOAD, duration_minutes=10)
        left = stored().exclude(instance=instance, source=Source.SIMULATED)
        assert {(row.instance_id, row.timestamp) for row in left} == {
            (row.instance_id, row.timestamp) for row in kept
        }
        assert stored(instance=instance, source=Source.SIMULATED).count() == 20

    def test_replaces_itself_when_it_is_simulated_again(self, simulate, now):
        now(NOW)
        for cpu in (95, 5):
            simulate(cpu_utilization=cpu, duration_minutes=10)
        assert set(stored().values_list("cpu", flat=True)) == {5}
        assert stored().count() == 20

    def test_spans_midnight(self, simulate, now):
        now(datetime(2026, 1, 22, 0, 5, tzinfo=UTC))
        simulate(cpu_utilization=95, duration_minutes=10)
        assert {row.timestamp.day for row in stored()} == {21, 22}

    def test_leaves_nothing_half_done(self, simulate, instance, monkeypatch, now):
        now(NOW)
        builders.managed_sample(instance, NOW - timedelta(minutes=1))
        monkeypatch.setattr("scaling.services.arrivals.record", _broken)
        with pytest.raises(ZeroDivisionError):
            simulate(cpu_utilization=95, duration_minutes=10)
        assert stored().get().source == Source.MOCK

    @pytest.mark.django_db(transaction=True)
    def test_is_the_last_one_where_several_are_simulated_at_once(self, owner, instance, at_once):
        body = {"instance_id": instance.instance_id, "cpu_utilization": 95, "duration_minutes": 10}
        answers = at_once(lambda: builders.bearer(owner).post("/api/metrics/simulate", body).status_code)
        assert answers == [201] * 4
        assert stored().count() == 20


def _broken(_samples):
    raise ZeroDivisionError


def test_needs_neither_monitoring_nor_a_mock(api, owner):
    mock = builders.managed(owner, is_monitoring=False)
    for instance in (mock, builders.managed(owner, inventory=builders.instance())):
        body = {"instance_id": instance.instance_id, "cpu_utilization": 95}
        assert api.post("/api/metrics/simulate", body).status_code == 201


@pytest.mark.parametrize("absent", ["instance_id", "cpu_utilization"])
def test_needs_an_instance_and_its_cpu(simulate, absent):
    assert simulate(**{**LOAD, absent: None}) == (
        400,
        {"error": "instance_id and cpu_utilization are required"},
    )


@pytest.mark.parametrize(
    ("changed", "about"),
    [
        ({"cpu_utilization": -0.1}, "cpu_utilization"),
        ({"cpu_utilization": 100.1}, "cpu_utilization"),
        ({"cpu_utilization": "95"}, "cpu_utilization"),
        ({"cpu_utilization": True}, "cpu_utilization"),
        ({"cpu_utilization": [95]}, "cpu_utilization"),
        ({"memory_usage": 101}, "memory_usage"),
        ({"memory_usage": "70"}, "memory_usage"),
        ({"memory_usage": False}, "memory_usage"),
        ({"network_in": -1}, "network_in"),
        ({"network_in": 1e16}, "network_in"),
        ({"network_out": 10**19}, "network_out"),
        ({"network_out": {}}, "network_out"),
        ({"instance_id": 5}, "instance_id"),
        ({"instance_id": "x" * 65}, "instance_id"),
        ({"duration_minutes": 0}, "duration_minutes"),
        ({"duration_minutes": -10}, "duration_minutes"),
        ({"duration_minutes": 1441}, "duration_minutes"),
        ({"duration_minutes": 10**18}, "duration_minutes"),
        ({"duration_minutes": 1e300}, "duration_minutes"),
        ({"duration_minutes": 0.5}, "duration_minutes"),
        ({"duration_minutes": "10"}, "duration_minutes"),
        ({"duration_minutes": True}, "duration_minutes"),
        ({"duration_minutes": None}, "duration_minutes"),
        ({"duration_minutes": 10, "interval_seconds": 0}, "interval_seconds"),
        ({"duration_minutes": 10, "interval_seconds": -30}, "interval_seconds"),
        ({"duration_minutes": 10, "interval_seconds": "30"}, "interval_seconds"),
        ({"duration_minutes": 10, "interval_seconds": 601}, "interval_seconds"),
        ({"duration_minutes": 1440, "interval_seconds": 86}, "interval_seconds"),
        ({"duration_minutes": 10, "interval_seconds": 10**18}, "interval_seconds"),
        ({"interval_seconds": 30}, "interval_seconds"),
    ],
    ids=str,
)
def test_refuses_malformed_fields_by_name(simulate, changed, about):
    status, body = simulate(**{**LOAD, **changed})
    assert (status, list(body["fields"])) == (400, [about])
    assert not stored().exists()


@pytest.mark.parametrize("text", ["NaN", "Infinity", "1e999"])
def test_refuses_numbers_that_json_has_not(api, instance, text):
    body = f'{{"instance_id": "mock-test-1", "cpu_utilization": 5, "network_in": {text}}}'
    answer = api.post("/api/metrics/simulate", body, content_type="application/json")
    assert answer.status_code == 400
    assert not stored().exists()


@pytest.mark.parametrize(
    ("minutes", "interval_s", "told"),
    [
        (1000, 1, "1,000 minutes at one metric each 1 second would make 60,000 metrics"),
        (1, 90, "1 minute at one metric each 90 seconds would make 0 metrics"),
    ],
)
def test_says_how_many_points_can_be_made(simulate, minutes, interval_s, told):
    error = simulate(cpu_utilization=95, duration_minutes=minutes, interval_seconds=interval_s)[1]["error"]
    assert error == f"interval_seconds: {told}; 1 to 1,000 can be made at once."


def test_tells_of_one_metric_in_the_words_of_the_contract(simulate):
    told = simulate(cpu_utilization=95, duration_minutes=1, interval_seconds=60)[1]["message"]
    assert told == "Created 1 simulated metrics over 1 minutes"


@pytest.mark.parametrize("body", ["[]", '"text"', "5", "null", ""])
def test_refuses_bodies_that_are_no_objects(api, body):
    answer = api.post("/api/metrics/simulate", body, content_type="application/json")
    assert (answer.status_code, list(answer.json())) == (400, ["error"])


def test_is_for_the_owner_alone(stranger, instance):
    body = {"instance_id": instance.instance_id, **LOAD}
    assert told(stranger.post("/api/metrics/simulate", body)) == NOT_YOURS
    assert told(APIClient().post("/api/metrics/simulate", body)) == (401, {"error": "Token is missing"})


def test_knows_no_instance_that_nobody_registered(api):
    assert told(api.post("/api/metrics/simulate", {"instance_id": "mock-9", **LOAD})) == UNKNOWN


def test_has_nothing_to_show(api):
    assert api.get("/api/metrics/simulate").status_code == 405
