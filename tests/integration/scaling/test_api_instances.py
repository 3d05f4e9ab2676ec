"""Registering instances, listing them, having them monitored, and giving them up."""

import re
from datetime import UTC, datetime, timedelta, timezone

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from rest_framework.test import APIClient

from scaling.models import (
    ACTING,
    ManagedInstance,
    ManagedSample,
    Mode,
    Outcome,
    ScalingDecision,
    ScalingEvent,
)
from tests import builders
from tests.integration.scaling.answers import NOT_YOURS, UNKNOWN, told

pytestmark = pytest.mark.django_db

REAL = {
    "instance_id": "i-1234567890abcdef0",
    "instance_type": "t2.micro",
    "region": "us-east-1",
    "is_mock": False,
}
MOCK = {"instance_id": "mock-instance-1", "instance_type": "t2.micro", "region": "mock", "is_mock": True}
TAKEN = (409, {"error": "Instance already registered"})


class TestRegistration:
    @pytest.mark.parametrize("body", [REAL, MOCK], ids=["real", "mock"])
    def test_answers_as_the_document_says(self, api, body):
        answer = api.post("/api/instances/", body)
        stored = ManagedInstance.objects.get()
        assert told(answer) == (
            201,
            {
                "message": "Instance registered successfully",
                "instance": {
                    "id": str(stored.uuid),
                    **{name: body[name] for name in ("instance_id", "instance_type", "region")},
                    "is_monitoring": False,
                    "is_mock": body["is_mock"],
                    "cpu_capacity": 100.0,
                    "memory_capacity": 100.0,
                    "network_capacity": 100.0,
                    "current_scale_level": 1,
                },
            },
        )

    def test_takes_an_instance_for_a_real_one_unless_told(self, api):
        api.post("/api/instances/", {name: REAL[name] for name in REAL if name != "is_mock"})
        assert not ManagedInstance.objects.get().is_mock

    @pytest.mark.parametrize(("body", "mode"), [(REAL, Mode.RECOMMEND), (MOCK, Mode.MOCK)])
    def test_gives_a_policy_that_acts_on_nothing_but_mocks(self, api, owner, body, mode):
        api.post("/api/instances/", body)
        policy = ManagedInstance.objects.get().policy
        assert (policy.mode, policy.version, policy.updated_by) == (mode, 1, owner)

    def test_is_noted(self, api, owner):
        api.post("/api/instances/", MOCK)
        event = ScalingEvent.objects.get()
        assert (event.kind, event.instance_id, event.user) == (
            "instance-registered",
            "mock-instance-1",
            owner,
        )

    def test_links_what_collection_found(self, api):
        found = builders.instance(instance_id=REAL["instance_id"], region="us-east-1")
        api.post("/api/instances/", REAL)
        assert ManagedInstance.objects.get().inventory == found

    @pytest.mark.parametrize(
        "other", [{"region": "eu-west-1"}, {"region": "us-east-1", "gone_at": builders.MORNING}]
    )
    def test_links_nothing_elsewhere_or_gone(self, api, other):
        builders.instance(instance_id=REAL["instance_id"], **other)
        api.post("/api/instances/", REAL)
        assert ManagedInstance.objects.get().inventory is None

    @pytest.mark.parametrize("name", ["instance_id", "instance_type", "region"])
    @pytest.mark.parametrize("value", [None, "", ...], ids=["null", "empty", "absent"])
    def test_needs_three_fields(self, api, name, value):
        body = {key: item for key, item in {**MOCK, name: value}.items() if item is not ...}
        assert told(api.post("/api/instances/", body)) == (
            400,
            {"error": "instance_id, instance_type, and region are required"},
        )

    @pytest.mark.parametrize("mine", [True, False], ids=["own", "another's"])
    def test_refuses_what_is_registered_whoever_owns_it(self, api, owner, mine):
        builders.managed(owner if mine else None, instance_id="mock-instance-1")
        assert told(api.post("/api/instances/", MOCK)) == TAKEN

    @pytest.mark.django_db(transaction=True)
    def test_has_one_winner_of_a_race(self, owner, at_once):
        answers = at_once(lambda: builders.bearer(owner).post("/api/instances/", MOCK).status_code)
        assert sorted(answers) == [201, 409, 409, 409]
        assert ManagedInstance.objects.count() == 1

    @pytest.mark.parametrize(
        ("changed", "about"),
        [
            ({"instance_id": 5}, "instance_id"),
            ({"instance_id": ["i-12345678"]}, "instance_id"),
            ({"instance_id": "i-123"}, "instance_id"),
            ({"instance_id": "i-1234567890ABCDEF0"}, "instance_id"),
            ({"instance_id": "i-1234567890abcdef01"}, "instance_id"),
            ({"instance_id": "i-12345678\n"}, "instance_id"),
            ({"instance_id": " i-12345678"}, "instance_id"),
            ({"instance_id": "mock-1"}, "instance_id"),
            ({"instance_id": "x" * 65}, "instance_id"),
            ({"instance_id": "x" * 65, "is_mock": True}, "instance_id"),
            ({"instance_id": "a b", "is_mock": True}, "instance_id"),
            ({"instance_id": "a/b", "is_mock": True}, "instance_id"),
            ({"instance_id": "ä", "is_mock": True}, "instance_id"),
            ({"instance_id": "simulate", "is_mock": True}, "instance_id"),
            ({"instance_id": "decisions", "is_mock": True}, "instance_id"),
            ({"instance_id": "..", "is_mock": True}, "instance_id"),
            ({"instance_type": True}, "instance_type"),
            ({"instance_type": "t" * 41}, "instance_type"),
            ({"instance_type": "  "}, "instance_type"),
            ({"region": {}}, "region"),
            ({"region": "mock"}, "region"),
            ({"region": "us-east-1" * 4}, "region"),
            ({"is_mock": "true"}, "is_mock"),
            ({"is_mock": 1}, "is_mock"),
            ({"is_mock": None}, "is_mock"),
        ],
        ids=str,
    )
    def test_refuses_malformed_fields_by_name(self, api, changed, about):
        status, body = told(api.post("/api/instances/", {**REAL, **changed}))
        assert (status, list(body["fields"])) == (400, [about])
        assert body["error"].startswith(f"{about}: ")
        assert not ManagedInstance.objects.exists()

    @pytest.mark.parametrize(
        "text",
        ["[]", "[{}]", '"text"', "5", "true", "null", "", "{", '{"region": NaN}', '{"region": "\\u0000"}'],
    )
    def test_refuses_bodies_that_are_no_objects_of_json(self, api, text):
        answer = api.post("/api/instances/", text, content_type="application/json")
        assert (answer.status_code, list(answer.json())) == (400, ["error"])

    @pytest.mark.parametrize("instance_id", ["i-12345678", "i-0123456789abcdef0"])
    def test_takes_old_and_new_ids_of_ec2(self, api, instance_id):
        assert api.post("/api/instances/", {**REAL, "instance_id": instance_id}).status_code == 201

    @pytest.mark.parametrize("instance_id", ["x" * 64, "A.b_c:d-1", "i-12345678"])
    def test_takes_many_ids_of_mocks(self, api, instance_id):
        assert api.post("/api/instances/", {**MOCK, "instance_id": instance_id}).status_code == 201


class TestTheList:
    def test_answers_as_the_document_says(self, api, owner):
        stored = builders.managed(
            owner,
            level=2,
            is_monitoring=True,
            created_at=datetime(2026, 1, 22, 5, 16, 25, 123456, UTC),
        )
        assert told(api.get("/api/instances/")) == (
            200,
            {
                "instances": [
                    {
                        "id": str(stored.uuid),
                        "instance_id": stored.instance_id,
                        "instance_type": "t2.micro",
                        "region": "mock",
                        "is_monitoring": True,
                        "is_mock": True,
                        "cpu_capacity": 150.0,
                        "memory_capacity": 150.0,
                        "network_capacity": 150.0,
                        "current_scale_level": 2,
                        "created_at": "2026-01-22T05:16:25.123456",
                    }
                ]
            },
        )

    def test_has_ones_own_only_the_newest_first(self, api, owner):
        builders.managed()
        mine = [builders.managed(owner).instance_id for _ in range(3)]
        listed = api.get("/api/instances/").json()["instances"]
        assert [each["instance_id"] for each in listed] == mine[::-1]

    def test_costs_the_same_queries_however_long(self, api, owner):
        def queries():
            with CaptureQueriesContext(connection) as captured:
                api.get("/api/instances/")
            return len(captured)

        builders.managed(owner)
        few = queries()
        for _ in range(5):
            builders.managed(owner, inventory=builders.instance())
        assert queries() == few

    def test_refuses_unknown_parameters(self, api):
        status, body = told(api.get("/api/instances/?owner=me"))
        assert (status, list(body["fields"])) == (400, ["owner"])

    @pytest.mark.parametrize("path", ["/api/instances", "/api/instances/"])
    def test_is_there_with_and_without_its_slash(self, api, path):
        assert api.get(path).status_code == 200
        assert api.post(path, MOCK).status_code == 201


class TestTheDetail:
    @pytest.mark.parametrize("role", ["viewer", "operator", "administrator"])
    def test_adds_to_the_list_what_its_owner_may_know(self, role):
        owner = builders.user(role)
        api = builders.bearer(owner)
        found = builders.instance(builders.account("111111111111"), state="stopped")
        stored = builders.managed(owner, inventory=found, last_action_at=builders.MORNING)
        detail = api.get(f"/api/instances/{stored.instance_id}").json()
        (listed,) = api.get("/api/instances/").json()["instances"]
        assert {name: detail.pop(name) for name in listed} == listed
        assert detail == {
            "mode": "recommend",
            "policy_version": 1,
            "level_is_simulated": False,
            "last_action_at": "2026-03-01T06:00:00.000000",
            "account": "111111111111",
            "state": "stopped",
            "gone_at": None,
            "monitoring_obstacle": None,
        }

    @pytest.mark.parametrize("was_viewer", [False, True], ids=["plain user", "viewer no more"])
    def test_tells_an_owner_without_a_role_nothing_that_was_collected(self, was_viewer):
        owner = builders.user("viewer") if was_viewer else builders.user()
        found = builders.instance(state="stopped", gone_at=builders.MORNING)
        builders.managed(owner, inventory=found)
        owner.groups.clear()
        detail = builders.bearer(owner).get(f"/api/instances/{found.instance_id}").json()
        assert [detail[name] for name in ("account", "state", "gone_at")] == [None] * 3
        assert detail["monitoring_obstacle"].startswith("Monitoring a real instance needs its owner")

    def test_says_that_the_instance_is_gone(self, owner, api):
        owner.groups.add(builders.user("viewer").groups.get())
        found = builders.instance(gone_at=builders.MORNING)
        builders.managed(owner, inventory=found)
        detail = api.get(f"/api/instances/{found.instance_id}").json()
        assert detail["gone_at"] == "2026-03-01T06:00:00.000000"
        assert "not in the collected inventory" in detail["monitoring_obstacle"]

    def test_of_a_mock_has_nothing_of_aws(self, api, owner):
        detail = api.get(f"/api/instances/{builders.managed(owner).instance_id}").json()
        assert [detail[name] for name in ("account", "state", "gone_at", "monitoring_obstacle")] == [None] * 4


class TestDeletion:
    def test_forgets_the_instance_its_samples_and_decisions(self, api, owner):
        gone, kept = builders.managed(owner), builders.managed(owner)
        for each in (gone, kept):
            builders.managed_sample(each)
            builders.decision(each)
        answer = api.delete(f"/api/instances/{gone.instance_id}")
        assert (answer.status_code, answer.content) == (204, b"")
        assert [row.instance for row in ManagedSample.objects.all()] == [kept]
        assert [row.instance for row in ScalingDecision.objects.all()] == [kept]
        assert told(api.get(f"/api/instances/{gone.instance_id}")) == UNKNOWN

    def test_is_noted(self, api, owner):
        instance = builders.managed(owner)
        api.delete(f"/api/instances/{instance.instance_id}")
        event = ScalingEvent.objects.get()
        assert (event.kind, event.instance_id) == ("instance-deleted", instance.instance_id)

    def test_lets_the_id_be_registered_again(self, api, owner):
        builders.managed(owner, instance_id="mock-instance-1")
        api.delete("/api/instances/mock-instance-1")
        assert api.post("/api/instances/", MOCK).status_code == 201

    def test_waits_for_what_is_being_done_at_aws(self, api, owner):
        instance = builders.managed(owner, inventory=builders.instance())
        builders.decision(instance, outcome=Outcome.PENDING)
        status, body = told(api.delete(f"/api/instances/{instance.instance_id}"))
        assert status == 409
        assert "not finished" in body["error"]
        assert ManagedInstance.objects.exists()

    @pytest.mark.parametrize("mode", ACTING)
    @pytest.mark.parametrize("outcome", [Outcome.APPLIED, Outcome.FAILED, Outcome.UNKNOWN])
    def test_keeps_what_was_asked_of_aws_for_the_hour_that_it_counts(self, api, owner, mode, outcome):
        asked_at = datetime.now(UTC) - timedelta(minutes=59)
        instance = builders.managed(owner, inventory=builders.instance())
        builders.decision(instance, asked_at, mode=mode, outcome=outcome, target={"desired": 2})
        status, body = told(api.delete(f"/api/instances/{instance.instance_id}"))
        assert status == 409
        until = f"{asked_at + timedelta(hours=1, seconds=1):%Y-%m-%d %H:%M:%S} UTC"
        assert body["error"].endswith(f"it can be deleted from {until} on.")
        assert ManagedInstance.objects.exists()

    @pytest.mark.parametrize(
        ("minutes_ago", "decided"),
        [
            pytest.param(61, {"mode": Mode.ASG, "target": {"desired": 2}}, id="longer ago"),
            pytest.param(1, {"mode": Mode.ASG, "outcome": Outcome.FAILED}, id="nothing was asked"),
            pytest.param(1, {"mode": Mode.RECOMMEND, "outcome": Outcome.RECOMMENDED}, id="recommended"),
        ],
    )
    def test_is_not_held_up_by_what_does_not_count(self, api, owner, minutes_ago, decided):
        instance = builders.managed(owner, inventory=builders.instance())
        builders.decision(instance, datetime.now(UTC) - timedelta(minutes=minutes_ago), **decided)
        assert api.delete(f"/api/instances/{instance.instance_id}").status_code == 204


class TestMonitoring:
    @pytest.fixture
    def mock(self, owner):
        return builders.managed(owner, is_monitoring=False)

    def real(self, owner, **fields):
        return builders.managed(owner, **{"inventory": builders.instance(), "is_monitoring": False, **fields})

    def patch(self, client, instance, verb):
        return told(client.patch(f"/api/instances/{instance.instance_id}/monitor/{verb}"))

    def test_starts_and_stops(self, api, mock):
        assert self.patch(api, mock, "start") == (200, {"message": "Monitoring started successfully"})
        mock.refresh_from_db()
        assert mock.is_monitoring
        assert self.patch(api, mock, "stop") == (200, {"message": "Monitoring stopped successfully"})
        mock.refresh_from_db()
        assert not mock.is_monitoring
        kinds = ScalingEvent.objects.order_by("id").values_list("kind", flat=True)
        assert list(kinds) == ["monitoring-started", "monitoring-stopped"]

    def test_starts_once(self, api, mock):
        self.patch(api, mock, "start")
        refusal = (400, {"error": "Monitoring is already active for this instance"})
        assert self.patch(api, mock, "start") == refusal
        assert ScalingEvent.objects.count() == 1

    def test_stops_only_what_is_active(self, api, mock):
        assert self.patch(api, mock, "stop") == (
            400,
            {"error": "Monitoring is not active for this instance"},
        )

    @pytest.mark.django_db(transaction=True)
    @pytest.mark.parametrize("verb", ["start", "stop"])
    def test_has_one_winner_of_a_race(self, owner, at_once, verb):
        instance = builders.managed(owner, is_monitoring=verb == "stop")
        answers = at_once(lambda: self.patch(builders.bearer(owner), instance, verb)[0])
        assert sorted(answers) == [200, 400, 400, 400]
        assert ScalingEvent.objects.count() == 1

    @pytest.mark.parametrize("role", ["viewer", "operator", "administrator"])
    def test_of_a_real_instance_needs_a_role_and_the_inventory(self, role):
        owner = builders.user(role)
        found = builders.instance()
        instance = self.real(owner, inventory=found)
        ManagedInstance.objects.update(inventory=None)
        assert self.patch(builders.bearer(owner), instance, "start")[0] == 200
        instance.refresh_from_db()
        assert instance.inventory == found

    def test_of_a_real_instance_is_refused_without_a_role(self, api, owner):
        status, body = self.patch(api, self.real(owner), "start")
        assert status == 403
        assert "role viewer or operator" in body["error"]

    @pytest.mark.parametrize("other", [{"region": "us-east-2"}, {"gone_at": builders.MORNING}], ids=str)
    def test_of_what_was_not_collected_there_is_refused(self, other):
        owner = builders.user("viewer")
        found = builders.instance(**other)
        instance = self.real(owner, inventory=found, region="eu-west-1")
        status, body = self.patch(builders.bearer(owner), instance, "start")
        assert status == 400
        assert "not in the collected inventory of eu-west-1" in body["error"]
        assert "/sync-ec2" in body["error"]

    def test_can_be_stopped_by_an_owner_who_lost_the_role(self, api, owner):
        assert self.patch(api, self.real(owner, is_monitoring=True), "stop")[0] == 200


PER_INSTANCE = [
    ("get", "/api/instances/{}"),
    ("delete", "/api/instances/{}"),
    ("patch", "/api/instances/{}/monitor/start"),
    ("patch", "/api/instances/{}/monitor/stop"),
    ("get", "/api/instances/{}/policy"),
    ("patch", "/api/instances/{}/policy"),
    ("get", "/api/metrics/{}"),
    ("get", "/api/metrics/decisions/{}"),
    ("get", "/api/metrics/decisions/{}/aa0e8400-e29b-41d4-a716-446655440005"),
]


@pytest.mark.parametrize("slash", ["", "/"], ids=["no slash", "slash"])
@pytest.mark.parametrize(("method", "path"), PER_INSTANCE)
class TestEveryEndpointOfAnInstance:
    def test_is_for_its_owner_alone_whatever_the_role(self, stranger, method, path, slash):
        instance = builders.managed()
        assert told(getattr(stranger, method)(path.format(instance.instance_id) + slash, {})) == NOT_YOURS

    def test_knows_no_instance_that_nobody_registered(self, api, method, path, slash):
        for unknown in ("i-1234567890abcdef0", "x" * 500, "%C3%A4"):
            assert told(getattr(api, method)(path.format(unknown) + slash, {})) == UNKNOWN

    def test_needs_a_token(self, method, path, slash):
        address = path.format(builders.managed().instance_id) + slash
        assert told(getattr(APIClient(), method)(address, {})) == (401, {"error": "Token is missing"})

    def test_takes_no_session_for_a_token(self, owner, method, path, slash):
        client = APIClient()
        client.force_login(owner, backend="django.contrib.auth.backends.ModelBackend")
        address = path.format(builders.managed(owner).instance_id) + slash
        assert told(getattr(client, method)(address, {})) == (401, {"error": "Token is missing"})


@pytest.mark.parametrize(("method", "path"), PER_INSTANCE)
def test_refuses_unknown_parameters_by_name(api, owner, method, path):
    address = path.format(builders.managed(owner).instance_id)
    # APIClient makes a query string of what GET is given.
    answer = api.generic(method.upper(), f"{address}?colour=red", "{}", content_type="application/json")
    assert (answer.status_code, list(answer.json()["fields"])) == (400, ["colour"])


def test_a_profile_counts_the_users_instances(api, owner):
    builders.managed()
    for monitored in (True, True, False):
        builders.managed(owner, is_monitoring=monitored)
    profile = api.get("/api/auth/me").json()
    assert (profile["instance_count"], profile["monitoring_count"]) == (3, 2)


def test_moments_are_written_as_the_document_does(api, owner):
    earlier = datetime(2026, 1, 22, 7, 16, 25, 0, UTC).astimezone(timezone(timedelta(hours=2)))
    builders.managed(owner, created_at=earlier)
    (listed,) = api.get("/api/instances/").json()["instances"]
    assert re.fullmatch(r"2026-01-22T07:16:25\.000000", listed["created_at"])
