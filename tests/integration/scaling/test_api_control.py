"""The kill switch and the audit trail, which belong to all who may read the estate."""

from datetime import UTC, datetime

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from rest_framework.test import APIClient

from scaling import audit
from scaling.models import KillSwitch, ScalingEvent
from tests import builders
from tests.integration.scaling.answers import told

pytestmark = pytest.mark.django_db


class TestTheKillSwitch:
    path = "/api/v1/scaling/kill-switch/"

    def test_is_not_engaged_before_anybody_touches_it(self):
        assert told(builders.client("viewer").get(self.path)) == (
            200,
            {"engaged": False, "reason": "", "changed_at": None, "changed_by": None},
        )
        assert not KillSwitch.objects.exists()

    def test_is_engaged_and_released_by_operators(self, now):
        now(datetime(2026, 1, 22, tzinfo=UTC))
        operator = builders.user("operator")
        client = builders.bearer(operator)
        engaged = {
            "engaged": True,
            "reason": "load test",
            "changed_at": "2026-01-22T00:00:00Z",
            "changed_by": operator.email,
        }
        assert told(client.patch(self.path, {"engaged": True, "reason": "load test"})) == (200, engaged)
        assert told(client.get(self.path)) == (200, engaged)
        assert told(client.patch(self.path, {"engaged": False}))[1]["engaged"] is False
        events = ScalingEvent.objects.order_by("id").values_list("kind", "user", "detail")
        assert list(events) == [
            ("kill-switch-engaged", operator.pk, {"reason": "load test"}),
            ("kill-switch-released", operator.pk, {"reason": ""}),
        ]

    def test_is_not_noted_when_nothing_changes(self):
        client = builders.client("operator")
        for _ in range(2):
            assert client.patch(self.path, {"engaged": True, "reason": "twice"}).status_code == 200
        assert ScalingEvent.objects.count() == 1

    @pytest.mark.django_db(transaction=True)
    def test_is_one_row_whoever_turns_it_at_once(self, at_once):
        client = builders.bearer(builders.user("operator"))
        answers = at_once(lambda: client.patch(self.path, {"engaged": True}).status_code)
        assert answers == [200] * 4
        assert (KillSwitch.objects.count(), ScalingEvent.objects.count()) == (1, 1)

    @pytest.mark.parametrize(
        "body", [{}, {"engaged": None}, {"engaged": "yes"}, {"engaged": 1}, {"engaged": True, "reason": 5}]
    )
    def test_is_either_on_or_off(self, body):
        assert builders.client("operator").patch(self.path, body).status_code == 400

    def test_has_a_reason_of_200_characters_at_most(self):
        answer = builders.client("operator").patch(self.path, {"engaged": True, "reason": "x" * 201})
        assert (answer.status_code, list(answer.json()["fields"])) == (400, ["reason"])

    @pytest.mark.parametrize(
        ("role", "seen", "turned"),
        [(None, 403, 403), ("viewer", 200, 403), ("operator", 200, 200), ("administrator", 200, 200)],
    )
    def test_is_seen_by_viewers_and_turned_by_operators(self, role, seen, turned):
        client = builders.client(role)
        assert client.get(self.path).status_code == seen
        assert client.patch(self.path, {"engaged": True}).status_code == turned

    def test_needs_somebody(self):
        assert APIClient().patch(self.path, {"engaged": True}).status_code == 401


class TestTheAuditTrail:
    path = "/api/v1/scaling/events/"

    def test_tells_who_did_what_the_latest_first(self):
        owner = builders.user()
        instance = builders.managed(owner)
        decision = builders.decision(instance)
        audit.record("instance-registered", instance=instance, user=owner)
        audit.record("desired-capacity-set", instance=instance, decision=decision, desired=2)
        page = builders.client("viewer").get(self.path).json()
        assert page["count"] == 2
        assert [{**row, "id": None, "at": None} for row in page["results"]] == [
            {
                "id": None,
                "at": None,
                "kind": "desired-capacity-set",
                "instance_id": instance.instance_id,
                "decision": str(decision.pk),
                "user": None,
                "detail": {"desired": 2},
            },
            {
                "id": None,
                "at": None,
                "kind": "instance-registered",
                "instance_id": instance.instance_id,
                "decision": None,
                "user": owner.email,
                "detail": {},
            },
        ]

    def test_can_be_narrowed_down(self):
        one, other = builders.managed(), builders.managed()
        for instance in (one, other):
            for kind in ("monitoring-started", "policy-changed"):
                audit.record(kind, instance=instance)
        client = builders.client("viewer")
        query = {"instance_id": one.instance_id, "kind": "policy-changed"}
        (event,) = client.get(self.path, query).json()["results"]
        assert (event["instance_id"], event["kind"]) == (one.instance_id, "policy-changed")
        assert client.get(self.path, {"end": "2026-01-01"}).json()["count"] == 0
        assert client.get(self.path, {"who": "me"}).status_code == 400

    def test_comes_in_pages(self):
        for _ in range(3):
            audit.record("policy-changed")
        page = builders.client("viewer").get(self.path, {"page_size": 2}).json()
        assert (page["count"], len(page["results"])) == (3, 2)
        assert page["next"]

    def test_is_for_viewers(self):
        assert builders.client().get(self.path).status_code == 403

    def test_costs_the_same_queries_however_long(self):
        client = builders.client("viewer")

        def queries():
            with CaptureQueriesContext(connection) as captured:
                client.get(self.path)
            return len(captured)

        audit.record("policy-changed", user=builders.user())
        few = queries()
        for _ in range(5):
            audit.record("policy-changed", user=builders.user())
        assert queries() == few
