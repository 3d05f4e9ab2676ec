"""Decisions follow the samples, are made once a slot, stored when they are news, and held by the guard."""

import threading
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import numpy as np
import pytest
from django.db import connection

from core.epoch import microseconds
from pipelines.models import Run, Status
from scaling import guard, rules
from scaling.columns import METRICS, Samples
from scaling.models import Direction, KillSwitch, ManagedInstance, Mode, Outcome, ScalingDecision, Source
from scaling.services import acting, alarming, arrivals, deciding, mock
from scaling.windows import Windows
from tests import builders
from tests.integration.scaling import samples as scaling

pytestmark = pytest.mark.django_db
NOON = datetime(2026, 3, 20, 12, tzinfo=UTC)
HALF_MINUTE, SLOT = timedelta(seconds=30), timedelta(seconds=15)


class Clock:
    """Time as the test has it; beat's two ticks come as it passes."""

    def __init__(self, now):
        self._set = now
        self.time = NOON
        now(NOON)

    def go_on(self, **span):
        """Let time pass, with a decision each 15 s and the mocks' samples each 30 s."""
        end = self.time + timedelta(**span)
        while self.time < end:
            self.time += SLOT
            self._set(self.time)
            if self.time.second % 30 == 0:
                mock.measure(self.time, 0, 1)
            deciding.decide(self.time, 0, 1)


@pytest.fixture
def clock(now):
    return Clock(now)


def simulate(instance, until, *, minutes, cpu, memory):
    """Replace what was generated for that time by a load that ends at a moment."""
    moments = [until - n * HALF_MINUTE for n in range(minutes * 2)]
    instance.samples.filter(timestamp__gt=until - timedelta(minutes=minutes)).delete()
    rows = ((instance, moment, cpu, memory) for moment in moments)
    scaling.write(arrivals.record, *rows, source=Source.SIMULATED)


def load(instance, cpu=95.0, *, source=Source.MOCK, step=HALF_MINUTE, count=10, now=NOON):
    """Store a load that has lasted for five minutes."""
    rows = ((instance, now - n * step, cpu, cpu) for n in range(count))
    scaling.write(arrivals.record, *rows, source=source)


def decided(instance):
    """Return the instance's decisions, the oldest first: direction, rule, outcome, codes of vetoes."""
    rows = ScalingDecision.objects.filter(instance=instance).order_by("slot")
    return [(d.decision, d.rule, d.outcome, [veto["code"] for veto in d.vetoes]) for d in rows]


def level(instance):
    instance.refresh_from_db()
    return instance.level, instance.capacity_percent


UP = (Direction.SCALE_UP, "sustained_up", Outcome.APPLIED, [])
DOWN = (Direction.SCALE_DOWN, "sustained_down", Outcome.APPLIED, [])


# --- The walk-through ------------------------------------------------------------------------
def test_a_mock_follows_a_simulated_load_up_and_down(clock):
    instance = builders.managed()
    clock.go_on(minutes=6)
    assert level(instance) == (1, 100)
    simulate(instance, clock.time, minutes=10, cpu=95.0, memory=50.0)
    clock.go_on(seconds=15)
    assert level(instance) == (2, 150)
    assert instance.level_is_simulated
    clock.go_on(seconds=30)
    assert decided(instance)[-1] == (Direction.NO_ACTION, "sustained_up", Outcome.NONE, ["cooldown"])
    clock.go_on(minutes=10)
    assert level(instance) == (2, 150)
    assert decided(instance)[-1][1] == "steady"
    simulate(instance, clock.time, minutes=10, cpu=3.0, memory=5.0)
    clock.go_on(seconds=15)
    assert level(instance) == (1, 100)
    clock.go_on(minutes=15)
    assert level(instance) == (1, 100)
    assert [one for one in decided(instance) if one[2] == Outcome.APPLIED] == [UP, DOWN]


def test_a_reason_reads_like_the_contract(clock):
    instance = builders.managed()
    simulate(instance, NOON, minutes=10, cpu=92.5, memory=50.0)
    clock.go_on(seconds=15)
    decision = ScalingDecision.objects.get()
    assert decision.reason == ("Sustained scale up: CPU > 90% for 100.0% of last 5 minutes (Current: 92.50%)")
    assert (decision.cpu_utilization, decision.memory_usage, decision.network_in) == (92.5, 50.0, None)
    assert decision.inputs["wish"] == "scale_up"
    assert len(decision.inputs["samples"]["cpu"]) == 10
    assert (decision.level_before, decision.level_after, decision.policy_version) == (1, 2, 1)
    assert decision.simulated


def test_mock_data_alone_never_scales_in_an_hour(clock):
    instances = [builders.managed() for _ in range(20)]
    clock.go_on(hours=1)
    for instance in instances:
        assert level(instance) == (1, 100)
        assert [rule for _, rule, _, _ in decided(instance)] == ["insufficient", "steady"]


def test_an_idle_instance_at_the_lowest_level_is_told_of_once(clock):
    instance = builders.managed()
    for _ in range(4):
        load(instance, 3.0, now=clock.time)
        clock.go_on(seconds=15)
    assert decided(instance) == [(Direction.NO_ACTION, "sustained_down", Outcome.NONE, ["min_level"])]


def test_a_load_that_lasts_is_followed_after_each_cooldown(clock):
    instance = builders.managed(policy={"cooldown_up_s": 60, "max_level": 3})
    for _ in range(13):
        load(instance, 95.0, source=Source.SIMULATED, now=clock.time)
        clock.go_on(seconds=15)
    assert [one[3] for one in decided(instance)] == [
        [],
        ["cooldown"],
        [],
        ["max_level", "cooldown"],
    ]
    assert level(instance) == (3, 225)


@pytest.mark.parametrize(("cpu", "at", "code"), [(3.0, 1, "min_level"), (95.0, 3, "max_level")])
def test_what_stays_at_a_limit_is_passed_over_until_the_limit_moves(clock, monkeypatch, cpu, at, code):
    """Nothing is locked for it, whatever else comes to stand in the way."""
    instance = builders.managed(level=at, policy={"max_level": 3, "cooldown_up_s": 0, "cooldown_down_s": 0})
    load(instance, cpu)
    deciding.decide(NOON, 0, 1)
    locked = deciding._locked
    monkeypatch.setattr(deciding, "_locked", None)
    deciding.decide(NOON + SLOT, 0, 1)
    KillSwitch.objects.update_or_create(defaults={"engaged": True})
    deciding.decide(NOON + 2 * SLOT, 0, 1)
    assert [one[3] for one in decided(instance)] == [[code]]
    monkeypatch.setattr(deciding, "_locked", locked)
    KillSwitch.objects.update(engaged=False)
    ManagedInstance.objects.update(level=2)
    deciding.decide(NOON + 3 * SLOT, 0, 1)
    assert level(instance)[0] == at


def test_what_stands_beside_a_limit_is_told_and_is_no_kind_of_its_own(clock):
    KillSwitch.objects.update_or_create(defaults={"engaged": True})
    instance = builders.managed()
    load(instance, 3.0)
    deciding.decide(NOON, 0, 1)
    assert decided(instance)[0][3] == ["kill_switch", "min_level"]
    instance.refresh_from_db()
    assert instance.last_verdict == "sustained_down:down:min_level"


# --- Replay ----------------------------------------------------------------------------------
def rows_of(stored):
    """The window that inputs were made of."""
    nan = [[np.nan if value is None else value for value in stored[name]] for name in METRICS]
    return Samples(
        np.ones(len(stored["timestamp"]), np.int32),
        np.array([microseconds(datetime.fromisoformat(at)) for at in stored["timestamp"]], np.int64),
        np.array(stored["source"], np.int16),
        np.array(stored["outlier"], np.int16),
        np.array(nan, np.float64).reshape(len(METRICS), -1),
    )


def replayed(decision):
    """What rules and guard say of a stored decision's inputs: rule, reason, level, codes and outcome."""
    inputs, now = decision.inputs, datetime.fromisoformat(decision.inputs["now"])
    windows = Windows.of(
        rows_of(inputs["samples"]), np.ones(1, np.int32), np.array([inputs["window_s"] * 1e6], np.int64)
    )
    policies = rules.Policies.of([SimpleNamespace(**inputs["policy"])])
    had_samples = np.array([inputs["had_samples"]])
    found = rules.evaluate(windows, policies, microseconds(now), np.array([inputs["period_s"]]), had_samples)
    limits, state = SimpleNamespace(**inputs["guard"].pop("limits")), inputs["guard"]
    last = state["last_action_at"] and datetime.fromisoformat(state["last_action_at"])
    ruling = guard.check(
        int(found.direction[0]), guard.State(**{**state, "last_action_at": last}), limits, now
    )
    vetoes = [{"code": veto.code, "reason": veto.sentence} for veto in ruling.vetoes]
    return found.rule_name(0), deciding._reason(found.reason(0), ruling), ruling.level_after, vetoes


def test_a_decision_can_be_replayed_from_its_inputs(clock):
    """Too little data, an action, a veto, a steady load, a wish at a limit."""
    instance = builders.managed()
    clock.go_on(minutes=4)
    for cpu in (95.0, 3.0):
        simulate(instance, clock.time, minutes=10, cpu=cpu, memory=5.0)
        clock.go_on(seconds=45)
        clock.go_on(minutes=9)
    decisions = list(ScalingDecision.objects.all())
    kinds = {(each.rule, each.outcome) for each in decisions}
    assert kinds >= {("insufficient", "none"), ("sustained_up", "applied"), ("sustained_up", "none")}
    assert kinds >= {("steady", "none"), ("sustained_down", "applied"), ("sustained_down", "none")}
    for each in decisions:
        assert replayed(each) == (each.rule, each.reason, each.level_after, each.vetoes)


def test_a_decision_about_aws_can_be_replayed_from_its_inputs(clock, monkeypatch):
    monkeypatch.setattr(acting, "order", lambda decision: None)
    for role in ("operator", "viewer"):
        account = builders.account(actor_role_arn="arn:aws:iam::123456789012:role/actor")
        owner = builders.user(role)
        load_of(builders.managed(owner, inventory=builders.instance(account), policy={"mode": Mode.ASG}))
    deciding.decide(NOON, 0, 1)
    decisions = list(ScalingDecision.objects.all())
    assert {each.outcome for each in decisions} == {Outcome.PENDING, Outcome.NONE}
    for each in decisions:
        assert replayed(each) == (each.rule, each.reason, each.level_after, each.vetoes)


# --- Very much at once ------------------------------------------------------------------------
def test_what_wants_nothing_waits_where_the_slot_has_no_time_left(clock, monkeypatch):
    monkeypatch.setattr(deciding, "BATCH", 1)
    monkeypatch.setattr(deciding, "TELLING_S", 0.0)
    for _ in range(3):
        builders.managed()
    hot = [builders.managed() for _ in range(2)]
    for instance in hot:
        load(instance)
    assert deciding.decide(NOON, 0, 1) == {"scale_up applied": 2, "no_action none": 1}
    monkeypatch.setattr(deciding, "TELLING_S", 60.0)
    # The two that are left, and that the others' wish is held by the cooldown.
    assert deciding.decide(NOON + SLOT, 0, 1) == {"no_action none": 2 + 2}


# --- Once a slot -----------------------------------------------------------------------------
def test_a_second_copy_of_a_slot_does_nothing(clock):
    instance = builders.managed(policy={"cooldown_up_s": 0})
    load(instance)
    assert deciding.decide(NOON, 0, 1) == {"scale_up applied": 1}
    assert deciding.decide(NOON, 0, 1) == {}
    assert level(instance)[0] == 2
    assert deciding.decide(NOON + SLOT, 0, 1) == {"no_action none": 1}


def test_the_next_sample_acts_again_and_none_acts_twice(clock):
    instance = builders.managed(policy={"cooldown_up_s": 0})
    load(instance)
    deciding.decide(NOON, 0, 1)
    clock.go_on(seconds=15)
    assert level(instance)[0] == 2
    clock.go_on(seconds=15)
    assert level(instance)[0] == 3


@pytest.mark.django_db(transaction=True)
def test_two_deciders_of_the_same_slot_at_once_act_once(clock):
    instances = [builders.managed(policy={"cooldown_up_s": 0}) for _ in range(30)]
    for instance in instances:
        load(instance)
    start, counts = threading.Barrier(4), []

    def run():
        start.wait()
        counts.append(deciding.decide(NOON, 0, 1))
        connection.close()

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(count["scale_up applied"] for count in counts) == 30
    assert {level(instance)[0] for instance in instances} == {2}


def test_shards_divide_what_is_monitored(clock):
    instances = [builders.managed() for _ in range(7)]
    stored = [deciding.decide(NOON, shard, 3)["no_action none"] for shard in range(3)]
    assert sum(stored) == 7
    assert min(stored) >= 2
    assert all(decided(instance) for instance in instances)


def test_what_cannot_be_decided_about_keeps_no_others_from_it(clock, monkeypatch, caplog):
    """The error is told with its instances, and raised, so that the shard is not noted as done."""
    monkeypatch.setattr(deciding, "BATCH", 1)
    first, second = builders.managed(), builders.managed()
    settled = deciding._settled

    def failing(findings, slot, now):
        if findings[0].instance == first.pk:
            raise ZeroDivisionError
        return settled(findings, slot, now)

    monkeypatch.setattr(deciding, "_settled", failing)
    with pytest.raises(ZeroDivisionError):
        deciding.decide(NOON, 0, 1)
    assert f"not decided about the managed instances of keys [{first.pk}]" in caplog.text
    assert (decided(first), len(decided(second))) == ([], 1)


def test_what_is_not_monitored_is_not_decided_about(clock):
    load(builders.managed(is_monitoring=False))
    assert deciding.decide(NOON, 0, 1) == {}


def test_a_policy_that_is_changed_meanwhile_is_asked_at_the_next_slot(clock, monkeypatch):
    instance = builders.managed()
    load(instance)
    guarded = deciding._locked

    def changed(findings, slot):
        ManagedInstance.objects.get().policy.__class__.objects.update(version=2)
        return guarded(findings, slot)

    monkeypatch.setattr(deciding, "_locked", changed)
    assert deciding.decide(NOON, 0, 1) == {}
    monkeypatch.setattr(deciding, "_locked", guarded)
    assert deciding.decide(NOON + SLOT, 0, 1) == {"scale_up applied": 1}
    assert ScalingDecision.objects.get().policy_version == 2


# --- What holds ------------------------------------------------------------------------------
def test_the_kill_switch_holds(clock):
    KillSwitch.objects.update_or_create(defaults={"engaged": True})
    instance = builders.managed()
    load(instance)
    deciding.decide(NOON, 0, 1)
    assert decided(instance) == [(Direction.NO_ACTION, "sustained_up", Outcome.NONE, ["kill_switch"])]
    assert ScalingDecision.objects.get().inputs["wish"] == "scale_up"


def test_a_mock_that_is_not_measured_any_more_is_stale(clock):
    """Two periods and three minutes: 240 s, and another minute before it is told."""
    instance = builders.managed()
    clock.go_on(minutes=5)
    for seconds in (240, 300, 301, 900):
        clock._set(clock.time + timedelta(seconds=seconds))
        deciding.decide(clock.time + timedelta(seconds=seconds), 0, 1)
        assert len(decided(instance)) == 2 + (seconds > 300)
    assert [rule for _, rule, _, _ in decided(instance)] == ["insufficient", "steady", "stale"]


def test_what_is_stale_for_less_than_a_minute_holds_all_the_same(clock):
    instance = builders.managed()
    load(instance, 95.0, now=NOON - timedelta(seconds=270))
    assert deciding.decide(NOON, 0, 1) == {}
    assert level(instance)[0] == 1


def test_samples_that_are_out_of_sight_are_stale_and_not_too_few(clock):
    instance, new = builders.managed(last_verdict="steady:hold"), builders.managed()
    load(instance, 50.0, now=NOON - timedelta(days=1))
    deciding.decide(NOON, 0, 1)
    decision = ScalingDecision.objects.get(instance=instance)
    assert (decision.rule, decision.reason) == ("stale", "Stale data: no sample for more than 240 s")
    assert [rule for _, rule, _, _ in decided(new)] == ["insufficient"]
    assert replayed(decision)[:2] == (decision.rule, decision.reason)
    assert deciding.decide(NOON + SLOT, 0, 1) == {}


def test_a_mock_whose_samples_are_late_is_judged_by_the_whole_window(clock):
    instance = builders.managed()
    load(instance, 95.0, now=NOON - timedelta(minutes=3))
    deciding.decide(NOON, 0, 1)
    assert len(ScalingDecision.objects.get().inputs["samples"]["cpu"]) == 10


# --- Real instances --------------------------------------------------------------------------
def real(mode=Mode.RECOMMEND, **fields):
    account = builders.account(actor_role_arn="arn:aws:iam::123456789012:role/actor")
    return builders.managed(inventory=builders.instance(account), policy={"mode": mode}, **fields)


def load_of(instance, **fields):
    """A real load, published each five minutes."""
    load(instance, source=Source.CLOUDWATCH, step=timedelta(minutes=5), count=5, **fields)


def test_of_a_real_instance_scaling_is_recommended_once_a_cooldown(clock):
    instance = real()
    load_of(instance)
    clock.go_on(seconds=60)
    assert decided(instance) == [
        (Direction.SCALE_UP, "sustained_up", Outcome.RECOMMENDED, []),
        (Direction.NO_ACTION, "sustained_up", Outcome.NONE, ["cooldown"]),
    ]
    assert level(instance) == (1, 100)


def test_what_is_simulated_for_a_real_instance_is_judged_by_the_half_minute(clock):
    instance = real()
    load(instance, source=Source.SIMULATED)
    deciding.decide(NOON, 0, 1)
    decision = ScalingDecision.objects.get()
    assert "of last 5 minutes" in decision.reason
    assert decision.simulated


def test_what_is_simulated_never_acts_at_aws(clock):
    instance = real(Mode.ASG)
    load(instance, source=Source.SIMULATED)
    deciding.decide(NOON, 0, 1)
    assert decided(instance) == [(Direction.NO_ACTION, "sustained_up", Outcome.NONE, ["simulated"])]


def test_an_action_at_aws_is_ordered_and_the_level_waits_for_it(clock, monkeypatch):
    ordered = []
    monkeypatch.setattr(acting, "order", ordered.append)
    instance = real(Mode.ASG)
    load_of(instance)
    clock.go_on(seconds=30)
    decision = ScalingDecision.objects.earliest("slot")
    assert ordered == [decision]
    assert (decision.outcome, decision.level_before, decision.level_after) == (Outcome.PENDING, 1, 1)
    assert level(instance) == (1, 100)
    assert decided(instance)[1][3] == ["pending", "cooldown"]


def test_an_order_is_a_run_of_the_ledger_that_is_there_with_the_decision(clock, sent):
    instance = real(Mode.ASG)
    load_of(instance)
    deciding.decide(NOON, 0, 1)
    run = Run.objects.get(pipeline=alarming.PIPELINE)
    assert (run.scope, run.scheduled_for, run.status) == (instance.instance_id, NOON, Status.QUEUED)


def test_an_accounts_budget_of_actions_is_kept_within_one_tick(clock, monkeypatch, settings):
    settings.SCALING_ACTIONS_PER_HOUR = 2
    monkeypatch.setattr(acting, "order", lambda decision: None)
    account = builders.account(actor_role_arn="arn:aws:iam::123456789012:role/actor")
    for _ in range(3):
        load_of(builders.managed(inventory=builders.instance(account), policy={"mode": Mode.ASG}))
    assert deciding.decide(NOON, 0, 1) == {"scale_up pending": 2, "no_action none": 1}
    assert ScalingDecision.objects.get(outcome=Outcome.NONE).vetoes[0]["code"] == "budget"


@pytest.mark.parametrize(
    ("mode", "role", "arn", "vetoes"),
    [
        (Mode.ASG, "viewer", "arn:aws:iam::123456789012:role/actor", ["owner"]),
        (Mode.ASG, "operator", "", ["actor_role"]),
        (
            Mode.EC2_RESIZE,
            "operator",
            "arn:aws:iam::123456789012:role/actor",
            ["restart", "maintenance_window"],
        ),
    ],
)
def test_what_acting_needs_is_looked_up(clock, mode, role, arn, vetoes):
    account = builders.account(actor_role_arn=arn)
    owner = builders.user(role)
    instance = builders.managed(owner, inventory=builders.instance(account), policy={"mode": mode})
    load_of(instance)
    deciding.decide(NOON, 0, 1)
    assert [one[3] for one in decided(instance)] == [vetoes]


@pytest.mark.parametrize(
    ("why", "reason"),
    [
        ("gone", "not in the collected inventory"),
        ("unknown", "not in the"),
        ("no role", "needs the role viewer"),
    ],
)
def test_a_real_instance_that_may_not_be_monitored_any_more_is_held_and_told_of_once(clock, why, reason):
    listed = builders.instance(gone_at=NOON if why == "gone" else None)
    owner = builders.user(None if why == "no role" else "viewer")
    instance = builders.managed(owner, inventory=listed)
    if why == "unknown":
        ManagedInstance.objects.update(inventory=None)
    load_of(instance)
    clock.go_on(seconds=45)
    decision = ScalingDecision.objects.get()
    assert (decision.decision, decision.rule) == (Direction.NO_ACTION, "unlisted")
    assert reason in decision.reason


# --- Quality ---------------------------------------------------------------------------------
def poor(**datasets):
    return builders.quality_report(computed_at=NOON, datasets=datasets)


def hot():
    """A real instance with a high load."""
    instance = real()
    load_of(instance)
    return instance


def test_data_of_poor_quality_scale_no_real_instance_and_the_reason_says_so(clock):
    instance, report = hot(), poor(samples=60.0)
    clock.go_on(seconds=15)
    assert decided(instance) == [(Direction.NO_ACTION, "sustained_up", Outcome.NONE, ["quality"])]
    decision = ScalingDecision.objects.get()
    why = f"the quality of samples is 60.0, below 70 (report {report.pk} of 2026-03-20)"
    assert decision.reason.endswith(f"Held: The data are not good enough: {why}.")
    assert decision.inputs["guard"]["low_quality"] == why
    assert replayed(decision) == ("sustained_up", decision.reason, decision.level_after, decision.vetoes)


def test_that_data_are_poor_is_news_once_and_over_with_the_next_report(clock):
    instance = hot()
    poor(samples=60.0)
    clock.go_on(seconds=45)
    poor(samples=95.0)
    clock.go_on(seconds=15)
    recommended = (Direction.SCALE_UP, "sustained_up", Outcome.RECOMMENDED, [])
    held = (Direction.NO_ACTION, "sustained_up", Outcome.NONE, ["quality"])
    assert decided(instance) == [held, recommended]


@pytest.mark.parametrize(
    ("datasets", "vetoes"),
    [
        ({"samples": None, "cpu": 60.0}, ["quality"]),
        ({"samples": 90.0, "cpu": 60.0}, []),
        ({"samples": None, "cpu": None, "costs": 0.0}, []),
    ],
    ids=["samples unknown", "samples good", "all unknown"],
)
def test_cpu_counts_where_the_quality_of_samples_is_unknown(clock, datasets, vetoes):
    instance = hot()
    poor(**datasets)
    clock.go_on(seconds=15)
    assert decided(instance)[0][3] == vetoes


def test_mocks_and_simulations_have_nothing_of_what_was_collected(clock):
    mock_instance, simulated = builders.managed(), builders.managed(inventory=builders.instance())
    load(mock_instance)
    load(simulated, source=Source.SIMULATED)
    poor(samples=10.0)
    clock.go_on(seconds=15)
    assert [codes for *_, codes in (*decided(mock_instance), *decided(simulated))] == [[], []]


def test_the_quality_is_read_once_a_tick_however_many_there_are(clock, monkeypatch):
    asked = []
    monkeypatch.setattr("scaling.quality.refusal", lambda now: asked.append(now) or "")
    monkeypatch.setattr(deciding, "BATCH", 1)
    for _ in range(3):
        hot()
    deciding.decide(NOON, 0, 1)
    assert asked == [NOON]
    assert ScalingDecision.objects.count() == 3


# --- Queries ---------------------------------------------------------------------------------
def test_the_number_of_queries_does_not_grow_with_what_is_monitored(clock, django_assert_max_num_queries):
    for _ in range(3):
        load(builders.managed())
    with django_assert_max_num_queries(40) as few:
        deciding.decide(NOON, 0, 1)
    for _ in range(30):
        load(builders.managed())
    with django_assert_max_num_queries(len(few)):
        deciding.decide(NOON + SLOT, 0, 1)
