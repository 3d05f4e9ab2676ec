"""The autoscaler in the admin."""

import pytest
from django.contrib.auth.models import Permission
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.models import User
from scaling import audit
from scaling.models import (
    KillSwitch,
    ManagedInstance,
    ManagedSample,
    Mode,
    Outcome,
    ScalingDecision,
    ScalingEvent,
    ScalingPolicy,
)
from tests import builders

pytestmark = pytest.mark.django_db

ROWS = (ManagedInstance, ScalingDecision, ScalingEvent, KillSwitch)


def page(model, view="changelist", *args):
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_{view}", args=args)


def logged_in(person):
    client = Client()
    client.force_login(person, backend="django.contrib.auth.backends.ModelBackend")
    return client


@pytest.fixture
def person():
    return builders.user("administrator")


@pytest.fixture
def administrator(person):
    return logged_in(person)


def estate():
    """A row of everything."""
    instance = builders.managed(inventory=builders.instance(), level=2)
    decision = builders.decision(instance, vetoes=["<b>cooldown</b>"])
    audit.record("desired-capacity-set", instance=instance, decision=decision, desired=2)
    return {
        ManagedInstance: instance,
        ScalingDecision: decision,
        ScalingEvent: ScalingEvent.objects.first(),
        KillSwitch: KillSwitch.objects.get_or_create(pk=1)[0],
    }


@pytest.mark.parametrize("model", ROWS, ids=lambda model: model.__name__)
def test_every_row_is_listed_and_has_a_page(administrator, model):
    row = estate()[model]
    assert str(row.pk) in administrator.get(page(model)).content.decode()
    assert administrator.get(page(model, "change", row.pk)).status_code == 200


@pytest.mark.parametrize("model", ROWS, ids=lambda model: model.__name__)
def test_a_list_costs_the_same_number_of_queries_however_long(
    administrator, model, django_assert_max_num_queries
):
    estate()
    with django_assert_max_num_queries(100) as few:
        administrator.get(page(model))
    for _ in range(4):
        estate()
    with django_assert_max_num_queries(len(few)):
        administrator.get(page(model))


@pytest.mark.parametrize(
    ("model", "query"),
    [
        (ManagedInstance, "is_monitoring__exact=1&is_mock__exact=0&policy__mode=recommend&q=i-"),
        (ScalingDecision, "decision__exact=scale_up&rule=sustained_up&mode__exact=mock&simulated__exact=0"),
        (ScalingDecision, "outcome__exact=applied&timestamp__year=2026&timestamp__month=3"),
        (ScalingEvent, "kind=desired-capacity-set"),
    ],
)
def test_lists_can_be_searched_and_filtered(administrator, model, query):
    row = estate()[model]
    builders.managed(policy={"mode": "mock"})
    answer = administrator.get(f"{page(model)}?{query}")
    assert answer.status_code == 200
    assert list(answer.context["cl"].result_list) == [row]


@pytest.mark.parametrize("model", [ScalingDecision, ScalingEvent], ids=lambda model: model.__name__)
def test_what_was_recorded_can_only_be_looked_at(administrator, model):
    row = estate()[model]
    assert administrator.get(page(model, "add")).status_code == 403
    assert administrator.post(page(model, "change", row.pk), {}).status_code == 403
    assert administrator.post(page(model, "delete", row.pk), {"post": "yes"}).status_code == 403


def test_a_decision_shows_by_what_it_was_made(administrator):
    row = estate()[ScalingDecision]
    shown = administrator.get(page(ScalingDecision, "change", row.pk)).content.decode()
    assert "&quot;votes&quot;" in shown
    assert "&lt;b&gt;cooldown" in shown
    assert "desired-capacity-set" in shown


def test_a_decision_shows_its_samples_with_their_sources_and_outliers_by_name(administrator):
    values = {"cpu": [95.5], "memory": [None], "network_in": [1.0], "network_out": ["<i>"]}
    samples = {"timestamp": ["2026-03-01T06:00:00+00:00"], "source": [3], "outlier": [1], **values}
    row = builders.decision(builders.managed(), inputs={"samples": samples})
    shown = administrator.get(page(ScalingDecision, "change", row.pk)).content.decode()
    cells = "<td>95.5</td><td>-</td><td>1.0</td><td>&lt;i&gt;</td><td>simulated</td><td>cpu_high</td>"
    assert cells in shown


def test_a_decision_shows_the_statistics_of_the_metrics_that_have_any(administrator):
    statistics = {"cpu": {"q1": 1.5, "q3": 2.5, "lower": 0.0, "upper": 4.0}, "memory": None}
    row = builders.decision(builders.managed(), inputs={"statistics": statistics})
    shown = administrator.get(page(ScalingDecision, "change", row.pk)).content.decode()
    assert "<tbody><tr><td>cpu</td><td>1.5</td><td>2.5</td><td>0.0</td><td>4.0</td></tr></tbody>" in shown
    assert "CPU utilization" in shown


def test_decisions_are_listed_by_the_second_with_their_levels_and_a_short_reason(administrator):
    builders.decision(builders.managed(), reason="<b>" + "long " * 100)
    shown = administrator.get(page(ScalingDecision)).content.decode()
    assert "2026-03-01 06:00:00" in shown
    assert "1 → 2" in shown
    assert ">&lt;b&gt;long" in shown
    assert "…</div>" in shown


class TestInstances:
    def act(self, client, action, *chosen):
        body = {"action": action, "_selected_action": [each.pk for each in chosen], "post": "yes"}
        return client.post(page(ManagedInstance), body, follow=True).content.decode()

    def test_show_their_capacity_and_mode(self, administrator):
        builders.managed(level=3)
        shown = administrator.get(page(ManagedInstance)).content.decode()
        assert "225 %" in shown
        assert '<td class="field-mode">mock</td>' in shown

    def test_are_monitored_and_not_by_actions(self, administrator, person):
        mock = builders.managed(is_monitoring=False)
        assert "Monitoring of 1 instances started." in self.act(administrator, "start_monitoring", mock)
        mock.refresh_from_db()
        assert mock.is_monitoring
        self.act(administrator, "stop_monitoring", mock)
        mock.refresh_from_db()
        assert not mock.is_monitoring
        events = ScalingEvent.objects.order_by("id").values_list("kind", "user")
        assert list(events) == [("monitoring-started", person.pk), ("monitoring-stopped", person.pk)]

    def test_tell_why_they_are_not_monitored(self, administrator):
        registered = builders.user()
        refused = builders.managed(registered, inventory=builders.instance(), is_monitoring=False)
        mock = builders.managed(is_monitoring=False)
        shown = self.act(administrator, "start_monitoring", refused, mock)
        assert "needs its owner to have the role viewer" in shown
        assert "Monitoring of 1 instances started." in shown
        detail = administrator.get(page(ManagedInstance, "change", refused.pk)).content.decode()
        assert "needs its owner to have the role viewer" in detail

    def test_are_not_added_here(self, administrator):
        assert administrator.get(page(ManagedInstance, "add")).status_code == 403

    @pytest.mark.parametrize("way", ["page", "action"])
    def test_are_deleted_with_all_that_is_about_them(self, administrator, way):
        instance = builders.managed()
        builders.managed_sample(instance)
        builders.decision(instance)
        if way == "page":
            administrator.post(page(ManagedInstance, "delete", instance.pk), {"post": "yes"})
        else:
            self.act(administrator, "delete_selected", instance)
        for model in (ManagedInstance, ManagedSample, ScalingDecision):
            assert not model.objects.exists()
        assert ScalingEvent.objects.get().kind == "instance-deleted"

    @pytest.mark.parametrize("outcome", [Outcome.PENDING, Outcome.APPLIED])
    def test_are_kept_while_something_is_done_at_aws_and_counted(self, administrator, outcome):
        instance = builders.managed(inventory=builders.instance())
        builders.decision(instance, timezone.now(), mode=Mode.ASG, target={"desired": 2}, outcome=outcome)
        address = page(ManagedInstance, "delete", instance.pk)
        assert administrator.post(address, {"post": "yes"}).status_code == 403
        self.act(administrator, "delete_selected", instance)
        assert ManagedInstance.objects.exists()

    @pytest.mark.parametrize("way", ["page", "action"])
    def test_are_deleted_with_their_owner(self, administrator, person, way):
        instance = builders.managed()
        builders.managed_sample(instance)
        builders.decision(instance)
        self.delete_owner(administrator, instance, way)
        for model in (ManagedInstance, ManagedSample, ScalingDecision):
            assert not model.objects.exists()
        assert not User.objects.filter(pk=instance.owner_id).exists()
        event = ScalingEvent.objects.get()
        assert (event.kind, event.user) == ("instance-deleted", person)

    @pytest.mark.parametrize("way", ["page", "action"])
    def test_keep_their_owner_while_something_is_done_at_aws(self, administrator, way):
        instance = builders.managed(inventory=builders.instance())
        builders.decision(instance, outcome=Outcome.PENDING)
        answer = self.delete_owner(administrator, instance, way)
        reason = f"{instance.instance_id}: A scaling action on this instance is not finished"
        assert reason in answer.content.decode()
        assert User.objects.filter(pk=instance.owner_id).exists()
        assert ScalingDecision.objects.exists()

    def delete_owner(self, administrator, instance, way):
        if way == "page":
            return administrator.post(page(User, "delete", instance.owner_id), {"post": "yes"})
        form = {"action": "delete_selected", "_selected_action": [instance.owner_id], "post": "yes"}
        return administrator.post(page(User), form)

    def test_are_not_started_by_staff_without_the_role(self):
        staff = builders.user(is_staff=True)
        staff.user_permissions.set(Permission.objects.filter(codename__endswith="managedinstance"))
        client, mock = logged_in(staff), builders.managed(is_monitoring=False)
        assert "start_monitoring" not in client.get(page(ManagedInstance)).content.decode()
        self.act(client, "start_monitoring", mock)
        mock.refresh_from_db()
        assert not mock.is_monitoring


class TestPolicies:
    def save(self, client, instance, **changes):
        address = page(ManagedInstance, "change", instance.pk)
        (inline,) = client.get(address).context["inline_admin_formsets"]
        (form,) = inline.formset.initial_forms
        values = {name: form[name].value() for name in form.fields} | changes
        prefixed = {f"policy-0-{name}": value for name, value in values.items() if value not in (None, False)}
        counts = {"policy-TOTAL_FORMS": 1, "policy-INITIAL_FORMS": 1}
        return client.post(address, {**counts, **prefixed}).status_code

    @pytest.fixture
    def instance(self):
        return builders.managed(builders.user("viewer"), inventory=builders.instance())

    def policy(self):
        return ScalingPolicy.objects.get()

    def test_are_changed_as_through_the_api(self, administrator, person, instance):
        assert self.save(administrator, instance, cpu_high=80, allow_restart=True) == 302
        policy = self.policy()
        assert (policy.cpu_high, policy.allow_restart, policy.version) == (80, True, 2)
        assert policy.updated_by == person
        event = ScalingEvent.objects.get()
        assert (event.kind, event.user) == ("policy-changed", person)
        assert event.detail["changes"] == {
            "cpu_high": {"old": 90.0, "new": 80.0},
            "allow_restart": {"old": False, "new": True},
        }

    def test_stay_when_nothing_is_changed(self, administrator, instance):
        assert self.save(administrator, instance) == 302
        assert self.policy().version == 1
        assert not ScalingEvent.objects.exists()

    def test_leave_what_workers_change_meanwhile_alone(self, administrator, instance, monkeypatch):
        stale = ManagedInstance.objects.get()
        monkeypatch.setattr("django.contrib.admin.ModelAdmin.get_object", lambda *_args, **_kwargs: stale)
        ManagedInstance.objects.update(level=4)
        assert self.save(administrator, instance, cpu_high=80) == 302
        instance.refresh_from_db()
        assert (instance.level, self.policy().cpu_high) == (4, 80)

    @pytest.mark.parametrize(
        "changes",
        [
            {"cpu_low": 95},
            {"share": 2},
            {"maintenance_window": "sunday"},
            {"mode": "mock"},
            {"mode": "asg"},
            {"mode": "ec2-resize"},
        ],
        ids=str,
    )
    def test_are_checked_as_through_the_api(self, administrator, instance, changes):
        assert self.save(administrator, instance, **changes) == 200
        assert self.policy().version == 1

    def test_act_where_the_owner_is_an_operator(self, administrator):
        instance = builders.managed(inventory=builders.instance())
        assert self.save(administrator, instance, mode="asg") == 302
        assert self.policy().mode == "asg"


class TestTheKillSwitch:
    def test_is_there_before_anybody_touched_it(self, administrator):
        assert "not engaged" in administrator.get(page(KillSwitch)).content.decode()

    def test_is_turned_as_through_the_api(self, administrator, person):
        KillSwitch.objects.create()
        body = {"engaged": "on", "reason": "load test"}
        assert administrator.post(page(KillSwitch, "change", 1), body).status_code == 302
        switch = KillSwitch.objects.get()
        assert (switch.engaged, switch.reason, switch.changed_by) == (True, "load test", person)
        assert ScalingEvent.objects.get().kind == "kill-switch-engaged"

    def test_is_one(self, administrator):
        KillSwitch.objects.create()
        assert administrator.get(page(KillSwitch, "add")).status_code == 403
        assert administrator.post(page(KillSwitch, "delete", 1), {"post": "yes"}).status_code == 403
