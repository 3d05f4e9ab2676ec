"""What an instance measured, and what was decided about it."""

import uuid
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from scaling import audit
from scaling.models import Outcome, Source
from tests import builders
from tests.integration.scaling.answers import told

pytestmark = pytest.mark.django_db

MOMENT = datetime(2026, 1, 22, 5, 20, 30, 123456, UTC)
BAD_LIMITS = ["0", "-1", "1001", "99999999999999999999", "ten", "", "5.0", "1e2", "+5", " 5", "1_0", "٣"]


@pytest.fixture
def instance(owner):
    return builders.managed(owner)


def queries(get):
    with CaptureQueriesContext(connection) as captured:
        get()
    return len(captured)


class TestMetrics:
    def get(self, api, instance, query=""):
        return told(api.get(f"/api/metrics/{instance.instance_id}{query}"))

    def test_answer_as_the_document_says(self, api, instance):
        builders.managed_sample(instance, MOMENT, cpu=45.2, memory=62.8)
        status, body = self.get(api, instance, "?limit=50")
        (metric,) = body["metrics"]
        assert uuid.UUID(metric.pop("id")).version == 5
        assert (status, body["instance_id"], set(body)) == (
            200,
            instance.instance_id,
            {"instance_id", "metrics"},
        )
        assert metric == {
            "timestamp": "2026-01-22T05:20:30.123456",
            "cpu_utilization": 45.2,
            "memory_usage": 62.8,
            "network_in": 1024000,
            "network_out": 512000,
            "is_outlier": False,
            "outlier_type": None,
        }

    def test_write_whole_bytes_without_a_point_and_others_with_it(self, api, instance):
        builders.managed_sample(instance, network_in=1024000.0, network_out=0.5)
        text = api.get(f"/api/metrics/{instance.instance_id}").content.decode()
        assert '"network_in":1024000,' in text
        assert '"network_out":0.5,' in text

    def test_leave_null_what_is_unknown(self, api, instance):
        builders.managed_sample(instance, cpu=None, memory=None, network_in=None, network_out=None)
        (metric,) = self.get(api, instance)[1]["metrics"]
        assert [
            metric[name] for name in ("cpu_utilization", "memory_usage", "network_in", "network_out")
        ] == [None] * 4

    @pytest.mark.parametrize(
        ("outlier", "named"),
        [
            (0b00000001, "cpu_high"),
            (0b00000010, "cpu_low"),
            (0b00001000, "memory_low"),
            (0b01000001, "cpu_high, network_out_high"),
        ],
    )
    def test_name_what_is_far_out(self, api, instance, outlier, named):
        builders.managed_sample(instance, outlier=outlier)
        (metric,) = self.get(api, instance)[1]["metrics"]
        assert (metric["is_outlier"], metric["outlier_type"]) == (True, named)

    def test_come_newest_first_and_100_unless_told(self, api, instance):
        for second in range(101):
            builders.managed_sample(instance, MOMENT + timedelta(seconds=second))
        moments = [each["timestamp"] for each in self.get(api, instance)[1]["metrics"]]
        assert len(moments) == 100
        assert moments == sorted(moments, reverse=True)
        assert moments[0] == "2026-01-22T05:22:10.123456"
        assert [each["timestamp"] for each in self.get(api, instance, "?limit=2")[1]["metrics"]] == moments[
            :2
        ]

    def test_are_those_of_all_days(self, api, instance):
        for day in (1, 2, 3):
            builders.managed_sample(instance, datetime(2026, 1, day, tzinfo=UTC))
        assert len(self.get(api, instance)[1]["metrics"]) == 3

    def test_keep_their_ids_which_nothing_else_has(self, api, owner, instance):
        other = builders.managed(owner)
        for each in (instance, other):
            for second in range(2):
                builders.managed_sample(each, MOMENT + timedelta(seconds=second))
        answers = [self.get(api, each)[1]["metrics"] for each in (instance, other, instance)]
        ids = [[metric["id"] for metric in metrics] for metrics in answers]
        assert ids[0] == ids[2]
        assert len({*ids[0], *ids[1]}) == 4

    @pytest.mark.parametrize("source", Source)
    def test_say_where_they_come_from_when_asked(self, api, instance, source):
        builders.managed_sample(instance, source=source)
        (metric,) = self.get(api, instance, "?sources=true")[1]["metrics"]
        assert metric["source"] == source.label
        (metric,) = self.get(api, instance, "?sources=false")[1]["metrics"]
        assert "source" not in metric

    @pytest.mark.parametrize("limit", BAD_LIMITS)
    def test_refuse_any_other_limit(self, api, instance, limit):
        answer = api.get(f"/api/metrics/{instance.instance_id}", {"limit": limit})
        assert told(answer) == (
            400,
            {
                "error": "limit: This must be a whole number from 1 to 1000.",
                "fields": {"limit": ["This must be a whole number from 1 to 1000."]},
            },
        )

    @pytest.mark.parametrize(
        ("query", "error"),
        [
            ("?sources=maybe", "sources: Must be a valid boolean."),
            ("?limit=1&limit=2", "limit: Give this parameter once."),
            ("?offset=1", "offset: Unknown parameter; known are: format, limit, sources."),
        ],
    )
    def test_refuse_what_they_cannot_read(self, api, instance, query, error):
        status, body = self.get(api, instance, query)
        assert (status, body["error"]) == (400, error)

    def test_cost_the_same_queries_however_many(self, api, instance):
        def get():
            self.get(api, instance, "?sources=true")

        builders.managed_sample(instance)
        few = queries(get)
        for second in range(1, 50):
            builders.managed_sample(instance, MOMENT + timedelta(seconds=second))
        assert queries(get) == few


class TestDecisions:
    def get(self, api, instance, query=""):
        return told(api.get(f"/api/metrics/decisions/{instance.instance_id}{query}"))

    def test_answer_as_the_document_says(self, api, instance):
        stored = builders.decision(instance, MOMENT)
        assert self.get(api, instance, "?limit=20") == (
            200,
            {
                "instance_id": instance.instance_id,
                "decisions": [
                    {
                        "id": str(stored.pk),
                        "timestamp": "2026-01-22T05:20:30.123456",
                        "cpu_utilization": 92.5,
                        "memory_usage": 68.3,
                        "network_in": 2048000,
                        "network_out": 1024000,
                        "decision": "scale_up",
                        "reason": "Sustained scale up: CPU > 90% for 85.0% of last 5 minutes "
                        "(Current: 92.50%)",
                    }
                ],
            },
        )

    def test_come_newest_first_and_50_unless_told(self, api, instance):
        for number in range(51):
            builders.decision(instance, MOMENT + timedelta(seconds=15 * number))
        moments = [each["timestamp"] for each in self.get(api, instance)[1]["decisions"]]
        assert len(moments) == 50
        assert moments == sorted(moments, reverse=True)
        assert len(self.get(api, instance, "?limit=1000")[1]["decisions"]) == 51

    @pytest.mark.parametrize("limit", BAD_LIMITS)
    def test_refuse_any_other_limit(self, api, instance, limit):
        status, body = told(api.get(f"/api/metrics/decisions/{instance.instance_id}", {"limit": limit}))
        assert (status, body["error"]) == (400, "limit: This must be a whole number from 1 to 1000.")

    def test_cost_the_same_queries_however_many(self, api, instance):
        def get():
            self.get(api, instance)

        builders.decision(instance)
        few = queries(get)
        for number in range(1, 20):
            builders.decision(instance, MOMENT + timedelta(seconds=15 * number))
        assert queries(get) == few


class TestAnExplainedDecision:
    def get(self, api, instance, decision_id):
        return told(api.get(f"/api/metrics/decisions/{instance.instance_id}/{decision_id}"))

    def test_has_all_that_is_stored(self, api, instance, owner):
        stored = builders.decision(
            instance,
            MOMENT,
            simulated=True,
            vetoes=["cooldown"],
            target={"desired": 3},
            outcome=Outcome.FAILED,
            outcome_detail="denied",
        )
        audit.record("desired-capacity-set", instance=instance, decision=stored, user=owner, desired=3)
        audit.record("action-failed", instance=instance, decision=stored)
        audit.record("action-failed", instance=instance, decision=builders.decision(instance))
        status, body = self.get(api, instance, stored.pk)
        assert status == 200
        events = [(each["kind"], each["user"], each["detail"]) for each in body.pop("events")]
        assert events == [
            ("desired-capacity-set", owner.email, {"desired": 3}),
            ("action-failed", None, {}),
        ]
        assert body == {
            "id": str(stored.pk),
            "instance_id": instance.instance_id,
            "timestamp": "2026-01-22T05:20:30.123456",
            "slot": "2026-01-22T05:20:30.000000",
            "cpu_utilization": 92.5,
            "memory_usage": 68.3,
            "network_in": 2048000,
            "network_out": 1024000,
            "decision": "scale_up",
            "rule": "sustained_up",
            "reason": stored.reason,
            "inputs": {"votes": {"up": 1}, "window": {"samples": 10}},
            "policy_version": 1,
            "mode": "mock",
            "simulated": True,
            "vetoes": ["cooldown"],
            "level_before": 1,
            "level_after": 2,
            "probability": None,
            "units_before": None,
            "units_wanted": None,
            "target": {"desired": 3},
            "outcome": "failed",
            "outcome_at": "2026-01-22T05:20:31.123456",
            "outcome_detail": "denied",
        }

    def test_about_another_instance_is_not_found(self, api, owner, instance):
        other = builders.decision(builders.managed(owner))
        unknown = (404, {"error": "Decision not found"})
        assert self.get(api, instance, other.pk) == unknown
        assert self.get(api, instance, uuid.uuid4()) == unknown

    @pytest.mark.parametrize("decision_id", ["1", "newest", "aa0e8400"])
    def test_has_a_uuid(self, api, instance, decision_id):
        assert self.get(api, instance, decision_id) == (404, {"error": "Not found"})

    def test_costs_the_same_queries_however_much_was_done(self, api, instance, owner):
        def get():
            self.get(api, instance, stored.pk)

        stored = builders.decision(instance)
        audit.record("asked", decision=stored, user=owner)
        few = queries(get)
        for _ in range(5):
            audit.record("asked", decision=stored, user=builders.user())
        assert queries(get) == few
