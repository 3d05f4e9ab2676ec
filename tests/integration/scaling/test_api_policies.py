"""By which rules an instance is scaled, and who may change them."""

import pytest

from scaling.models import ScalingEvent, ScalingPolicy
from tests import builders
from tests.integration.scaling.answers import told

pytestmark = pytest.mark.django_db

USUAL = {
    "kind": "three_tier",
    "prediction": "forecast_only",
    "worth": None,
    "cpu_high": 90.0,
    "memory_high": 90.0,
    "cpu_low": 10.0,
    "memory_low": 20.0,
    "share": 0.8,
    "window_s": 300,
    "min_samples": 4,
    "min_span_s": 120,
    "min_level": 1,
    "max_level": 10,
    "cooldown_up_s": 300,
    "cooldown_down_s": 300,
    "source_period_s": None,
    "allow_restart": False,
    "maintenance_window": "",
}


@pytest.fixture
def instance(owner):
    return builders.managed(owner)


@pytest.fixture
def patch(api, instance):
    return lambda **body: told(api.patch(f"/api/instances/{instance.instance_id}/policy", body))


def policy_of(instance):
    return ScalingPolicy.objects.get(instance=instance)


def test_a_policy_is_shown_with_its_version(api, instance):
    policy = policy_of(instance)
    status, body = told(api.get(f"/api/instances/{instance.instance_id}/policy"))
    assert (status, body) == (
        200,
        {
            "instance_id": instance.instance_id,
            "version": 1,
            "mode": "mock",
            **USUAL,
            "updated_at": policy.updated_at.strftime("%Y-%m-%dT%H:%M:%S.%f"),
            "updated_by": None,
        },
    )


@pytest.mark.parametrize(
    "changes",
    [
        {"cpu_high": 75.5},
        {"cpu_high": 75, "memory_high": 80, "cpu_low": 0, "memory_low": 5, "share": 1},
        {"window_s": 600, "min_samples": 10, "min_span_s": 240},
        {"min_level": 2, "max_level": 4},
        {"cooldown_up_s": 0, "cooldown_down_s": 86400},
        {"source_period_s": 10},
        {"allow_restart": True, "maintenance_window": "sun:02:00-sun:04:00"},
        {"mode": "recommend"},
        {"kind": "predictive"},
        {"kind": "predictive", "prediction": "act", "worth": 12.5, "cooldown_up_s": 0},
        {"worth": None, "max_level": 4},
        {"window_s": 600.0},
    ],
    ids=str,
)
def test_any_part_of_it_can_be_changed(patch, instance, changes):
    status, body = patch(**changes)
    assert status == 200
    assert {name: body[name] for name in changes} == changes
    assert body["version"] == 2
    assert {name: getattr(policy_of(instance), name) for name in changes} == changes


def test_a_change_is_noted_with_what_was_and_what_is(patch, instance, owner):
    patch(cpu_high=80, max_level=10, mode="recommend")
    event = ScalingEvent.objects.get()
    assert (event.kind, event.instance_id, event.user) == ("policy-changed", instance.instance_id, owner)
    assert event.detail == {
        "version": 2,
        "changes": {
            "cpu_high": {"old": 90.0, "new": 80.0},
            "mode": {"old": "mock", "new": "recommend"},
        },
    }
    assert policy_of(instance).updated_by == owner


@pytest.mark.parametrize(
    "body", [{}, {"cpu_high": 90}, {"mode": "mock", **USUAL}], ids=["nothing", "one", "all"]
)
def test_what_changes_nothing_makes_no_version(patch, instance, body):
    before = policy_of(instance).updated_at
    assert patch(**body)[1]["version"] == 1
    assert policy_of(instance).updated_at == before
    assert not ScalingEvent.objects.exists()


def test_a_period_can_be_taken_away_again(patch):
    patch(source_period_s=60)
    assert patch(source_period_s=None)[1]["source_period_s"] is None


@pytest.mark.parametrize(
    ("body", "about"),
    [
        ({"cpu_high": "80"}, "cpu_high"),
        ({"cpu_high": True}, "cpu_high"),
        ({"cpu_high": None}, "cpu_high"),
        ({"cpu_high": 100.5}, "cpu_high"),
        ({"memory_low": -1}, "memory_low"),
        ({"cpu_low": 95}, "cpu_low"),
        ({"memory_high": 10}, "memory_low"),
        ({"share": 0.4}, "share"),
        ({"window_s": 119}, "window_s"),
        ({"window_s": 3601}, "window_s"),
        ({"window_s": 300.5}, "window_s"),
        ({"window_s": "300"}, "window_s"),
        ({"min_span_s": 301}, "min_span_s"),
        ({"min_span_s": 300}, "min_span_s"),
        ({"min_samples": 3}, "min_samples"),
        ({"min_level": 0}, "min_level"),
        ({"max_level": 11}, "max_level"),
        ({"min_level": 5, "max_level": 4}, "min_level"),
        ({"cooldown_up_s": -1}, "cooldown_up_s"),
        ({"cooldown_down_s": 10**18}, "cooldown_down_s"),
        ({"source_period_s": 45}, "source_period_s"),
        ({"source_period_s": "60"}, "source_period_s"),
        ({"source_period_s": [60]}, "source_period_s"),
        ({"allow_restart": 1}, "allow_restart"),
        ({"allow_restart": "yes"}, "allow_restart"),
        ({"maintenance_window": "sunday night"}, "maintenance_window"),
        ({"maintenance_window": "sun:02:00-sun:02:00"}, "maintenance_window"),
        ({"maintenance_window": 5}, "maintenance_window"),
        ({"maintenance_window": "x" * 24}, "maintenance_window"),
        ({"mode": "asg"}, "mode"),
        ({"kind": "hpa"}, "kind"),
        ({"prediction": "off"}, "prediction"),
        ({"prediction": None}, "prediction"),
        ({"worth": 0}, "worth"),
        ({"worth": "70"}, "worth"),
        ({"worth": 2_000_000}, "worth"),
        ({"mode": "everything"}, "mode"),
        ({"mode": None}, "mode"),
        ({"mode": {}}, "mode"),
        ({"colour": "red"}, "colour"),
        ({"version": 7}, "version"),
        ({"updated_at": "2026-01-22T05:16:25"}, "updated_at"),
    ],
    ids=str,
)
def test_what_cannot_be_is_refused_by_name(patch, instance, body, about):
    status, told_why = patch(**body)
    assert (status, list(told_why["fields"])) == (400, [about])
    assert policy_of(instance).version == 1
    assert not ScalingEvent.objects.exists()


@pytest.mark.parametrize("body", ["[]", '"text"', "5", "null", "{"])
def test_bodies_that_are_no_objects_are_refused(api, instance, body):
    path = f"/api/instances/{instance.instance_id}/policy"
    answer = api.patch(path, body, content_type="application/json")
    assert (answer.status_code, list(answer.json())) == (400, ["error"])


class TestModes:
    def patch(self, owner, instance, **body):
        return told(builders.bearer(owner).patch(f"/api/instances/{instance.instance_id}/policy", body))

    @pytest.mark.parametrize("mode", ["asg", "ec2-resize"])
    @pytest.mark.parametrize("role", ["operator", "administrator"])
    def test_that_act_are_for_operators(self, role, mode):
        owner = builders.user(role)
        instance = builders.managed(owner, inventory=builders.instance())
        assert self.patch(owner, instance, mode=mode)[0] == 200

    @pytest.mark.parametrize("mode", ["asg", "ec2-resize"])
    @pytest.mark.parametrize("role", [None, "viewer"])
    def test_that_act_are_refused_to_others(self, role, mode):
        owner = builders.user(role)
        instance = builders.managed(owner, inventory=builders.instance())
        status, body = self.patch(owner, instance, mode=mode, cpu_high=50)
        assert status == 403
        assert "role operator" in body["error"]
        assert (policy_of(instance).mode, policy_of(instance).cpu_high) == ("recommend", 90)

    def test_that_act_begin_at_the_first_level(self):
        owner = builders.user("operator")
        group = {"group_name": "web", "base_desired": 4, "last_desired": 6}
        before = {"level": 3, "level_is_simulated": True, **group}
        instance = builders.managed(owner, inventory=builders.instance(), **before)
        assert self.patch(owner, instance, mode="asg")[0] == 200
        instance.refresh_from_db()
        assert {name: getattr(instance, name) for name in before} == {
            "level": 1,
            "level_is_simulated": False,
            "group_name": "",
            "base_desired": None,
            "last_desired": None,
        }
        assert ScalingEvent.objects.get().detail["reset"] == before

    def test_that_act_wait_for_the_action_under_way(self):
        owner = builders.user("operator")
        instance = builders.managed(owner, inventory=builders.instance(), level=3, policy={"mode": "asg"})
        builders.decision(instance, outcome="pending")
        assert self.patch(owner, instance, mode="ec2-resize")[0] == 409
        instance.refresh_from_db()
        assert (instance.level, policy_of(instance).mode) == (3, "asg")
        assert self.patch(owner, instance, mode="recommend")[0] == 200

    def test_of_mocks_are_not_for_real_instances(self):
        owner = builders.user("operator")
        instance = builders.managed(owner, inventory=builders.instance())
        status, body = self.patch(owner, instance, mode="mock")
        assert (status, list(body["fields"])) == (400, ["mode"])
        assert "recommend or asg or ec2-resize" in body["error"]

    def test_that_act_stay_editable_when_the_role_is_gone(self):
        owner = builders.user()
        instance = builders.managed(owner, inventory=builders.instance(), policy={"mode": "asg"})
        assert self.patch(owner, instance, mode="asg", cpu_high=80)[0] == 200
        assert self.patch(owner, instance, mode="recommend")[0] == 200
        assert self.patch(owner, instance, mode="asg")[0] == 403


@pytest.mark.django_db(transaction=True)
def test_changes_at_once_make_a_version_each(owner, at_once):
    instance = builders.managed(owner)
    bodies = iter([{"cpu_high": 80}, {"memory_high": 80}, {"share": 0.9}, {"max_level": 5}])
    path = f"/api/instances/{instance.instance_id}/policy"
    assert at_once(lambda: builders.bearer(owner).patch(path, next(bodies)).status_code) == [200] * 4
    policy = policy_of(instance)
    assert policy.version == 5
    assert (policy.cpu_high, policy.memory_high, policy.share, policy.max_level) == (80, 80, 0.9, 5)
